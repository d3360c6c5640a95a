"""Settings that every kind of training has: its length, its learning rate, and how often it is recorded and saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sqair_wm.common.limits import Limits


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train.

    Attributes:
        iterations: length of training.
        minutes: stop earlier when the training thread has computed for so long; 0 for no limit. On a GPU, wall-clock
            time is counted. On a machine too slow for all iterations, everything scheduled in iterations comes sooner,
            so that the whole schedule fits into the minutes; see `lead`.
        batch: sequences a step, of each process.
        learning_rate: of the optimiser.
        decay: [[share of the iterations, factor], ...]: from then on the learning rate is multiplied by the factor.
        clip: largest gradient norm; 0 for none.
        log_every: iterations between records.
        save_every: iterations between checkpoints.
        snapshots: minutes of computing after which a copy of the weights is kept, to measure later how far training
            was: `snapshots/TITLE-MINUTES.safetensors` in the run's folder.
        graphs: record steps as CUDA graphs, see `sqair_wm.training.graph`; only on a single GPU.
    """

    iterations: int
    minutes: float
    batch: int
    learning_rate: float
    decay: list[list[float]]
    clip: float
    log_every: int = 20
    save_every: int = 250
    snapshots: list[float] = field(default_factory=list)
    graphs: bool = True

    group = "training"

    LIMITS: ClassVar[Limits] = {
        "iterations": (1, 1e9),
        "minutes": (0, 1e6),
        "batch": (1, 1e6),
        "learning_rate": (1e-12, 1e6),
        "decay": (0, None),
        "clip": (0, None),
        "log_every": (1, 1e9),
        "save_every": (1, 1e9),
        "snapshots": (0, None),
    }

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{self.group}.{name} must be at least 1, got {getattr(self, name)}")

    def lead(self, iteration: int, minutes: float) -> int:
        """Iterations by which the schedule has to be ahead of `iteration` after `minutes`, to end in time.

        If the machine is too slow for all iterations, the rest of the schedule is spread over the rest of the minutes;
        0 if it is fast enough.
        """
        return max(0, int(self.iterations * minutes / self.minutes) - iteration) if self.minutes > 0 else 0

    def rate(self, position: int) -> float:
        """Learning rate at that position of the schedule, in iterations."""
        factors = [factor for share, factor in self.decay if position >= share * self.iterations]
        return self.learning_rate * (factors[-1] if factors else 1.0)
