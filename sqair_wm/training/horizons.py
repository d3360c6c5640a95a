"""What changes while imagination is trained: how many steps it goes without a look."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqair_wm.training.schedule import Schedule


@dataclass(frozen=True)
class ImaginationConfig(Schedule):
    """How imagination is trained.

    Attributes:
        context: frames that are seen before imagination begins.
        steps: [[iteration, steps], ...]: from then on so many steps are imagined.
        density: weight of the negative log density of the next state (the prior's term of the bound).
        stay: weight of losing and keeping objects.
        look: weight of the error of size and appearance, beside that of position.
        outcome: weight of reward and ending after steps that were seen.
        dreamt: weight of the same after steps imagined from scenes that were seen.
        singles: single steps from all over the recording that reward and ending are learned from, a batch.
    """

    iterations: int = 1000
    minutes: float = 7.0
    batch: int = 32
    learning_rate: float = 1.5e-3
    decay: list[list[float]] = field(default_factory=lambda: [[0.6, 0.5], [0.8, 0.2], [0.92, 0.05]])
    clip: float = 10.0
    context: int = 8
    steps: list[list[int]] = field(default_factory=lambda: [[0, 2], [150, 5], [350, 10], [700, 16]])
    density: float = 0.02
    stay: float = 1.0
    look: float = 0.2
    outcome: float = 1.0
    dreamt: float = 0.1
    singles: int = 384

    group = "imagination"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.context < 2:
            raise ValueError(
                f"imagination.context must be at least 2 (a velocity takes two frames), got {self.context}"
            )
        if self.singles < 1:
            raise ValueError(f"imagination.singles must be at least 1, got {self.singles}")
        if not self.steps or self.steps[0][0] != 0 or min(n for _, n in self.steps) < 1:
            raise ValueError("imagination.steps must start at iteration 0, as in [[0, 2], [500, 10]]")

    def imagined(self, iteration: int) -> int:
        """Steps imagined at that iteration."""
        return [steps for start, steps in self.steps if iteration >= start][-1]
