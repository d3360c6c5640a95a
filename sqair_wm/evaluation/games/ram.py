"""The objects of an Atari game, read from its memory by OCAtari.

Nothing but the evaluation may import OCAtari, so it is imported where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from sqair_wm.evaluation.games.found import Found, NoTruth, ReadObjects

INSTALL = "pip install --no-deps ocatari==2.2.1 termcolor pygame scikit-image lazy-loader"
"""Installed without dependencies: those of OCAtari pin numpy<2, which it does not need."""


def reader(game: str) -> Callable[[], ReadObjects]:
    """A function to call at the start of each episode of `game`: it returns the one that reads the objects.

    Raises:
        NoTruth: if OCAtari is not installed or does not know the game.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        from ocatari.ram.extract_ram_info import detect_objects_ram, init_objects
    except ImportError as error:
        raise NoTruth(f"true boxes need OCAtari ({error}): {INSTALL}") from error
    try:
        init_objects(game, False)
    except (KeyError, AttributeError) as error:
        raise NoTruth(f"OCAtari does not know {game}: there are no true boxes of it") from error

    def detect(objects: list[Any], ram: np.ndarray) -> None:
        try:
            detect_objects_ram(objects, ram, game, False)
        except Exception as error:  # OCAtari's code for a game may raise anything
            raise NoTruth(f"OCAtari cannot read {game}: {type(error).__name__}: {error}") from error

    def begin() -> ReadObjects:
        objects: list[Any] = init_objects(game, False)

        def read(env: gym.Env, info: dict[str, Any]) -> list[Found]:
            # OCAtari adds values of the memory, which overflow as bytes.
            ram, before = env.unwrapped.ale.getRAM().astype(np.int64), [type(o) for o in objects]  # type: ignore[attr-defined]
            detect(objects, ram)
            if [type(o) for o in objects] != before:
                # A new object is first put at the default position of its class; the next call moves it to its own.
                detect(objects, ram)
            there = [(i, o) for i, o in enumerate(objects) if o is not None and type(o).__name__ != "NoObject"]
            return [Found(i, type(o).__name__, (float(o.y), float(o.x), float(o.h), float(o.w))) for i, o in there]

        return read

    return begin
