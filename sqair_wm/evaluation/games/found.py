"""What those who know the true objects of a game tell of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym


class NoTruth(RuntimeError):
    """There are no true boxes of this game on this machine; the message says why and what helps."""


class Found(NamedTuple):
    """An object: its place in the list of all, its class, and (top, left, height, width) in pixels."""

    place: int
    kind: str
    box: tuple[float, float, float, float]


Look = Callable[[gym.Env, dict[str, Any]], list[Found]]
"""The objects of an environment and the info of its last step, in pixels of its own frame; one for each episode."""
