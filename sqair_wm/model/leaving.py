"""How much objects that leave the frame teach of the frames before."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import in_frame, window


def as_far_as_seen(slots: Slots) -> Slots:
    """The same scenes, whose objects pass their gradient on to earlier frames as far as their windows lie in the frame.

    What has left the frame is looked for on guesses alone, each from the one before: while it is away its
    gradient can grow a hundredfold, and one such object outweighs all others of a batch.
    """
    seen = in_frame(*window(slots.where.detach())).unsqueeze(-1)
    names = ("what", "where", "velocity", "temporal", "prior")
    return slots.replace(**{name: _scaled(getattr(slots, name), seen) for name in names})


def _scaled(value: Tensor, share: Tensor) -> Tensor:
    """The value with its gradient scaled by `share`."""
    return torch.lerp(value.detach(), value, share.expand_as(value)) if value.requires_grad else value
