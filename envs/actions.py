"""What an action may be, the same for real and imagined games, for one and for many."""

from __future__ import annotations

from typing import Any

import numpy as np


def checked(actions: Any, games: int, choices: int) -> np.ndarray:
    """Actions as int64 `[games]`.

    Args:
        actions: one for each game.
        games: how many there are.
        choices: actions that a game has.

    Raises:
        ValueError: if there are more or fewer, or one is no action of the game.
    """
    given = np.asarray(actions)
    good = given.shape == (games,) and given.dtype.kind in "iu"
    if not good or (given < 0).any() or (given >= choices).any():
        raise ValueError(f"actions have to be {games} whole numbers from 0 to {choices - 1}, got {actions!r}")
    return given.astype(np.int64)
