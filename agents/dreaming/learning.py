"""Continued training of a world model on the play of an agent."""

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
"""Number of iterations that stands for no planned end of training."""


class WorldLearner(Protocol):
    """Trains a world model further on an agent's play; the interface through which agents use that training."""

    def learn(self, play: GrownPlay, iterations: int) -> dict[str, float]:
        """Train on all play so far for some iterations, and leave the model ready to use, without gradients.

        An implementation may train the inference network and the decoder (on `play.recordings`), the dynamics and the
        heads (on `play.encoded`), or all of them. If it changes the inference network, it encodes all play again.

        Returns:
            Means of the statistics.
        """

    def save(self, folder: Path) -> None:
        """Write the state of training into `folder`, without the model's weights."""


@dataclass(frozen=True)
class InRounds(ImaginationConfig):
    """The schedule of a training without an end, in rounds; the model is used after each of them.

    Attributes:
        cycle: iterations of a round. The learning rate falls within each round, so that the model in use has converged.
        final: factor on the learning rate at the end of a round.
    """

    cycle: int = 1
    final: float = 0.1

    def rate(self, position: int) -> float:
        """See `Schedule.rate`."""
        return self.learning_rate * (1 - (1 - self.final) * (position % self.cycle) / self.cycle)


@dataclass(frozen=True)
class WorldSettings:
    """How the dynamics and the heads are trained further; the inference network and the decoder stay as they are.

    Attributes:
        rate: learning rate at the beginning of a round.
        final: factor on it at the end of a round, see `InRounds`.
        batch: stretches of play in an iteration.
        context: observed frames before imagination begins (burn-in).
        imagined: imagined steps (horizon).
        brief, briefs, wrong, weight_decay, muon: see `ImaginationConfig`.
        singles: single steps in an iteration from which reward and ending are learned.
        fresh: how much more often a frame of the agent's play is sampled than one of the model's original training
            data.
    """

    rate: float = 6e-4
    final: float = 0.1
    batch: int = 64
    context: int = 2
    imagined: int = 16
    brief: int = 4
    briefs: int = 3
    wrong: float = 0.8
    weight_decay: float = 1.0
    muon: float = 8.0
    singles: int = 384
    fresh: float = 4.0

    def __post_init__(self) -> None:
        if min(self.batch, self.imagined, self.singles) < 1 or self.rate <= 0 or self.fresh <= 0:
            raise ValueError(f"batch, imagined and singles have to be at least 1, rate and fresh positive: {self}")


class ImaginationLearner:
    """A `WorldLearner` that continues the training of imagination, see `ImaginationTrainer`.

    Args:
        world: the model, which is changed.
        settings: of learning.
        fabric: device and precision.
        folder: a folder that `save` wrote to; None to begin a new training.
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
            remember=0,  # `GrownPlay.remember` does it once a round
            steps=[[0, settings.imagined]],
            brief=settings.brief,
            briefs=settings.briefs,
            wrong=settings.wrong,
            weight_decay=settings.weight_decay,
            muon=settings.muon,
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
            # Keep the agent's random numbers independent of this training.
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
    """Share of the iterations on the agent's `own` frames; the others are on the `known` ones of the original data."""
    return fresh * own / (fresh * own + known)
