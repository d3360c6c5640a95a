"""The check of actions that real and imagined games share, single ones and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np


def checked(actions: Any, games: int, choices: int) -> np.ndarray:
    """The actions as int64 `[games]`, once they are known to be good.

    Args:
        actions: one for each game.
        games: number of games.
        choices: number of actions that a game has.

    Raises:
        ValueError: if there is not one whole number for each game, or one is not an action of the game.
    """
    given = np.asarray(actions)
    good = given.shape == (games,) and given.dtype.kind in "iu"
    if not good or (given < 0).any() or (given >= choices).any():
        raise ValueError(f"actions have to be {games} whole numbers from 0 to {choices - 1}, got {actions!r}")
    return given.astype(np.int64)
