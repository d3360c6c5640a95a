"""Preprocessing of Atari frames: flicker removed, cropped to the playing field, resized once."""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from sqair_wm.games.names import FRAME_SKIP, STICKY, Game

RATE = 60
"""Raw frames a second."""

POOL, MOST_POOLED = 2, 4
"""Raw frames of which an observation is the maximum: by default, and at most (or those of one action, if more)."""


class AtariFrames(RecordConstructorArgs, gym.Wrapper):
    """One action every `frame_skip` raw frames; the observation is `[size, size, 3]` uint8.

    Args:
        env: a raw ALE environment with `frameskip=1`.
        size: height and width of an observation in pixels.
        pool: number of the last raw frames of which an observation is the maximum.
        crop: (first, last) raw row of what is shown; None for the whole picture.
        frame_skip: raw frames an action lasts.

    Raises:
        ValueError: if there are no such raw rows or frames.
    """

    def __init__(
        self,
        env: gym.Env,
        *,
        size: int = 80,
        pool: int = POOL,
        crop: tuple[int, int] | None = None,
        frame_skip: int = FRAME_SKIP,
    ):
        height, most = _height(env), max(frame_skip, MOST_POOLED)
        first, last = crop or (0, height)
        if not 0 <= first < last <= height:
            raise ValueError(
                f"crop is [{first}, {last}]; a picture has the raw rows 0 to {height}, choose some of them"
            )
        if not 1 <= pool <= most:
            raise ValueError(f"pool must lie between 1 and {most} raw frames, got {pool}")
        # A list, as JSON would give the crop back.
        RecordConstructorArgs.__init__(self, size=size, pool=pool, crop=[first, last], frame_skip=frame_skip)
        gym.Wrapper.__init__(self, env)
        self.size, self.pool, self.frame_skip, self.crop = size, pool, frame_skip, (first, last)
        self.metadata = env.metadata | {"render_fps": RATE / frame_skip}
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)
        self._earlier: deque[np.ndarray] = deque()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode, with one step of doing nothing: some games show another picture while they boot."""
        frame, info = self.env.reset(seed=seed, options=options)
        for _ in range(self.frame_skip):
            frame, *_, info = self.env.step(0)
        self._earlier.clear()
        return self._see([frame]), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Hold `action` for `frame_skip` raw frames; the reward is their sum, unclipped."""
        frames, total = [], 0.0
        for _ in range(self.frame_skip):
            frame, reward, terminated, truncated, info = self.env.step(action)
            frames.append(frame)
            total += float(reward)
            if terminated or truncated:
                break
        return self._see(frames), total, terminated, truncated, info

    def _see(self, frames: list[np.ndarray]) -> np.ndarray:
        """The observation after the raw frames of a step; earlier ones are used too if `pool` exceeds `frame_skip`."""
        if self.pool > self.frame_skip:
            frames = [*self._earlier, *frames]
            self._earlier = deque(frames, self.pool)
        frame = np.maximum.reduce(frames[-self.pool :])[self.crop[0] : self.crop[1]]
        return cv2.resize(frame, (self.size, self.size), interpolation=cv2.INTER_AREA)


def make_atari(
    game: str,
    *,
    size: int = 80,
    pool: int = POOL,
    crop: tuple[int, int] | None = None,
    sticky: float = STICKY,
    frame_skip: int = FRAME_SKIP,
    **kwargs: Any,
) -> gym.Env:
    """The game `game` with the observations a model is trained on.

    Args:
        game: a name of `games()`, such as `MsPacman`.
        size: height and width of an observation in pixels.
        pool: raw frames of which an observation is the maximum.
        crop: (first, last) raw row of what is shown; None for the whole picture.
        sticky: probability that the game repeats the last action instead.
        frame_skip: raw frames an action lasts.
        kwargs: passed on to `gymnasium.make`.
    """
    env = gym.make(Game(game, True).id, frameskip=1, repeat_action_probability=sticky, **kwargs)
    return AtariFrames(env, size=size, pool=pool, crop=crop, frame_skip=frame_skip)


def _height(env: gym.Env) -> int:
    shape = env.observation_space.shape
    assert shape is not None
    return int(shape[0])


@lru_cache
def whole(game: str) -> tuple[int, int]:
    """First and last raw row of the whole picture of an Atari game."""
    env = gym.make(Game(game, True).id)
    height = _height(env)
    env.close()
    return 0, height
