"""Who plays while a model's decisions are looked at: somebody at random, or somebody who tries out what happens."""

from __future__ import annotations

import numpy as np

from sqair_wm.games.branches import Branching
from sqair_wm.games.policies import RepeatingAgent


def sequences(random: np.random.Generator, actions: int, count: int, steps: int, hold: int) -> np.ndarray:
    """Actions to compare, `[steps, count]`: each action held throughout, then random ones held for `hold` steps each.

    Args:
        random: where they are drawn from.
        actions: of the game; if there are more than `count`, the first.
        count: number of sequences.
        steps: length of each.
        hold: steps for which a random action is held.
    """
    picked = random.integers(0, actions, (-(-steps // hold), count))
    held = min(actions, count)
    picked[:, :held] = np.arange(held)
    return picked.repeat(hold, 0)[:steps]


class LookingAgent:
    """Plays well by trying out in the game itself: no agent, since nobody may look ahead in a real game.

    Of `COUNT` random sequences of `STEPS` steps the best is found by playing them, and its first `HOLD` actions are
    taken. So that states vary, such stretches alternate with stretches of random play.

    Args:
        game: what is played.
        actions: how many it has.
        seed: of all that is random.
    """

    COUNT, STEPS, HOLD = 12, 24, 4
    LOOKING, AIMLESS = (20, 41), (4, 17)
    """Least and (excluded) most steps of a stretch."""

    def __init__(self, game: Branching, actions: int, seed: int):
        self._game, self._actions, self._random = game, actions, np.random.default_rng(seed)
        self._other = RepeatingAgent(actions, seed)
        self._looking, self._left, self._plan = False, 0, np.zeros(0, np.int64)

    def act(self) -> int:
        """The next action."""
        if self._left == 0:
            self._looking = not self._looking
            self._left = int(self._random.integers(*(self.LOOKING if self._looking else self.AIMLESS)))
            self._plan = self._plan[:0]
        self._left -= 1
        if not self._looking:
            return self._other.act()
        if not len(self._plan):
            self._plan = self._best()
        action, self._plan = int(self._plan[0]), self._plan[1:]
        return action

    def _best(self) -> np.ndarray:
        """The beginning of the best sequence; of equally good ones, of any."""
        picked = self._random.integers(0, self._actions, (self.STEPS // self.HOLD, self.COUNT))
        plans = picked.repeat(self.HOLD, 0)
        returns = self._game.try_out(plans).sum(0)
        return plans[: self.HOLD, self._random.choice(np.flatnonzero(returns == returns.max()))]
