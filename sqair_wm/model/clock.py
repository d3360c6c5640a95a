"""Features of time: steps since an object last appeared or disappeared, and since the episode or the life began."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqair_wm.model.slots import Slots

CLOCK = 4
"""How many numbers `clock` gives for each scene."""


LONGEST = 64
"""Number of times that codes of time tell apart, in steps; longer ones count as the last."""


class TimeCode(nn.Module):
    """A learned code of every number of steps since the last change, and since the episode or the life began.

    Many events come a certain number of steps after another one: in Breakout a life is lost four steps after the ball
    went out of sight. Smooth features, such as those of `clock`, blur them. The codes begin at zero.
    """

    def __init__(self, width: int):
        super().__init__()
        self.since, self.step = nn.Embedding(LONGEST, width), nn.Embedding(LONGEST, width)
        for table in (self.since, self.step):
            nn.init.zeros_(table.weight)

    def forward(self, slots: Slots) -> Tensor:
        """`B` scenes to `[B, width]`."""
        since, step = (x.clamp(max=LONGEST - 1) for x in (slots.since, slots.step))
        coded: Tensor = self.since(since) + self.step(step)
        return coded


def clock(slots: Slots) -> Tensor:
    """Features of time, `[B, CLOCK]`: steps since the last change, on three scales, and `Slots.step`."""
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
