"""What a trained model does with data that it was not trained on."""

from __future__ import annotations

from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.sequences import Sequences
from sqair_wm.data.video import VideoSequences
from sqair_wm.evaluation.digits import digit_metrics
from sqair_wm.evaluation.pedestrians import pedestrian_metrics
from sqair_wm.evaluation.world import world_metrics
from sqair_wm.world_model import WorldModel

__all__ = ["digit_metrics", "held_out_metrics", "pedestrian_metrics", "world_metrics"]


def held_out_metrics(model: WorldModel, sequences: Sequences) -> dict[str, float]:
    """The figures that are measured at the end of every training; `sqair_wm.evaluate` measures more."""
    if isinstance(sequences, AtariSequences):
        return world_metrics(model, sequences)
    if isinstance(sequences, MovingMNIST):
        return digit_metrics(model, sequences)
    if isinstance(sequences, VideoSequences):
        return pedestrian_metrics(model, sequences)
    return {}
