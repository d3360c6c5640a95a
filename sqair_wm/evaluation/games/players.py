"""Players and action sequences for measuring decisions; the better player tests short plans in the game itself."""

from __future__ import annotations

import numpy as np

from sqair_wm.games.branches import Branching
from sqair_wm.games.policies import RepeatingAgent


def sequences(random: np.random.Generator, actions: int, count: int, steps: int, hold: int) -> np.ndarray:
    """Actions to compare, `[steps, count]`: each action held throughout, then random ones held for `hold` steps each.

    Args:
        random: draws the random actions.
        actions: number of actions of the game; if more than `count`, only the first are held throughout.
        count: number of sequences.
        steps: length of each.
        hold: steps for which a random action is held.
    """
    picked = random.integers(0, actions, (-(-steps // hold), count))
    held = min(actions, count)
    picked[:, :held] = np.arange(held)
    return picked.repeat(hold, 0)[:steps]


class LookaheadPlayer:
    """The better player: it tries short plans in the game itself, which no agent can do.

    Of `COUNT` random sequences of `STEPS` steps it plays all in a branch, and takes the first `HOLD` actions of the
    best. Stretches of this alternate with stretches of random play, so that states vary.

    Args:
        game: the game that is played.
        actions: number of its actions.
        seed: of all random choices.
    """

    COUNT, STEPS, HOLD = 12, 24, 4
    PLANNED, RANDOM = (20, 41), (4, 17)
    """Least and most steps of a stretch, the second excluded."""

    def __init__(self, game: Branching, actions: int, seed: int):
        self._game, self._actions, self._random = game, actions, np.random.default_rng(seed)
        self._other = RepeatingAgent(actions, seed)
        self._planning, self._left, self._plan = False, 0, np.zeros(0, np.int64)

    def act(self) -> int:
        """The next action."""
        if self._left == 0:
            self._planning = not self._planning
            self._left = int(self._random.integers(*(self.PLANNED if self._planning else self.RANDOM)))
            self._plan = self._plan[:0]
        self._left -= 1
        if not self._planning:
            return self._other.act()
        if not len(self._plan):
            self._plan = self._best()
        action, self._plan = int(self._plan[0]), self._plan[1:]
        return action

    def _best(self) -> np.ndarray:
        """The first actions of the best sequence; of equally good ones, of a random one."""
        picked = self._random.integers(0, self._actions, (self.STEPS // self.HOLD, self.COUNT))
        plans = picked.repeat(self.HOLD, 0)
        returns = self._game.try_out(plans).sum(0)
        return plans[: self.HOLD, self._random.choice(np.flatnonzero(returns == returns.max()))]
