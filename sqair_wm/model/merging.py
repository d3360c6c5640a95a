"""The end of a step: new objects get their identities and join the tracked ones."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.slots import PER_SLOT, Slots
from sqair_wm.nn.packing import flat_rows, take_rows


def merge(tracked: Slots, discovered: Slots, slots: int, dense: bool) -> Slots:
    """Join both halves of a step into at most `slots` slots: objects first, empty ones last, order otherwise kept.

    Args:
        tracked: the tracked objects, in any number of slots.
        discovered: the new objects, in any number of slots.
        slots: most slots of the result.
        dense: do the same work whatever the scenes hold; otherwise slots that are in order already are not sorted.
    """
    nothing_new = not dense and not discovered.presence.shape[1]
    presence = (tracked.presence if nothing_new else torch.cat([tracked.presence, discovered.presence], 1)).detach()
    in_order = not dense and bool((presence[:, 1:] <= presence[:, :-1]).all())
    if in_order and nothing_new:
        return discovered.replace(**{name: getattr(tracked, name)[:, :slots] for name in PER_SLOT})
    order = None if in_order else torch.sort(presence, dim=1, descending=True, stable=True).indices[:, :slots]
    rows = None if order is None else flat_rows(order, presence.shape[1])

    def join(name: str) -> Tensor:
        both = getattr(tracked, name)
        if not nothing_new:
            both = torch.cat([both, getattr(discovered, name)], 1)
        return both[:, :slots] if order is None or rows is None else take_rows(both, rows, order.shape)

    return discovered.replace(**{name: join(name) for name in PER_SLOT})


def new_identities(presence: Tensor, last_identity: Tensor) -> tuple[Tensor, Tensor]:
    """Number newly found objects after `last_identity` `[B]`: their identities `[B, N]` and the newest one `[B]`."""
    if not presence.shape[1]:
        return last_identity.new_zeros(presence.shape), last_identity
    found = presence.detach() > 0
    number = last_identity[:, None] + found.long().cumsum(1)
    return torch.where(found, number, -torch.ones_like(number)), last_identity + found.long().sum(1)
