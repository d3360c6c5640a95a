"""Scales the gradient that objects pass on to earlier frames while they leave the frame."""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import in_frame, window


def as_far_as_seen(slots: Slots) -> Slots:
    """The same scenes; the gradient to earlier frames is scaled by the share of each window that lies in the frame.

    An object outside the frame is tracked by guesses alone, each based on the one before. While it is away its
    gradient can grow a hundredfold, and one such object outweighs all others of a batch.
    """
    seen = in_frame(*window(slots.where.detach())).unsqueeze(-1)
    names = ("what", "where", "velocity", "temporal", "prior")
    return slots.replace(**{name: _scaled(getattr(slots, name), seen) for name in names})


def _scaled(value: Tensor, share: Tensor) -> Tensor:
    """The value with its gradient scaled by `share`."""
    return torch.lerp(value.detach(), value, share.expand_as(value)) if value.requires_grad else value
