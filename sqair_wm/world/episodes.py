"""Imagined episodes: they begin at given scenes and end at a horizon, in uncertainty, or where the game would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch

from sqair_wm.common.finite import check_finite
from sqair_wm.common.limits import Limits, check_settings
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.world.scenes import Scenes
from sqair_wm.world.world_model import WorldModel

ENDS = ("threshold", "sample")


@dataclass(frozen=True)
class EpisodeRules:
    """How imagined episodes go.

    Attributes:
        horizon: steps after which an episode is truncated, at least 2.
        stochastic: sample the future; otherwise the likeliest one.
        discover: whether new objects may appear.
        max_uncertainty: an episode is truncated where `Outcome.uncertainty`, in object sizes, is larger; None for
            never.
        ends: an episode terminates where the predicted probability of the end exceeds one half (`threshold`), or with
            that probability (`sample`).
    """

    horizon: int = 15
    stochastic: bool = True
    discover: bool = True
    max_uncertainty: float | None = None
    ends: str = "threshold"

    LIMITS: ClassVar[Limits] = {"horizon": (None, 1e9)}

    def __post_init__(self) -> None:
        check_settings(self)
        if self.horizon < 2:
            raise ValueError(f"horizon has to be at least 2, got {self.horizon}: an episode needs a step to go on from")
        if self.ends not in ENDS:
            raise ValueError(f"ends is {self.ends!r}; choose one of {', '.join(ENDS)}")


class EpisodeStep(NamedTuple):
    """The result of an imagined step; arrays `[B]`.

    Attributes:
        reward: float64, expected, unclipped, in the game's units.
        terminated: bool, the game is predicted to end.
        truncated: bool, the horizon was reached or the model was too uncertain; never where terminated.
        uncertainty: float64, see `Outcome.uncertainty`.
    """

    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    uncertainty: np.ndarray


class Episodes:
    """`number` episodes side by side.

    Args:
        world: the model.
        number: of episodes.
        rules: how they go.

    Attributes:
        scenes: the current scene of each.
        running: `[B]` bool, whether an episode goes on.
    """

    def __init__(self, world: WorldModel, number: int, rules: EpisodeRules):
        self.world, self.number, self.rules = world, number, rules
        self.scenes = Scenes(world.initial(number))
        self.running = np.zeros(number, bool)
        self._age = np.zeros(number, np.int64)

    def start(self, states: Slots, rows: np.ndarray) -> None:
        """Begin episodes at `states`, one for each of `rows` `[B]` that is true."""
        self.scenes.restart(states, rows)
        self._age[rows], self.running[rows] = 0, True

    @torch.inference_mode()
    def step(self, actions: np.ndarray, generator: torch.Generator) -> EpisodeStep:
        """One step of every episode under `actions` `[B]` int64, with random numbers from `generator`.

        Raises:
            FloatingPointError: if the model's reward, ending or uncertainty is not finite.
        """
        rules, before = self.rules, self.scenes.state
        action = torch.from_numpy(actions).to(before.step.device)
        noise = Noise.draw(before, generator=generator) if rules.stochastic else None
        after, outcome = self.world.step(before, action, noise, discover=rules.discover)
        self.scenes.advance(after)
        self._age += 1
        threshold = torch.full_like(outcome.ends, 0.5)
        if rules.ends == "sample":
            threshold = torch.rand(self.number, generator=generator, device=threshold.device)
        numbers = torch.stack([outcome.reward, outcome.ends, outcome.uncertainty, threshold]).double().cpu().numpy()
        check_finite(numbers.T, "an outcome")
        reward, ends, uncertainty, limit = numbers
        most = np.inf if rules.max_uncertainty is None else rules.max_uncertainty
        terminated = ends > limit
        truncated = ((self._age >= rules.horizon) | (uncertainty > most)) & ~terminated
        self.running &= ~(terminated | truncated)
        return EpisodeStep(reward.copy(), terminated, truncated, uncertainty.copy())
