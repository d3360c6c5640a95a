"""What every kind of training has: how long, how fast, how often it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Schedule:
    """How long and how fast.

    Attributes:
        iterations: length of training.
        minutes: stop earlier when the training thread has computed for so long (0: never), which on an idle machine
            is the time that went by.
        batch: sequences a step, of each process.
        learning_rate: of the optimiser.
        decay: [[share, factor], ...]: once that share of the iterations, or of the minutes, is used up, the learning
            rate is multiplied by the factor.
        clip: largest gradient norm; 0 for none.
        log_every: iterations between records.
        save_every: iterations between checkpoints.
        snapshots: minutes of computing after which the weights are kept apart, to see later how far training was by
            then: `snapshots/TITLE-MINUTES.safetensors` in the run's folder.
    """

    iterations: int = 3000
    minutes: float = 0.0
    batch: int = 32
    learning_rate: float = 5e-4
    decay: list[list[float]] = field(default_factory=list)
    clip: float = 200.0
    log_every: int = 20
    save_every: int = 250
    snapshots: list[float] = field(default_factory=list)

    group = "training"

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{self.group}.{name} must be at least 1, got {getattr(self, name)}")

    def used(self, minutes: float) -> float:
        """Share of the minutes that is used up; 0 if training is not limited by them."""
        return minutes / self.minutes if self.minutes > 0 else 0.0

    def rate(self, iteration: int, used: float = 0.0) -> float:
        """Learning rate at that iteration, when that share of the minutes is used up."""
        progress = max(iteration / self.iterations, used)
        factors = [factor for share, factor in self.decay if progress >= share]
        return self.learning_rate * (factors[-1] if factors else 1.0)
