"""The real games as pixels for the `CnnPolicy` of stable-baselines3: grey, 84 x 84, the last four frames."""

from __future__ import annotations

from typing import Any

import cv2
import gymnasium as gym
import numpy as np
import torch

from .games import RealGames

SIDE, STACK = 84, 4
SPACE = gym.spaces.Box(0, 255, (STACK, SIDE, SIDE), np.uint8)
"""The observation of one game, the newest frame last."""


def grey(frame: np.ndarray) -> np.ndarray:
    """An RGB picture `[H, W, 3]` uint8 as grey `[84, 84]` uint8 (Mnih et al. 2015)."""
    return cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


class PixelSight:
    """The last four frames of each game, grey and small; a `Sight`."""

    space, tracked = SPACE, False

    def __init__(self) -> None:
        self._last: np.ndarray | None = None

    def see(self, games: RealGames, rows: np.ndarray | None = None) -> np.ndarray:
        """See `Sight.see`. `[B, 4, 84, 84]`; where a game has just begun, its first frame four times."""
        now = np.stack([grey(frame) for frame in games.frames])[:, None]
        first = now.repeat(STACK, 1)
        last = first if self._last is None else self._last
        new = np.ones(games.number, bool) if rows is None else rows
        moved = np.where(new[:, None, None, None], np.concatenate([last[:, 1:], now], 1), last)
        self._last = np.where(games.fresh[:, None, None, None], first, moved)
        return self._last

    def state_dict(self) -> dict[str, Any]:
        """See `Sight.state_dict`."""
        return {} if self._last is None else {"last": torch.from_numpy(self._last)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Sight.load_state_dict`."""
        self._last = state["last"].numpy() if "last" in state else None
