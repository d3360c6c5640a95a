"""Decisions that are held for some steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqair_wm.games.policies import Policy


class Held:
    """A policy that decides anew only every few steps, and where an episode begins; a `Policy`.

    What it passes as `state` is the state of the other policy, the actions that are held `[B]`, and for how many more
    steps they are, `[B]` int64.

    Args:
        policy: decides.
        hold: steps for which a decision is held, the first one included.
    """

    def __init__(self, policy: Policy, hold: int):
        self.policy, self.hold = policy, hold

    def predict(
        self, observation: Any, state: Any = None, episode_start: np.ndarray | None = None, deterministic: bool = False
    ) -> tuple[np.ndarray, Any]:
        """See `Policy.predict`."""
        decided, inner = self.policy.predict(observation, state and state[0], episode_start, deterministic)
        action, left = state[1:] if state else (decided, np.zeros(np.shape(decided), np.int64))
        due = left == 0 if episode_start is None else (left == 0) | np.reshape(episode_start, np.shape(left))
        action, left = np.where(due, decided, action), np.where(due, self.hold, left) - 1
        return action, (inner, action, left)
