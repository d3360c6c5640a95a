"""Events of play: when objects meet, appear and leave."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sqair_wm.model.slots import Slots

TOUCH = 0.15
"""Objects touch if the gap between their windows is smaller than this along both axes, in object sizes."""

COMPARED_AT_ONCE = 2000
"""Frames whose pairs of objects are compared at once."""


def meetings(states: Slots, part: Tensor, unit: float) -> Tensor:
    """Frames in which two objects touch that did not touch in the frame before, `[F]` bool.

    Args:
        states: the scenes of `F` frames; an object keeps its row while it lives.
        part: `[F]`; frames with the same number follow one another.
        unit: size of a typical object, in units of half a frame.
    """
    touching = torch.cat([_touching(chunk, unit) for chunk in _chunks(states, len(part))])
    same = (states.identity[1:] == states.identity[:-1]) & (states.identity[1:] >= 0)
    known = same[:, :, None] & same[:, None, :]
    met = (touching[1:] & ~touching[:-1] & known).flatten(1).any(1) & (part[1:] == part[:-1])
    return torch.cat([torch.zeros(1, dtype=torch.bool), met])


def arrivals(states: Slots, part: Tensor) -> Tensor:
    """Which objects of `F` frames are new and seen, `[F, N]` bool; objects of the first frame of a part are not new."""
    new = newly_seen(states.map(lambda x: x[:-1]), states.map(lambda x: x[1:])) & (part[1:] == part[:-1])[:, None]
    return torch.cat([torch.zeros_like(new[:1]), new])


def hindsight(states: Slots, part: Tensor, new: Tensor) -> Tensor:
    """Velocities `[F, N, 2]`; `new` objects `[F, N]` have that of the next frame, if they are still there then."""
    stays = torch.zeros_like(new)
    stays[:-1] = (states.identity[1:] == states.identity[:-1]) & (part[1:] == part[:-1])[:, None]
    return torch.where((new & stays)[..., None], states.velocity.roll(-1, 0), states.velocity)


def departed(states: Slots, part: Tensor) -> Tensor:
    """Which objects of `F` frames are still tracked although they are not seen any more, now or later, `[F, N]` bool.

    So are objects that are seen in a single frame, from that frame on: they are errors of tracking, such as a second
    object where one has jumped to. An object that is tracked when its part ends does not count: it might have been
    seen later.
    """
    frame = torch.arange(len(part))[:, None].expand_as(states.identity)
    new = torch.ones_like(states.identity, dtype=torch.bool)
    new[1:] = (states.identity[1:] != states.identity[:-1]) | (part[1:] != part[:-1])[:, None]
    stay = new.cumsum(0) - 1  # numbers the objects that hold a row one after the other
    nothing = torch.full_like(frame, -1)
    seen = states.unseen == 0
    last_seen = nothing.scatter_reduce(0, stay, torch.where(seen, frame, -1), "amax").gather(0, stay)
    times_seen = torch.zeros_like(frame).scatter_add(0, stay, seen.long()).gather(0, stay)
    last = nothing.scatter_reduce(0, stay, frame, "amax").gather(0, stay)
    cut_off = torch.cat([part[1:] != part[:-1], part.new_ones(1, dtype=torch.bool)])
    gone = (frame > last_seen) | (times_seen == 1)
    return (states.identity >= 0) & gone & ~cut_off[last]


def newly_seen(before: Slots, after: Slots) -> Tensor:
    """Which objects are seen after a step and were not there before it, `[B, N]` bool."""
    seen = (after.presence > 0) & (after.unseen == 0)
    return (after.identity[:, :, None] != before.identity[:, None, :]).all(2) & seen


def _chunks(states: Slots, frames: int) -> Iterator[Slots]:
    for rows in torch.arange(frames).split(COMPARED_AT_ONCE):
        yield states.select(rows)


def _touching(states: Slots, unit: float) -> Tensor:
    """`[F, N, N]` bool, which objects touch."""
    scale, centre = states.window
    apart = (centre[:, :, None] - centre[:, None]).abs() - (scale[:, :, None] + scale[:, None])
    there = states.presence > 0
    itself = torch.eye(there.shape[1], dtype=torch.bool)
    return (apart < TOUCH * unit).all(-1) & there[:, :, None] & there[:, None] & ~itself
