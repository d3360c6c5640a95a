"""How long something has to stand still until it is background, measured on play of a game."""

from __future__ import annotations

import numpy as np

from sqair_wm.games.background import RunningMode, alike
from sqair_wm.games.play import WARM_UP, Recording, initial_background, warm_up

MEMORIES, SLOW = (45, 90, 180, 360), 0.1
"""Frames to choose from; and the share by which the foreground grows with the next of them if objects are too slow for
one of them: parts of a slow object keep their colour for so long that they fade."""


def measure_memory(recording: Recording) -> int:
    """The shortest of `MEMORIES` that shows most of what twice as long a memory would show of the foreground.

    Args:
        recording: the game and how it is looked at; its own memory does not matter.
    """
    background = initial_background(recording)
    modes = [RunningMode(background, memory) for memory in MEMORIES]
    seen = np.zeros(len(MEMORIES))
    for frame, begins in warm_up(recording, WARM_UP):
        for n, mode in enumerate(modes):
            if begins:
                mode.reset()
            seen[n] += (~alike(frame, mode.update(frame))).sum()
    for memory, now, longer in zip(MEMORIES, seen, seen[1:], strict=False):
        if longer <= (1 + SLOW) * now:
            return memory
    return MEMORIES[-1]
