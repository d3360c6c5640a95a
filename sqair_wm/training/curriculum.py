"""The settings and the curriculum of SQAIR's training: sequence length, annealing, exploration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqair_wm.common.limits import Limits, paired
from sqair_wm.training.bound import Annealing
from sqair_wm.training.schedule import Schedule


@dataclass(frozen=True)
class TrainingSettings(Schedule):
    """What can be chosen about the training of SQAIR.

    Attributes:
        particles: K of the bound; `auto`: fewer in a crowd.
        estimator: `vimco` or `released`.
        optimizer: `adam` (AMSGrad) or `rmsprop` (as published: momentum 0.9, squared gradients starting at one).
        lengths: [[iteration, frames], ...]: from then on sequences have that many frames.
        brief: every other step takes sequences of this many frames instead, and more of them in proportion, so that
            appearances are learned from more objects; 0 for none.
        rehearsal: remembered objects that each step encodes and draws again, once tracked objects may leave (see
            `keep`); 0 for none. It needs guided discovery.
        kl_start: initial weight of the KL terms; it rises to 1 at iteration `warm_up`.
        warm_up: iterations with annealed KL terms and explored presence; discovery dropout ends at four times that.
        presence_margin: discovery probabilities in the first frame stay in [margin, 1 - margin] during warm-up.
        discovery_dropout: initial share of sequences that may not discover after their first frame.
        keep: [a, b]: before iteration a, tracked objects never leave; from a to b, those of a shrinking share of the
            sequences do not.
        recompute: keep only the state between frames and compute each step again in the backward pass: less memory.
    """

    iterations: int = 1400
    minutes: float = 10.0
    batch: int = 16
    particles: Any = "auto"
    estimator: str = "vimco"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    decay: list[list[float]] = field(default_factory=lambda: [[0.6, 0.5], [0.8, 0.25], [0.9, 0.1]])
    clip: float = 200.0
    lengths: list[list[int]] = field(default_factory=lambda: [[0, 1], [100, 2], [300, 3], [600, 4], [1000, 6]])
    kl_start: float = 1.0
    warm_up: int = 600
    presence_margin: float = 0.02
    discovery_dropout: float = 0.5
    brief: int = 0
    rehearsal: int = 0
    keep: list[float] = field(default_factory=lambda: [600.0, 1000.0])
    recompute: bool = False

    LIMITS: ClassVar[Limits] = {
        "particles": (None, 10_000),
        "lengths": (0, 1e9),
        "kl_start": (0, 1e6),
        "warm_up": (0, 1e9),
        "presence_margin": (0, 0.5),
        "discovery_dropout": (0, 1),
        "brief": (None, 10_000),
        "rehearsal": (None, 10_000),
        "keep": (0, None),
    }


@dataclass(frozen=True)
class TrainingConfig(TrainingSettings):
    """How SQAIR is trained: `TrainingSettings` in which nothing is `auto`."""

    particles: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.estimator not in ("vimco", "released"):
            raise ValueError(f"training.estimator is {self.estimator!r}; choose vimco or released")
        if self.optimizer not in ("adam", "rmsprop"):
            raise ValueError(f"training.optimizer is {self.optimizer!r}; choose adam or rmsprop")
        if self.particles < 2:
            raise ValueError(f"training.particles must be at least 2 (VIMCO compares particles), got {self.particles}")
        if self.brief < 0:
            raise ValueError(f"training.brief is a number of frames, or 0 for no brief steps; got {self.brief}")
        if self.rehearsal < 0:
            raise ValueError(f"training.rehearsal is a number of objects, or 0 for none; got {self.rehearsal}")
        if not self.lengths or self.lengths[0][0] != 0:
            raise ValueError("training.lengths must start at iteration 0, as in [[0, 1], [400, 2]]")
        if not paired(self.lengths, self.decay, [self.keep]):
            raise ValueError("training.lengths and training.decay take pairs of numbers, training.keep takes one pair")
        if min(frames for _, frames in self.lengths) < 1:
            raise ValueError(f"training.lengths is {self.lengths}: a sequence has at least one frame")

    @property
    def longest(self) -> int:
        """Frames of the longest sequences of the schedule."""
        return max(length for _, length in self.lengths)

    def length(self, iteration: int) -> int:
        """Frames of each sequence at that iteration."""
        scheduled = self._scheduled(iteration)
        return min(self.brief, scheduled) if self.brief and iteration % 2 else scheduled

    def sequences(self, iteration: int) -> int:
        """Number of sequences at that iteration."""
        return self.batch * self._scheduled(iteration) // self.length(iteration)

    def _scheduled(self, iteration: int) -> int:
        return [length for start, length in self.lengths if iteration >= start][-1]

    def annealing(self, iteration: int) -> Annealing:
        """Departures from the bound at that iteration."""
        progress = min(1.0, iteration / self.warm_up) if self.warm_up else 1.0
        fade = max(0.0, 1 - iteration / (4 * self.warm_up)) if self.warm_up else 0.0
        keep = self._kept(iteration)
        return Annealing(
            kl_weight=self.kl_start + (1 - self.kl_start) * progress,
            presence_margin=self.presence_margin if progress < 1 else 0.0,
            discovery_dropout=self.discovery_dropout * fade,
            keep=keep,
            practise=not keep,
        )

    def _kept(self, iteration: int) -> float:
        first, last = self.keep
        return (
            float(iteration < first)
            if iteration < first or last <= first
            else max(0.0, (last - iteration) / (last - first))
        )
