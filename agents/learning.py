"""How a world model goes on learning while agents play."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from lightning_fabric import Fabric

from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.world.world_model import WorldModel

from .experience import GrownPlay

ENDLESS = 10**9
"""Iterations of a training whose end is not planned."""


class WorldLearner(Protocol):
    """What trains a world model further on an agent's play; agents know nothing else of that training."""

    def learn(self, play: GrownPlay, iterations: int) -> dict[str, float]:
        """Learn on all play so far for a few iterations, and leave the model ready to use, without gradients.

        What is learned may be the eyes (from `play.recordings`), the dynamics and the heads (from `play.encoded`), or
        all of them. Who changes the eyes looks at all play again.

        Returns:
            Means of what was recorded.
        """

    def save(self, folder: Path) -> None:
        """Write what it takes to go on into `folder`; the model's weights are written apart."""


@dataclass(frozen=True)
class InRounds(ImaginationConfig):
    """A training without an end, in rounds after each of which the model is used.

    Attributes:
        cycle: iterations of a round; the learning rate falls in each, so that what is used has settled.
        final: share of the learning rate that is left at the end of a round.
    """

    cycle: int = 1
    final: float = 0.1

    def rate(self, position: int) -> float:
        """See `Schedule.rate`."""
        return self.learning_rate * (1 - (1 - self.final) * (position % self.cycle) / self.cycle)


@dataclass(frozen=True)
class WorldSettings:
    """How dynamics and heads go on learning; the eyes stay as they are.

    Attributes:
        rate: learning rate at the beginning of a round.
        final: share of it that is left at the end of one, see `InRounds`.
        batch: stretches of play in an iteration.
        context: frames that are seen before imagination begins.
        imagined: steps that are imagined.
        brief, briefs, wrong: see `ImaginationConfig`.
        singles: single steps that reward and ending are learned from, in an iteration.
        fresh: how much more often a frame of the agent's play is learned from than one that the model was trained on
            before the agent came.
    """

    rate: float = 6e-4
    final: float = 0.1
    batch: int = 64
    context: int = 4
    imagined: int = 16
    brief: int = 4
    briefs: int = 3
    wrong: float = 0.8
    singles: int = 384
    fresh: float = 4.0

    def __post_init__(self) -> None:
        if min(self.batch, self.imagined, self.singles) < 1 or self.rate <= 0 or self.fresh <= 0:
            raise ValueError(f"batch, imagined and singles have to be at least 1, rate and fresh positive: {self}")


class ImaginationLearner:
    """Goes on with the training of imagination, see `ImaginationTrainer`.

    Args:
        world: the model, which changes.
        settings: of learning.
        fabric: device and precision.
        folder: that `save` wrote to; None for a training that begins.
        seed: of sampling.
    """

    def __init__(
        self, world: WorldModel, settings: WorldSettings, fabric: Fabric, folder: Path | None = None, seed: int = 0
    ):
        self.world, self.fabric, self.seed, self.folder, self.settings = world, fabric, seed, folder, settings
        self.config = InRounds(
            iterations=ENDLESS,
            minutes=0.0,
            batch=settings.batch,
            learning_rate=settings.rate,
            decay=[],
            context=settings.context,
            steps=[[0, settings.imagined]],
            brief=settings.brief,
            briefs=settings.briefs,
            wrong=settings.wrong,
            singles=settings.singles,
            final=settings.final,
        )
        self.trainer: ImaginationTrainer | None = None

    def learn(self, play: GrownPlay, iterations: int) -> dict[str, float]:
        """See `WorldLearner.learn`."""
        if iterations < 1:
            return {}
        self.world.requires_grad_(True)
        own, known = play.encoded, play.known
        if self.trainer is None:
            folder, config = self.folder or play.folder, replace(self.config, cycle=iterations)
            # The random numbers of the agent are not those of this training.
            device = self.world.background.device
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                self.trainer = ImaginationTrainer(self.world, own, config, folder, self.fabric, self.seed).begin()
        share = own_share(len(own.part), 0 if known is None else len(known.part), self.settings.fresh)
        chance = np.random.default_rng([self.seed, self.trainer.position])
        records = []
        for _ in range(iterations):
            self.trainer.play = own if known is None or chance.random() < share else known
            records.append(self.trainer.step())
        self.world.eval().requires_grad_(False)
        return {name: float(torch.stack([r[name] for r in records]).mean()) for name in records[0]}

    def save(self, folder: Path) -> None:
        """See `WorldLearner.save`."""
        if self.trainer is not None:
            self.trainer.checkpoint = folder / self.trainer.checkpoint.name
            self.trainer.save()


def own_share(own: int, known: int, fresh: float) -> float:
    """Share of the iterations that learn from the agent's `own` frames, where `known` were there before it came."""
    return fresh * own / (fresh * own + known)
