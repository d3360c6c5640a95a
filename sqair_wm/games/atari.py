"""The real game as the model sees it: flicker removed, cropped to the playing field, resized once."""

from __future__ import annotations

from typing import Any

import ale_py
import cv2
import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

gym.register_envs(ale_py)

FLICKERING = ("MsPacman", "SpaceInvaders", "Pacman", "Asteroids")
"""Games that draw some sprites only every other frame or less: the maximum over all four raw frames shows them all."""

PLAYING_FIELD = {
    "Breakout": (32, 196),
    "Freeway": (14, 196),
    "MsPacman": (0, 172),
    "Pong": (34, 194),
    "SpaceInvaders": (20, 196),
}
"""First and last raw row of the part without score and lives; other games are shown whole."""


WHOLE = (0, 210)
"""First and last raw row of the whole picture."""


def games() -> list[str]:
    """Names of all games that can be played."""
    return sorted(i[4:-3] for i in gym.registry if i.startswith("ALE/") and i.endswith("-v5"))


class AtariFrames(RecordConstructorArgs, gym.Wrapper):
    """One action every `frame_skip` raw frames; the observation is `[size, size, 3]` uint8.

    Args:
        env: a raw ALE environment with `frameskip=1`.
        size: height and width of an observation in pixels.
        pool: the observation is the maximum over so many of the last raw frames (2 or 4).
        crop: (first, last) raw row of the playing field; None for the whole frame.
        frame_skip: raw frames an action lasts.
    """

    def __init__(
        self, env: gym.Env, *, size: int = 80, pool: int = 2, crop: tuple[int, int] | None = None, frame_skip: int = 4
    ):
        rows = None if crop is None else list(crop)  # as JSON would give it back
        RecordConstructorArgs.__init__(self, size=size, pool=pool, crop=rows, frame_skip=frame_skip)
        gym.Wrapper.__init__(self, env)
        if not 1 <= pool <= frame_skip:
            raise ValueError(f"pool must lie between 1 and frame_skip={frame_skip}, got {pool}")
        self.size, self.pool, self.frame_skip = size, pool, frame_skip
        self.crop = crop or WHOLE
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode, with one step of doing nothing: some games show another picture while they boot."""
        frame, info = self.env.reset(seed=seed, options=options)
        for _ in range(self.frame_skip):
            frame, *_, info = self.env.step(0)
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
        return self._see(frames[-self.pool :]), total, terminated, truncated, info

    def _see(self, frames: list[np.ndarray]) -> np.ndarray:
        frame = np.maximum.reduce(frames)[self.crop[0] : self.crop[1]]
        return cv2.resize(frame, (self.size, self.size), interpolation=cv2.INTER_AREA)


def make_atari(
    game: str,
    *,
    size: int = 80,
    pool: int | None = None,
    crop: tuple[int, int] | None = None,
    sticky: float = 0.0,
    **kwargs: Any,
) -> gym.Env:
    """The game `game` with the observations a model is trained on.

    Args:
        game: a name of `games()`, such as `MsPacman`.
        size: height and width of an observation in pixels.
        pool: raw frames of which an observation is the maximum; by default 4 for games known to flicker, else 2.
        crop: (first, last) raw row; by default the playing field where it is known, else the whole frame.
        sticky: probability that the game repeats the last action instead.
        kwargs: passed on to `gymnasium.make`.
    """
    env = gym.make(f"ALE/{game}-v5", frameskip=1, repeat_action_probability=sticky, **kwargs)
    pool = pool or (4 if game in FLICKERING else 2)
    return AtariFrames(env, size=size, pool=pool, crop=crop or PLAYING_FIELD.get(game))
