"""The history of a session: moments of play and imagination, in branches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sqair_wm.world.scenes import Scenes

KEPT = 3000
"""Moments of a branch to which one can go back: more than three minutes of an Atari game."""

BRANCHES = 12
"""Branches that are kept. If there are more, or more than twice `KEPT` moments in all, the oldest is dropped."""


@dataclass(frozen=True)
class Side:
    """One of two worlds at a moment: the real game as the model sees it, or the dream.

    Attributes:
        scenes: the objects; not to be changed in place.
        behind: `[H, W, 3]` uint8, the background; None for data without one.
        reward: of the last step; in a dream, the expected one.
        score: sum of the rewards since the game or the dream began.
        over: whether the game has ended; of a dream, whether the model predicted an end at some step.
        ends: probability that the last step ended the game; 0 or 1 for the real game.
        uncertainty: of the last imagined step, see `Outcome`.
    """

    scenes: Scenes
    behind: np.ndarray | None
    reward: float = 0.0
    score: float = 0.0
    over: bool = False
    ends: float = 0.0
    uncertainty: float = 0.0


@dataclass(frozen=True)
class Moment:
    """A frame of a session.

    Attributes:
        number: of the frame, from 0 on; the same moment of several branches has the same number.
        action: the action that led to it; None at the start of a game.
        real: the real game.
        picture: PNG of what the real game shows.
        kept: the state of the reality, for `Reality.put_back`.
        dream: the dream; None if there is none.
        dream_from: number of the frame at which the dream began; None if there is none.
    """

    number: int
    action: int | None
    real: Side
    picture: bytes
    kept: Any
    dream: Side | None = None
    dream_from: int | None = None

    @property
    def side(self) -> Side:
        """The current world: the dream if there is one, else the real game."""
        return self.dream or self.real

    def dreaming(self, dream: Side) -> Moment:
        """The same moment with this dream, which begins here unless it began earlier."""
        return replace(self, dream=dream, dream_from=self.number if self.dream_from is None else self.dream_from)

    def without_dream(self) -> Moment:
        """The same moment without its dream."""
        return replace(self, dream=None, dream_from=None)


@dataclass
class Branch:
    """A sequence of moments. Branches share the moments before they parted.

    Attributes:
        number: of the branch.
        moments: without gaps; the first ones may have been dropped.
        parted: number of the frame at which it left another branch; None for the first branch.
    """

    number: int
    moments: list[Moment]
    parted: int | None = None

    @property
    def first(self) -> int:
        """Number of the first frame that is kept."""
        return self.moments[0].number

    @property
    def last(self) -> int:
        """Number of the last frame."""
        return self.moments[-1].number

    @property
    def own(self) -> int:
        """Number of moments since it left another branch."""
        return self.last - max(self.first, -1 if self.parted is None else self.parted)


class History:
    """All branches, and the current position in them.

    Args:
        start: the first moment.

    Attributes:
        branch: the current branch.
    """

    def __init__(self, start: Moment):
        self.branch = Branch(0, [start])
        self.branches = [self.branch]
        self._index = 0
        self._next = 1

    @property
    def now(self) -> Moment:
        """The current moment."""
        return self.branch.moments[self._index]

    def at(self, number: int) -> Moment | None:
        """The moment of a frame of this branch; None if there is none, or it was dropped."""
        index = number - self.branch.first
        return self.branch.moments[index] if 0 <= index < len(self.branch.moments) else None

    def append(self, moment: Moment) -> None:
        """Add the next moment. In the past, this begins a new branch; the later moments stay in the old one."""
        if self._index + 1 < len(self.branch.moments):
            self.fork()
        self.branch.moments.append(moment)
        del self.branch.moments[:-KEPT]
        self._index = len(self.branch.moments) - 1
        self._forget()

    def replace(self, moment: Moment) -> None:
        """Replace the current moment; in the past, in a new branch."""
        if self._index + 1 < len(self.branch.moments):
            self.fork()
        self.branch.moments[-1] = moment

    def fork(self) -> None:
        """Begin a new branch here, with the same past; nothing is done if the branch begins here and has no moments."""
        if self.branch.parted == self.now.number == self.branch.last:
            return
        self.branch = Branch(self._next, self.branch.moments[: self._index + 1], self.now.number)
        self.branches.append(self.branch)
        self._next += 1
        self._forget()

    def seek(self, number: int) -> None:
        """Go to a frame of this branch.

        Raises:
            ValueError: if there is no such frame, or it was dropped.
        """
        if self.at(number) is None:
            known = f"{self.branch.first} to {self.branch.last}"
            raise ValueError(f"there is no frame {number} in this branch: choose one from {known}")
        self._index = number - self.branch.first

    def select(self, number: int) -> None:
        """Go to the end of another branch.

        Raises:
            ValueError: if there is no such branch, or it was dropped.
        """
        found = next((b for b in self.branches if b.number == number), None)
        if found is None:
            raise ValueError(f"there is no branch {number}: choose one of {[b.number for b in self.branches]}")
        self.branch, self._index = found, len(found.moments) - 1

    def between(self, first: int, last: int) -> list[Moment]:
        """The moments of this branch from frame `first` to frame `last` that are still kept."""
        return [m for m in self.branch.moments if first <= m.number <= last]

    def _forget(self) -> None:
        """Drop the oldest branches if there are too many, or too many moments in them."""
        while len(self.branches) > BRANCHES or (
            len(self.branches) > 1 and sum(branch.own for branch in self.branches) > 2 * KEPT
        ):
            self.branches.remove(next(branch for branch in self.branches if branch is not self.branch))
