"""Games by name: Atari's, and any registered environment that shows pictures."""

from __future__ import annotations

import difflib
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from sqair_wm.games.atari import games, make_atari

BOUNCING = "Bouncing"


class Resized(RecordConstructorArgs, gym.Wrapper):
    """Pictures of another size, by averaging.

    Args:
        env: shows `[H, W, 3]` uint8.
        size: height and width that are wanted.
    """

    def __init__(self, env: gym.Env, *, size: int):
        RecordConstructorArgs.__init__(self, size=size)
        gym.Wrapper.__init__(self, env)
        self.size = size
        self.observation_space = gym.spaces.Box(0, 255, (size, size, 3), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """See `gymnasium.Env.reset`."""
        frame, info = self.env.reset(seed=seed, options=options)
        return self._see(frame), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """See `gymnasium.Env.step`."""
        frame, reward, terminated, truncated, info = self.env.step(action)
        return self._see(frame), float(reward), terminated, truncated, info

    def _see(self, frame: np.ndarray) -> np.ndarray:
        return cv2.resize(frame, (self.size, self.size), interpolation=cv2.INTER_AREA)


def check_game(name: str) -> None:
    """Raise ValueError, naming the nearest games, if there is no game of that name."""
    if name in games() or _id(name) in gym.registry:
        return
    known = [*games(), BOUNCING]
    near = difflib.get_close_matches(name.lower(), [g.lower() for g in known], 3, 0.5)
    near = [g for n in near for g in known if g.lower() == n]
    hint = f"did you mean {' or '.join(near)}?" if near else "names are written like MsPacman or SpaceInvaders"
    raise ValueError(f"there is no Atari game {name!r}: {hint}")


def make_game(
    name: str,
    *,
    size: int = 80,
    pool: int | None = None,
    crop: tuple[int, int] | None = None,
    sticky: float = 0.0,
    **kwargs: Any,
) -> gym.Env:
    """The game `name` with the observations a model is trained on, `[size, size, 3]` uint8.

    Args:
        name: an Atari game such as `MsPacman`, `Bouncing`, or the id of a registered environment that shows pictures
            and takes discrete actions.
        size: height and width of an observation in pixels.
        pool, crop, sticky: see `make_atari`; for Atari games only.
        kwargs: passed on to `gymnasium.make`.

    Raises:
        ValueError: if there is no such game, or it shows no pictures, or its actions are not discrete.
    """
    check_game(name)
    if name in games():
        return make_atari(name, size=size, pool=pool, crop=crop, sticky=sticky, **kwargs)
    env = gym.make(_id(name), **kwargs)
    space = env.observation_space
    if not isinstance(space, gym.spaces.Box) or space.dtype != np.uint8 or space.shape[-1:] != (3,):
        raise ValueError(f"{name} shows {space}; a model needs pictures, [height, width, 3] uint8")
    if not isinstance(env.action_space, gym.spaces.Discrete):
        raise ValueError(f"{name} takes {env.action_space}; a model needs discrete actions")
    return Resized(env, size=size)


def _id(name: str) -> str:
    return "sqair_wm/Bouncing-v0" if name == BOUNCING else name
