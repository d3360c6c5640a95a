"""Each identity gets a row of its own and keeps it for as long as the object lives: for agents, and for learning."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.packing import flat_rows, take_rows
from sqair_wm.slots import PER_SLOT, Slots


def seat(slots: Slots, seats: Tensor) -> Slots:
    """Put every object where it sat before, and new ones into free rows, in their order.

    Args:
        slots: `B` scenes of `N` slots, objects in any order.
        seats: `[B, N]` int64, the identity that each row held one step before; -1 where a row was free.

    Returns:
        The same objects, those of `seats` in their rows. Rows without an object are zero, their identity -1. The
        result's `identity` is the next step's `seats`.
    """
    identity = slots.identity
    there = (identity >= 0) & (slots.presence.detach() > 0)
    stays = (seats[:, :, None] == identity[:, None, :]) & there[:, None, :]
    free, new = ~stays.any(2), there & ~stays.any(1)
    turn = torch.where(free, free.long().cumsum(1), -1)[:, :, None] == new.long().cumsum(1)[:, None, :]
    takes = stays | (turn & free[:, :, None] & new[:, None, :])
    empty, index = ~takes.any(2), takes.to(torch.uint8).argmax(2)

    rows = flat_rows(index, identity.shape[1])

    def move(name: str) -> Tensor:
        moved = take_rows(getattr(slots, name), rows, index.shape)
        return moved.masked_fill(empty if moved.dim() == 2 else empty[..., None], -1 if name == "identity" else 0)

    return slots.replace(**{name: move(name) for name in PER_SLOT})
