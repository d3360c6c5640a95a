"""Training of imagination on an encoded recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sqair_wm.training.drawing import FrameErrors, Shares
from sqair_wm.training.encoded import EncodedPlay, Play
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination_loss import ERRORS, ImaginationLoss
from sqair_wm.training.loop import Loop
from sqair_wm.training.optimiser import MuonAdamW
from sqair_wm.training.remembering import remember
from sqair_wm.world.world_model import WorldModel

CHECKPOINT = "imagination.pt"

REMEMBERED = "remembered"
"""The name in a checkpoint of the weights with which the memories of the recording were computed."""

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
        self.config, self.play, self.world = config, play, world
        self.errors = FrameErrors()
        self._remembering: dict[str, Tensor] = {}
        self._outdated = False
        self._noted: list[tuple[str, Tensor, Tensor]] = []
        loss = ImaginationLoss(world, config)
        optimizer = MuonAdamW(loss.groups(), config.learning_rate, config.muon)
        super().__init__(loss, optimizer, config, folder / CHECKPOINT, fabric, seed, follows)

    def extend(self, play: EncodedPlay) -> None:
        """Add `play` to the data of training."""
        self.play = EncodedPlay.join([self.play, play])
        self._outdated = bool(self._remembering)

    def step(self) -> dict[str, Tensor]:
        """See `Loop.step`; every `ImaginationConfig.remember` iterations all memories are computed again before it."""
        self.begin()
        dynamics, often = cast(nn.Module, self.world.sqair.dynamics), self.config.remember
        if often and self.iteration and self.iteration % often == 0:
            self._remembering, self._outdated = _copy(dynamics), True
        if self._outdated:
            now, self._outdated = _copy(dynamics), False
            dynamics.load_state_dict(self._remembering)
            remember(self.world, self.play.states, self.play.part, self.play.actions)
            dynamics.load_state_dict(now)
        return super().step()

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
        """See `Loop.memory`. Memories are not stored, they follow from the weights."""
        return {ERRORS: self.errors.state_dict(), REMEMBERED: self._remembering}

    def recall(self, state: dict[str, Any]) -> None:
        """See `Loop.recall`."""
        self.errors.load_state_dict(state.get(ERRORS, {}))
        self._remembering = state.get(REMEMBERED, {})
        self._outdated = bool(self._remembering)

    def arguments(self, batch: tuple[Play, Play], position: int) -> tuple:
        """See `ImaginationLoss.forward`."""
        return batch

    def frames(self, position: int) -> int:
        """See `Loop.frames`."""
        return self.config.stretches(self.play.crowd, position) * self._length(position)


def _copy(module: nn.Module) -> dict[str, Tensor]:
    """The weights of a module as they are now."""
    return {name: x.clone() for name, x in module.state_dict().items()}
