"""Tells whether play changes the background, as it does where pellets are eaten or bricks broken."""

from __future__ import annotations

import numpy as np
import torch

from sqair_wm.data.sequences import PlaySequences

VISIBLE, LEAST = 0.05, 4
"""By how much a pixel has to differ, in any channel from 0 to 1; and how many pixels, in an episode, are a change."""

AT_ONCE = 64
"""Episodes that are compared at once."""


def background_changes(play: PlaySequences) -> bool:
    """Whether the background of the last frame of any episode differs from that of its first frame.

    Args:
        play: with a background (`scenery`).
    """
    first = np.flatnonzero(play.begins)
    last = np.append(first[1:], len(play)) - 1
    for some in np.array_split(np.stack([first, last]), -(-len(first) // AT_ONCE), axis=1):
        before, after = play.take(some, torch.device("cpu")).frames.background
        changed = ((after - before).abs() > VISIBLE).any(1).sum((1, 2))
        if bool((changed >= LEAST).any()):
            return True
    return False
