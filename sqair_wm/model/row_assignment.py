"""Assignment of objects to rows: an object keeps its row as long as it lives, for agents and training."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sqair_wm.model.slots import PER_SLOT, Slots
from sqair_wm.nn.packing import flat_rows, take_rows


class RowAssignment(NamedTuple):
    """The rows of the objects in `B` scenes.

    Attributes:
        slot: `[B, N]` int64, the slot whose object has each row.
        empty: `[B, N]` bool, the rows without an object.
    """

    slot: Tensor
    empty: Tensor

    @staticmethod
    def of(slots: Slots, previous: Tensor) -> RowAssignment:
        """Every object in the row that it had before, and new ones in free rows, in their order; see `keep_rows`."""
        identity = slots.identity
        there = (identity >= 0) & (slots.presence.detach() > 0)
        stays = (previous[:, :, None] == identity[:, None, :]) & there[:, None, :]
        free, new = ~stays.any(2), there & ~stays.any(1)
        turn = torch.where(free, free.long().cumsum(1), -1)[:, :, None] == new.long().cumsum(1)[:, None, :]
        takes = stays | (turn & free[:, :, None] & new[:, None, :])
        return RowAssignment(takes.to(torch.uint8).argmax(2), ~takes.any(2))

    @staticmethod
    def still(slots: Slots) -> RowAssignment:
        """Every object in the row of its slot."""
        (b, n), device = slots.presence.shape, slots.presence.device
        return RowAssignment(torch.arange(n, device=device).expand(b, n), slots.presence.detach() <= 0)

    def move(self, *fields: Tensor, empty: float = 0) -> list[Tensor]:
        """`fields` `[B, N, ...]` of the slots as rows, with the value `empty` in rows without an object."""
        rows, shape = flat_rows(self.slot, self.slot.shape[1]), self.slot.shape
        moved = [take_rows(x, rows, shape) for x in fields]
        return [x.masked_fill(self.empty.reshape(shape + (1,) * (x.dim() - 2)), empty) for x in moved]


def keep_rows(slots: Slots, previous: Tensor) -> Slots:
    """Put every object into the row that it had before, and new ones into free rows, in their order.

    Args:
        slots: `B` scenes of `N` slots, objects in any order.
        previous: `[B, N]` int64, the identity that each row held one step before; -1 where a row was free.

    Returns:
        The same objects, those of `previous` in their rows. Rows without an object are zero, their identity -1. The
        result's `identity` is the next step's `previous`.
    """
    return in_rows(slots, RowAssignment.of(slots, previous))


def in_rows(slots: Slots, assignment: RowAssignment) -> Slots:
    """All of `slots` as `assignment` says; rows without an object are zero, their identity -1."""
    names = [name for name in PER_SLOT if name != "identity"]
    moved = dict(zip(names, assignment.move(*(getattr(slots, name) for name in names)), strict=True))
    return slots.replace(**moved, identity=assignment.move(slots.identity, empty=-1)[0])
