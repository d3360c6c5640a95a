"""The base class of planners: a model to imagine with, a horizon, and the `predict` of stable-baselines3."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from sqair_wm.world.world_model import WorldModel

from ..imagined_returns import Counting, Sampled, Steps, Value, returns_of


@dataclass(frozen=True)
class PlanSettings(Counting):
    """How a planner looks ahead.

    Attributes:
        horizon: number of decisions in a plan.
        hold: steps for which an imagined decision is held. In the real game, a new plan is made after every step.
    """

    horizon: int = 4
    hold: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.horizon, self.hold) < 1:
            raise ValueError(f"horizon and hold have to be at least 1, got {self.horizon} and {self.hold}")


@dataclass(frozen=True)
class ComparisonSettings(PlanSettings):
    """How a planner compares whole plans.

    Attributes:
        plans: number of plans that are compared at once.
        samples: futures that are imagined of each plan; its worth is their mean. A plan that is good in the likeliest
            future alone, such as one that hits a ball with the edge of the paddle, is worth less than a safe one.
        spread: scale of the noise of these futures, from 0 to 1, see `Sampled`; 0 for the likeliest one. It matters for
            a `WorldModel` only: other models have chances of their own, or none.
    """

    horizon: int = 8
    hold: int = 4
    plans: int = 16
    samples: int = 4
    spread: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.plans, self.samples) < 1:
            raise ValueError(f"plans and samples have to be at least 1, got {self.plans} and {self.samples}")
        if not 0 <= self.spread <= 1:
            raise ValueError(f"spread has to lie between 0 and 1, got {self.spread}")


class Planner(ABC):
    """Chooses actions by comparing imagined rollouts.

    Args:
        world: the model that imagines, such as a `WorldModel`.
        actions: number of actions of the game.
        settings: how it looks ahead.
        value: critic for the scenes at the end of a plan, for rewards transformed as in `settings`; None for 0.
        scenes: the game that is played, whose `slots` are its current scenes: an environment of `sqair_wm.envs`, or
            `RealGames`. None for a planner whose observations are themselves scenes.
        seed: of its random choices.
    """

    def __init__(
        self,
        world: Steps,
        actions: int,
        settings: PlanSettings,
        value: Value | None = None,
        scenes: Any = None,
        seed: int = 0,
    ):
        self.world, self.actions, self.settings, self.value = world, actions, settings, value
        self.scenes, self._seed = scenes, seed
        self._random: torch.Generator | None = None

    @abstractmethod
    def plan(self, scenes: Any, memory: Tensor | None, fresh: Tensor) -> tuple[Tensor, Tensor | None]:
        """Choose an action in each of `B` scenes.

        Args:
            scenes: `B` scenes, such as `Slots`.
            memory: the memory that the last call returned for the same games; None at first.
            fresh: `[B]` bool, where a game has just begun, so that its `memory` must not be used.

        Returns:
            Actions `[B]` int64, and the memory for the next call, `[B, ...]` or None.
        """

    def predict(
        self, observation: Any, state: Any = None, episode_start: np.ndarray | None = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Actions for a batch of observations, see `Policy`.

        Plans begin at the scenes of `self.scenes`, which has to be the game that is played. The observation is used
        only if it is itself a batch of scenes: other observations lack the model's memory.

        Raises:
            ValueError: if there are no scenes.
        """
        scenes = observation if hasattr(observation, "repeat") and hasattr(observation, "step") else self._scenes()
        batch = scenes.step.shape[0]
        begun = np.zeros(batch, bool) if episode_start is None else np.broadcast_to(episode_start, (batch,))
        fresh = torch.from_numpy(begun.copy()).to(scenes.step.device)
        with torch.no_grad():
            chosen, memory = self.plan(scenes, state, fresh)
        actions = chosen.cpu().numpy()
        return (actions[0] if self._alone(observation) else actions), memory

    def random(self, device: torch.device) -> torch.Generator:
        """The planner's source of random numbers, on a device."""
        if self._random is None or self._random.device != device:
            self._random = torch.Generator(device).manual_seed(self._seed)
        return self._random

    def _alone(self, observation: Any) -> bool:
        """Whether an observation is that of a single environment instead of a batch."""
        if not isinstance(self.scenes, gym.Env):
            return False
        seen, space = observation, self.scenes.observation_space
        if isinstance(space, gym.spaces.Dict):
            seen, space = observation["slots"], space["slots"]
        return np.shape(seen) == space.shape

    def _scenes(self) -> Any:
        if self.scenes is None:
            raise ValueError("a planner plans from scenes: give it the game that is played as scenes=...")
        return slots_of(self.scenes)


class Comparing(Planner):
    """A planner that compares the worth of whole plans; see `Planner`."""

    settings: ComparisonSettings

    def copies(self, scenes: Any) -> Any:
        """Each of `B` scenes once for every future that is imagined from it."""
        return scenes.repeat(self.settings.plans * self.settings.samples)

    def worth(self, copies: Any, plans: Tensor) -> Tensor:
        """The mean imagined returns of plans.

        Args:
            copies: `B` scenes, copied by `copies`.
            plans: `[B, plans, horizon]` int64, the action of each decision.

        Returns:
            `[B, plans]`.
        """
        s, world = self.settings, self.world
        if s.spread and isinstance(world, WorldModel):
            world = Sampled(world, self.random(plans.device), spread=s.spread)
        steps = plans.flatten(0, 1).repeat_interleave(s.samples, 0).T.repeat_interleave(s.hold, 0)
        return returns_of(world, copies, steps, s, self.value).unflatten(0, (*plans.shape[:2], s.samples)).mean(2)


def slots_of(env: Any) -> Any:
    """The current scenes of an environment, a vector environment or `RealGames`, also inside wrappers.

    Raises:
        ValueError: if it has none.
    """
    if isinstance(env, gym.Env) and env.has_wrapper_attr("slots"):
        return env.get_wrapper_attr("slots")
    if hasattr(env, "slots"):
        return env.slots
    try:
        found = env.get_attr("slots")
    except AttributeError as error:
        raise ValueError(f"{env} has no slots: plan in sqair_wm/Slots-v0 or another environment of sqair_wm") from error
    # Our vector environments give one batch for all rows; in others, each environment gives its own scene.
    return found[0] if all(x is found[0] for x in found) else type(found[0]).cat(found)
