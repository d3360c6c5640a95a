"""What a trained model does with play that it was not trained on."""

from sqair_wm.evaluation.world import world_metrics

__all__ = ["world_metrics"]
