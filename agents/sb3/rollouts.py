"""Observations of the real game that hold an imagined rollout of every action.

This is the imagination core of imagination-augmented agents (Weber et al. 2017, "Imagination-Augmented Agents for Deep
Reinforcement Learning", section 2). The environment imagines the rollouts, because the world model needs its memory of
the scene, which observations do not hold. So the agent contains no part of the world model, which is frozen as in the
paper, and each rollout is imagined once, not again in every pass over the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.finite import check_finite
from sqair_wm.envs.layout import Layout
from sqair_wm.world.world_model import WorldModel

from ..imagined_returns import Counting, Steps
from ..playing.games import RealGames

SLOTS, IMAGINED, REWARDS = "slots", "imagined", "rewards"
"""Keys of an observation, see `rollout_space`."""


@dataclass(frozen=True)
class RolloutSettings(Counting):
    """Settings of the rollouts in an observation.

    Attributes:
        length: steps of a rollout.
        imagine: use the world model; otherwise a copy model, see `CopyModel`.
    """

    reward: str = "sign"
    length: int = 5
    imagine: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length < 1:
            raise ValueError(f"length has to be at least 1, got {self.length}")


class NoOutcome(NamedTuple):
    """The outcome of a step without reward or ending; tensors `[B]`, see `Outcome`."""

    reward: Tensor
    sign: Tensor
    ends: Tensor


class CopyModel:
    """A model in which nothing changes and no reward comes: the control of Weber et al. 2017 (section 3).

    An agent with it has the same networks, but no information from imagination.
    """

    def step(self, slots: Any, action: Tensor) -> tuple[Any, NoOutcome]:
        """`B` scenes and actions `[B]` to the same scenes, and no reward."""
        nothing = torch.zeros(action.shape, device=action.device)
        return slots, NoOutcome(nothing, nothing, nothing)


class Rollouts:
    """Imagines a rollout for each action, continued by a rollout policy.

    Each step is the likeliest one; the actions after the first are sampled from the rollout policy.

    Args:
        world: the model that imagines, such as a `WorldModel`.
        features: function from `B` scenes to rows `[B, N, D]`, such as `Layout.features`.
        actions: number A of actions of the game.
        settings: of the rollouts.
        seed: of sampled actions.

    Attributes:
        policy: the rollout policy: rows `[B, N, D]` to logits `[B, A]`; None for uniformly random actions.
    """

    def __init__(
        self, world: Steps, features: Callable[[Any], Tensor], actions: int, settings: RolloutSettings, seed: int = 0
    ):
        self.world: Steps = world if settings.imagine else CopyModel()
        self.features, self.actions, self.settings, self._seed = features, actions, settings, seed
        self.policy: Callable[[Tensor], Tensor] | None = None
        self._random: torch.Generator | None = None
        self._saved: Tensor | None = None

    @torch.no_grad()
    def imagine(self, scenes: Any) -> tuple[Tensor, Tensor]:
        """A rollout of `T` steps for each of `A` actions, from each of `B` scenes.

        Returns:
            The rows after each step, `[B, A, T, N, D]`, and the rewards of the steps, `[B, A, T]`: transformed, times
            the probability that the episode has not ended before.
        """
        batch, device = scenes.step.shape[0], scenes.step.device
        action = torch.arange(self.actions, device=device).repeat(batch)
        scenes, alive = scenes.repeat(self.actions), torch.ones(len(action), device=device)
        seen: list[Tensor] = []
        rewards: list[Tensor] = []
        for _ in range(self.settings.length):
            action = self._act(seen[-1]) if seen else action
            scenes, outcome = self.world.step(scenes, action)
            seen.append(self.features(scenes))
            rewards.append(alive * self.settings.of(outcome))
            alive = alive * (1 - outcome.ends)
        rows, brought = (torch.stack(x, 1).unflatten(0, (batch, self.actions)) for x in (seen, rewards))
        return rows, brought

    def observe(self, scenes: Any) -> dict[str, np.ndarray]:
        """`B` scenes and their rollouts, as a batch of observations of `rollout_space`.

        Raises:
            FloatingPointError: if the model gave a value that is not finite.
        """
        shown = dict(zip((IMAGINED, REWARDS), self.imagine(scenes), strict=True)) | {SLOTS: self.features(scenes)}
        arrays = {name: x.to(torch.float32).cpu().numpy() for name, x in shown.items()}
        for name, values in arrays.items():
            check_finite(values, f"a value ({name})")
        return arrays

    def _act(self, seen: Tensor) -> Tensor:
        """Actions `[B]` of the rollout policy, given rows `[B, N, D]`."""
        if self._random is None or self._random.device != seen.device:
            self._random = torch.Generator(seen.device).manual_seed(self._seed)
            if self._saved is not None:
                self._random.set_state(self._saved)
        logits = seen.new_zeros(len(seen), self.actions) if self.policy is None else self.policy(seen)
        return torch.multinomial(logits.softmax(-1), 1, generator=self._random)[:, 0]

    def state_dict(self) -> dict[str, Any]:
        """The state of the random numbers."""
        return {} if self._random is None else {"random": self._random.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._random, self._saved = None, state.get("random")


def rollout_space(rows: gym.spaces.Box, actions: int, length: int) -> gym.spaces.Dict:
    """The observation space of one game with rollouts.

    Args:
        rows: space of a scene's rows, `[N, D]`, see `Layout`.
        actions: number A of actions.
        length: steps T of a rollout.

    Returns:
        `slots` `[N, D]`, the scene as it is; `imagined` `[A, T, N, D]`, as it will be; `rewards` `[A, T]`.
    """
    low, high = (np.broadcast_to(x, (actions, length, *rows.shape)) for x in (rows.low, rows.high))
    rewards = gym.spaces.Box(-np.inf, np.inf, (actions, length), np.float32)
    return gym.spaces.Dict({SLOTS: rows, IMAGINED: gym.spaces.Box(low, high, dtype=np.float32), REWARDS: rewards})


def space_of(world: WorldModel, settings: RolloutSettings, around: bool = False) -> gym.spaces.Dict:
    """`rollout_space` for the game of a world model."""
    rows = Layout.for_agents(world, around).space
    assert isinstance(rows, gym.spaces.Box)
    return rollout_space(rows, world.config.actions, settings.length)


class RolloutSight:
    """The found objects and a rollout for each action, see `rollout_space`; a `Sight`.

    Args:
        world: the model that imagines.
        settings: of the rollouts.
        seed: of sampled actions.
        around: as in `Layout.for_agents`.

    Attributes:
        rollouts: imagines them; its `policy` is set after the agent has been built, see `Rollouts`.
    """

    tracked = True

    def __init__(self, world: WorldModel, settings: RolloutSettings, seed: int = 0, around: bool = False):
        features = Layout.for_agents(world, around).features
        self.rollouts = Rollouts(world, features, world.config.actions, settings, seed)
        self.space = space_of(world, settings, around)

    def see(self, games: RealGames, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """See `Sight.see`."""
        return self.rollouts.observe(games.slots)

    def state_dict(self) -> dict[str, Any]:
        """See `Sight.state_dict`."""
        return self.rollouts.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Sight.load_state_dict`."""
        self.rollouts.load_state_dict(state)
