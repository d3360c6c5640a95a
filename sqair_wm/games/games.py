"""Games with preprocessed frames: Atari games, and any registered environment with pictures as observations."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.wrappers import ResizeObservation

from sqair_wm.games.atari import POOL, make_atari
from sqair_wm.games.field import Field, measure_field
from sqair_wm.games.names import Game, find_game, settle


def make_game(
    name: str,
    *,
    size: int = 80,
    pool: int | None = None,
    crop: tuple[int, int] | None = None,
    sticky: float | None = None,
    frame_skip: int | None = None,
    **kwargs: Any,
) -> gym.Env:
    """The game `name` with the observations a model is trained on, `[size, size, 3]` uint8.

    Args:
        name: an Atari game such as `MsPacman`, `Bouncing`, or the id of a registered environment that shows pictures
            and takes discrete actions; see `find_game`.
        size: height and width of an observation in pixels.
        pool, crop, sticky, frame_skip: see `make_atari`; for Atari games only. By default what the name asks for, or
            else the defaults of `make_atari`.
        kwargs: passed on to `gymnasium.make`.

    Raises:
        ValueError: if there is no such game, it shows no pictures, its actions are not discrete, or it can't be
            played as asked.
    """
    game = find_game(name)
    check_field(game, crop, pool)
    sticky, frame_skip = settle(game, sticky, frame_skip)
    if game.atari:
        assert frame_skip is not None
        return make_atari(
            game.name, size=size, pool=pool or POOL, crop=crop, sticky=sticky, frame_skip=frame_skip, **kwargs
        )
    env = gym.make(game.id, **kwargs)
    space = env.observation_space
    if not isinstance(space, gym.spaces.Box) or space.dtype != np.uint8 or space.shape[-1:] != (3,):
        raise ValueError(f"{name} shows {space}; a model needs pictures, [height, width, 3] uint8")
    if not isinstance(env.action_space, gym.spaces.Discrete):
        raise ValueError(f"{name} takes {env.action_space}; a model needs discrete actions")
    return ResizeObservation(env, (size, size))


def check_field(game: Game, crop: tuple[int, int] | None, pool: int | None) -> None:
    """Raise ValueError if a game has no raw rows or frames to choose from, and some are chosen."""
    if not game.atari and (crop or pool):
        given = f"crop={list(crop)}" if crop else f"pool={pool}"
        raise ValueError(f"{given} is for Atari games; {game.name} is shown as it is: leave it out")


def choose_field(game: Game, crop: tuple[int, int] | None, pool: int | None) -> Field:
    """How a game is shown: as chosen, else as measured; both None for a game without raw frames."""
    check_field(game, crop, pool)
    if not game.atari or (crop and pool):
        return Field(crop, pool)
    measured = measure_field(game.name)
    return Field(crop or measured.crop, pool or measured.pool)


def action_names(env: gym.Env) -> tuple[str, ...]:
    """The names of a game's actions: its own (`get_action_meanings`), or numbers."""
    game: Any = env.unwrapped
    if hasattr(game, "get_action_meanings"):
        return tuple(game.get_action_meanings())
    space: Any = env.action_space
    return tuple(f"action {n}" for n in range(int(space.n)))
