"""The settings of the training of imagination, and how its horizon grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sqair_wm.common.limits import Limits, paired
from sqair_wm.training.schedule import Schedule

FEWEST = 16
"""Least number of stretches of an iteration, however many objects there are, unless `batch` is less."""

MORE = 4
"""How many times as many stretches brief iterations have."""


@dataclass(frozen=True)
class ImaginationConfig(Schedule):
    """How imagination is trained: the dynamics on rollouts of observed scenes, and the heads for reward and ending.

    Attributes:
        context: observed frames before a rollout begins (burn-in).
        remember: iterations after which the memories of the dynamics in all frames are computed again with its weights
            of then, see `training.remembering`; 0 to keep those with which the recording was encoded.
        steps: [[iteration, steps], ...]: the horizon of rollouts from that iteration on.
        brief: the horizon of brief iterations, with `MORE` times as many stretches; 0 for no brief iterations.
        briefs: number of brief iterations after each other one.
        wrong: share of the stretches of brief iterations that are sampled by their last error, see `FrameErrors`.
        rounds: [[iteration, frames], ...]: after that iteration, so many frames of the game are played, by planning
            with the model as trained so far, and added to the data; rounds after the last iteration are ignored. Data
            that are not a game have no rounds.
        streams: games that are played in parallel in a round.
        curiosity: of the player in a round, see `Exploring`.
        objects: about how many objects all stretches of an iteration hold together. Where scenes hold many objects
            there are fewer stretches than `batch`, at least `FEWEST`, so that as many iterations fit into the minutes;
            0 for no limit.
        density: weight of the negative log density of the next state (the prior's term of the bound).
        stay: weight of the cross entropy of which objects stay.
        look: weight of the error of size and appearance; the error of position has weight 1.
        scenery: weight of the error of the background around objects.
        births: weight of the loss of when and where new objects appear.
        intent: weight of the error of where objects are about to go, with `model.pairs=intent` or `hit`.
        outcome: weight of the losses of reward and ending after observed steps.
        dreamt: weight of the same losses after imagined steps.
        weight_decay: of the heads for reward and ending, as in AdamW: rewards are so few that the heads would know
            them by heart, and expect none in new scenes.
        muon: factor on the learning rate of the layers of the dynamics and of the heads, which Muon trains, see
            `MuonAdamW`; 0 to train all parameters with AdamW.
        astray: threshold in object sizes: an object whose imagined position is further than this from the observed one
            is put back at the observed one, and the rollout continues from there; 0 for no threshold.
        missed: additional weight of a step whose error exceeds `astray`; other steps have weight 1.
        eventful: share of the other stretches, and of the single steps, that are drawn where something happens: objects
            meet or appear, a reward comes, the game ends.
        singles: number of single steps in an iteration, from the whole recording, from which reward and ending are
            learned.
    """

    iterations: int = 2400
    minutes: float = 10.0
    batch: int = 64
    learning_rate: float = 1.5e-3
    decay: list[list[float]] = field(default_factory=lambda: [[0.6, 0.5], [0.8, 0.2], [0.92, 0.05]])
    clip: float = 10.0
    context: int = 2
    remember: int = 50
    steps: list[list[int]] = field(default_factory=lambda: [[0, 2], [200, 5], [600, 10], [1200, 16]])
    brief: int = 4
    briefs: int = 3
    wrong: float = 0.8
    rounds: list[list[int]] = field(default_factory=lambda: [[1000, 4000], [1600, 4000]])
    streams: int = 8
    curiosity: float = 0.3
    objects: int = 256
    density: float = 0.02
    stay: float = 1.0
    look: float = 0.2
    scenery: float = 1.0
    births: float = 1.0
    intent: float = 0.3
    outcome: float = 1.0
    dreamt: float = 0.5
    weight_decay: float = 1.0
    muon: float = 3.0
    astray: float = 0.4
    missed: float = 8.0
    eventful: float = 0.5
    singles: int = 384

    group = "imagination"

    LIMITS: ClassVar[Limits] = dict.fromkeys(
        ("density", "stay", "look", "scenery", "births", "intent", "outcome", "dreamt", "curiosity", "weight_decay"),
        (0, 1e6),
    ) | {
        "muon": (0, 1e6),
        "context": (None, 10_000),
        "remember": (0, None),
        "steps": (0, None),
        "brief": (0, 10_000),
        "briefs": (0, 10_000),
        "rounds": (0, None),
        "streams": (1, 10_000),
        "astray": (None, 1e6),
        "missed": (None, 1e6),
        "objects": (None, 1e6),
        "singles": (None, 1e6),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not paired(self.steps, self.rounds, self.decay):
            raise ValueError("imagination.steps, imagination.rounds and imagination.decay take pairs of numbers")
        if self.context < 2:
            raise ValueError(
                f"imagination.context must be at least 2 (a velocity takes two frames), got {self.context}"
            )
        if self.astray < 0 or self.missed < 0:
            raise ValueError(
                f"imagination.astray ({self.astray}) and imagination.missed ({self.missed}) can't be negative"
            )
        if not (0 <= self.eventful < 1 and 0 <= self.wrong < 1):
            shares = f"imagination.eventful ({self.eventful}) and imagination.wrong ({self.wrong})"
            raise ValueError(f"{shares} are shares from 0 on and below 1")
        if self.objects < 0:
            raise ValueError(f"imagination.objects can't be negative, got {self.objects}; 0 means no limit")
        if self.singles < 1:
            raise ValueError(f"imagination.singles must be at least 1, got {self.singles}")
        if any(frames < self.streams or frames % self.streams for _, frames in self.rounds):
            raise ValueError(
                f"imagination.rounds is {self.rounds}: the frames of each have to be a multiple of "
                f"imagination.streams={self.streams}"
            )
        if not self.steps or self.steps[0][0] != 0 or min(n for _, n in self.steps) < 1:
            raise ValueError("imagination.steps must start at iteration 0, as in [[0, 2], [500, 10]]")

    def is_brief(self, iteration: int) -> bool:
        """Whether an iteration is a brief one."""
        return 0 < self.brief < self._scheduled(iteration) and iteration % (1 + self.briefs) > 0

    def imagined(self, iteration: int) -> int:
        """Steps imagined at that iteration."""
        return self.brief if self.is_brief(iteration) else self._scheduled(iteration)

    def _scheduled(self, iteration: int) -> int:
        return [steps for start, steps in self.steps if iteration >= start][-1]

    def stretches(self, crowd: float, iteration: int) -> int:
        """Stretches of an iteration on play whose scenes hold `crowd` objects on average."""
        several = self.batch
        if self.objects and crowd > 0:
            several = min(self.batch, max(FEWEST, round(self.objects / crowd)))
        return MORE * several if self.is_brief(iteration) else several
