"""True objects of a game, as the sources of truth give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym


class NoTruth(RuntimeError):
    """There are no true boxes of this game on this machine; the message says why and what to do."""


class Found(NamedTuple):
    """An object: its index in the list of all, its class, and its box (top, left, height, width) in pixels."""

    entry: int
    kind: str
    box: tuple[float, float, float, float]


ReadObjects = Callable[[gym.Env, dict[str, Any]], list[Found]]
"""Given an environment and the info of its last step, its objects, in pixels of its own frame; made anew for each
episode."""
