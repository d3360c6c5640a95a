"""Features of time: steps since an object last appeared or disappeared, and steps since the episode began."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.slots import Slots

CLOCK = 4
"""How many numbers `clock` gives for each scene."""


def clock(slots: Slots) -> Tensor:
    """Features of time, `[B, CLOCK]`: steps since the last change, on three scales, and since the episode began."""
    since, step = (x.to(slots.where.dtype) for x in (slots.since, slots.step))
    return torch.tanh(torch.stack([since / 8, since / 24, since / 72, step / 72], -1))


def since_change(before: Slots, after: Slots) -> Tensor:
    """Steps since an object last came into sight or went out of it, `[B]` int64, after a step."""
    old, new = _in_sight(before), _in_sight(after)
    stays = (old[:, :, None] == new[:, None, :]) & (old >= 0)[:, :, None]
    came, went = (new >= 0) & ~stays.any(1), (old >= 0) & ~stays.any(2)
    return torch.where(came.any(1) | went.any(1), 0, before.since + 1)


def _in_sight(slots: Slots) -> Tensor:
    """Identities of the objects that are seen and whose centre lies in the frame, `[B, N]`; -1 for the others."""
    inside = (slots.window[1].detach().abs() <= 1).all(-1)
    seen = (slots.presence.detach() > 0) & (slots.unseen == 0) & inside
    return torch.where(seen, slots.identity, -1)
