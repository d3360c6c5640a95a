"""Training of SQAIR on its bound."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn

from sqair_wm.data.sequences import Batch, Sequences
from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.loop import Loop
from sqair_wm.training.rehearsal import Rehearsal

CHECKPOINT = "checkpoint.pt"


class Trainer(Loop):
    """Trains a model on sequences.

    Args:
        model: the model, its weights initialised.
        sequences: the training data.
        config: the schedule.
        folder: of the run; holds the checkpoint and the TensorBoard log.
        fabric: devices, precision and processes.
        seed: of sampling and noise.
    """

    def __init__(
        self, model: SQAIR, sequences: Sequences, config: TrainingConfig, folder: Path, fabric: Fabric, seed: int = 0
    ):
        self.config, self.sequences = config, sequences
        practises = config.rehearsal and isinstance(model, SQAIR) and model.inference.reader is not None
        rehearsal = Rehearsal(model, config.rehearsal, config.longest) if practises else None
        bound = SequenceBound(model, config.particles, config.estimator, config.recompute, rehearsal)
        super().__init__(bound, make_optimizer(model, config), config, folder / CHECKPOINT, fabric, seed)

    @property
    def kept(self) -> nn.Module:
        """The bound without the objects that it remembers for rehearsal."""
        return SequenceBound(self.loss.module.model)

    def _graphs(self) -> bool:
        """Not with `recompute`: it restores the state of the random numbers, which a CUDA graph can't do."""
        return super()._graphs() and not self.config.recompute

    def sample(self, position: int, generator: torch.Generator) -> Batch:
        """Sequences of the length that the schedule asks for."""
        length = self.config.length(position)
        return self.sequences.sample(self.config.sequences(position), length, generator, self.fabric.device)

    def arguments(self, batch: Batch, position: int) -> tuple:
        """See `SequenceBound.forward`."""
        annealing, device = self.config.annealing(position), self.fabric.device
        return batch.frames, batch.actions, annealing if device.type == "cpu" else annealing.on(device)

    def frames(self, position: int) -> int:
        """See `Loop.frames`."""
        return self.config.sequences(position) * self.config.length(position)


def make_optimizer(model: SQAIR, config: TrainingConfig) -> torch.optim.Optimizer:
    """Adam, or RMSProp as published: momentum 0.9, not centred, squared gradients starting at one.

    Adam is used in the variant of Reddi et al. (2018, AMSGrad). The networks of presence are soon certain of nearly
    everything and learn from one scene in a hundred; if earlier gradients were forgotten, its step would be far too
    large.
    """
    if config.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), config.learning_rate, amsgrad=True, fused=True)
    optimizer = torch.optim.RMSprop(model.parameters(), config.learning_rate, alpha=0.9, eps=1e-10, momentum=0.9)
    for parameter in model.parameters():
        optimizer.state[parameter] = {
            "step": torch.zeros(()),
            "square_avg": torch.ones_like(parameter),
            "momentum_buffer": torch.zeros_like(parameter),
        }
    return optimizer
