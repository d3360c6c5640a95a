"""The background behind objects as it has become: what was first seen when an object had moved on happened before."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.config import CELLS, ModelConfig
from sqair_wm.model.scene_features import in_cells
from sqair_wm.model.scenery import scenery_of
from sqair_wm.model.slots import Slots
from sqair_wm.nn.light import light

LEAST = 8
"""A cell changes if one of its channels does by more than this, of 255."""

LATE = 15
"""A change is seen at most so many frames after it happened: an object covers it first, and then it has to last."""

SCENE = 0.2
"""Where more than this share of the cells changes with a frame, it is another scene, and no object did it."""

FAR = 1e9
"""The distance of what is not there."""

AT_ONCE = 4096
"""Frames, or changes, that are looked at together: it bounds the memory that this takes."""


def as_seen(slots: Slots, background: Tensor, config: ModelConfig) -> Slots:
    """`B` scenes with the scenery that is seen, from a `background` `[B, C, H, W]` in [0, 1] or in bytes; unchanged if
    the model does not look behind objects."""
    if not config.looks_behind:
        return slots
    return slots.replace(scenery=scenery_of(light(background.to(slots.where.device), slots.where.dtype), config))


def in_hindsight(states: Slots, part: Tensor, rewards: Tensor, config: ModelConfig) -> Slots:
    """`F` frames with their `scenery_in_hindsight`; unchanged if the model does not look behind objects."""
    if not config.looks_behind:
        return states
    return states.replace(scenery=scenery_in_hindsight(states, part, rewards, config))


def scenery_in_hindsight(states: Slots, part: Tensor, rewards: Tensor, config: ModelConfig) -> Tensor:
    """The scenery of `F` frames in hindsight, `[F, h, w, S]` in bytes.

    What an object changes where it passes, such as a pellet that it eats, shows when it has moved on. Such a change is
    moved back to the frame in which an object was nearest to it; if there were rewards in between, to the nearest of
    the frames that brought one. Changes that no object was near to stay where they are (see `CELLS`).

    Args:
        states: the scenes of the frames, each tensor `[F, ...]`; their scenery shows what was seen, in bytes.
        part: `[F]` int64; frames with the same number follow one another.
        rewards: `[F]`, those that came with each frame.
        config: of the model.
    """
    seen, (_, tall, wide, _) = states.scenery, states.scenery.shape
    true, changes = seen.clone(), _changes(seen, part)
    for frame, y, x in zip(*(values.split(AT_ONCE) for values in changes.unbind(1)), strict=True):
        earlier = _earlier(frame, torch.stack([y, x], -1), states, part, rewards, config)
        change = torch.arange(len(frame)).repeat_interleave(earlier)
        back = torch.arange(len(change)) - (earlier.cumsum(0) - earlier)[change] + 1
        # A cell may change in several steps: its last one counts.
        order = torch.argsort(((frame[change] - back) * tall + y[change]) * wide + x[change], stable=True)
        place = torch.stack([frame[change] - back, y[change], x[change]])[:, order]
        last = torch.ones_like(order, dtype=torch.bool)
        last[:-1] = (place[:, 1:] != place[:, :-1]).any(0)
        change, (then, y, x) = change[order][last], place[:, last]
        true[then, y, x] = seen[frame[change], y, x]
    return true


def _changes(seen: Tensor, part: Tensor) -> Tensor:
    """Frame, y and x of the cells that changed since the frame before, `[K, 3]`, without changes of whole scenes."""
    found, cells = [torch.zeros(0, 3, dtype=torch.int64)], seen[0, ..., 0].numel()
    for some in torch.arange(1, len(part)).split(AT_ONCE):
        apart = (seen[some].to(torch.int16) - seen[some - 1]).abs().amax(-1) > LEAST
        few = (apart.flatten(1).sum(1) <= SCENE * cells) & (part[some] == part[some - 1])
        number, y, x = (apart & few[:, None, None]).nonzero().unbind(1)
        found.append(torch.stack([some[number], y, x], 1))
    return torch.cat(found)


def _earlier(frame: Tensor, cell: Tensor, states: Slots, part: Tensor, rewards: Tensor, config: ModelConfig) -> Tensor:
    """By how many frames each of `K` changes is moved back, `[K]` int64; `cell` `[K, 2]` is (y, x)."""
    back = torch.arange(LATE + 1)
    frames = (frame[:, None] - back).clamp(min=0)
    possible = (part[frames] == part[frame][:, None]) & (back <= frame[:, None])
    middle = cell - CELLS // 2 + 0.5
    apart = (in_cells(states.window[1][frames], config) - middle[:, None, None]).norm(dim=-1)
    apart = apart.masked_fill(states.presence[frames] <= 0, FAR).amin(-1).masked_fill(~possible, FAR)
    paid = apart.masked_fill(rewards[frames] == 0, FAR)
    apart = torch.where(paid.amin(1, keepdim=True) < CELLS / 2, paid, apart)
    nearest, number = apart.min(1)
    return torch.where(nearest < CELLS / 2, number, 0)
