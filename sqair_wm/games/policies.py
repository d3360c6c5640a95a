"""Players of games: policies with the `predict` of stable-baselines3, and players that act at random."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

LONGEST_HOLD = 8
"""Most steps for which an action is held."""


class Policy(Protocol):
    """Chooses actions for a batch of observations: a model of stable-baselines3, a planner."""

    def predict(
        self, observation: Any, state: Any = None, episode_start: np.ndarray | None = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """Actions `[B]`, and what to pass as `state` next time."""


class Player(Protocol):
    """Plays `B` games side by side from what they show."""

    def act(self, frames: np.ndarray, fresh: np.ndarray, lost: np.ndarray) -> np.ndarray:
        """Actions `[B]` after the frames `[B, H, W, 3]` uint8.

        Args:
            frames: the last ones.
            fresh: `[B]` bool, those that begin an episode.
            lost: `[B]` bool, those with which a life was lost.
        """


class RandomPlayer:
    """Plays at random and holds actions; game `i` has the seed `seed + i`."""

    def __init__(self, number: int, actions: int, seed: int):
        self._agents = [RepeatingAgent(actions, seed + i) for i in range(number)]

    def act(self, frames: np.ndarray, fresh: np.ndarray, lost: np.ndarray) -> np.ndarray:
        """See `Player.act`; the frames are ignored."""
        return np.array([agent.act() for agent in self._agents])


class RandomPolicy:
    """Plays at random and holds actions, as recordings are made."""

    def __init__(self, number: int, actions: int, seed: int):
        self._agents = [RepeatingAgent(actions, seed + i) for i in range(number)]

    def predict(
        self, observation: Any, state: Any = None, episode_start: np.ndarray | None = None, deterministic: bool = False
    ) -> tuple[np.ndarray, None]:
        """The next action of every row."""
        return np.array([agent.act() for agent in self._agents]), None


class RepeatingAgent:
    """Plays at random and holds each action for 1 to `LONGEST_HOLD` steps, so that sprites get somewhere."""

    def __init__(self, actions: int, seed: int):
        self._actions, self._random, self._left, self._action = actions, np.random.default_rng(seed), 0, 0

    def act(self) -> int:
        """The next action."""
        if self._left == 0:
            self._action, self._left = (
                int(self._random.integers(self._actions)),
                int(self._random.integers(1, LONGEST_HOLD + 1)),
            )
        self._left -= 1
        return self._action
