"""Training of imagination on an encoded recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from sqair_wm.training.drawing import FrameErrors, Shares
from sqair_wm.training.encoded import EncodedPlay, Play
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination_loss import ERRORS, ImaginationLoss
from sqair_wm.training.loop import Loop
from sqair_wm.training.optimiser import MuonAdamW
from sqair_wm.world.world_model import WorldModel

CHECKPOINT = "imagination.pt"

PATIENCE = 16
"""Iterations after which a GPU is waited for, to read how wrong it imagined."""


class ImaginationTrainer(Loop):
    """Trains dynamics and heads of a model on an encoded recording.

    Args:
        world: the model.
        play: the recording, encoded by the model, see `encode`.
        config: the schedule.
        folder: of the run; holds the checkpoint and the TensorBoard log.
        fabric: devices, precision and processes.
        seed: of sampling.
        follows: see `Loop`.

    Attributes:
        errors: how wrong imagination was when it last learned from a frame.
    """

    title = "imagination"

    def __init__(
        self,
        world: WorldModel,
        play: EncodedPlay,
        config: ImaginationConfig,
        folder: Path,
        fabric: Fabric,
        seed: int = 0,
        follows: str = "",
    ):
        self.config, self.play = config, play
        self.errors = FrameErrors()
        self._noted: list[tuple[str, Tensor, Tensor]] = []
        loss = ImaginationLoss(world, config)
        optimizer = MuonAdamW(loss.groups(), config.learning_rate, config.muon)
        super().__init__(loss, optimizer, config, folder / CHECKPOINT, fabric, seed, follows)

    def extend(self, play: EncodedPlay) -> None:
        """Add `play` to the data of training."""
        self.play = EncodedPlay.join([self.play, play])

    def _length(self, position: int) -> int:
        return self.config.context + self.config.imagined(position)

    def sample(self, position: int, generator: torch.Generator) -> tuple[Play, Play]:
        """Stretches of play (the context and the steps to imagine), and single steps."""
        c, device = self.config, self.fabric.device
        events, brief = Shares(c.eventful), c.is_brief(position)
        play = self.play.sample(
            c.stretches(self.play.crowd, position),
            self._length(position),
            generator,
            device,
            first=c.context if brief else 2,
            shares=Shares(wrong=c.wrong) if brief else events,
            errors=self.errors,
        )
        return play, self.play.sample(c.singles, 2, generator, device, shares=events, cleared=True)

    def note(self, batch: tuple[Play, Play], position: int, statistics: dict[str, Tensor]) -> None:
        """See `Loop.note`: how wrong imagination was is remembered for the frames of brief stretches."""
        error, play = statistics.pop(ERRORS), batch[0]
        if self.config.wrong and self.config.is_brief(position):
            first = self.config.context
            self._noted.append((play.name, play.frames[first:], error[first - 1 :]))
        if len(self._noted) > PATIENCE * error.is_cuda:
            for name, frame, wrong in self._noted:
                self.errors.note(name, frame.cpu(), wrong.cpu())
            self._noted = []

    def memory(self) -> dict[str, Any]:
        """See `Loop.memory`."""
        return {ERRORS: self.errors.state_dict()}

    def recall(self, state: dict[str, Any]) -> None:
        """See `Loop.recall`."""
        self.errors.load_state_dict(state.get(ERRORS, {}))

    def arguments(self, batch: tuple[Play, Play], position: int) -> tuple:
        """See `ImaginationLoss.forward`."""
        return batch

    def frames(self, position: int) -> int:
        """See `Loop.frames`."""
        return self.config.stretches(self.play.crowd, position) * self._length(position)
