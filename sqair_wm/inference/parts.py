"""What guided tracking and guided discovery share: looking at a place, and reading what is there."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.attention import FrameView
from sqair_wm.config import ModelConfig
from sqair_wm.distributions import Normal, positive
from sqair_wm.inference.search import Others, claimed
from sqair_wm.networks import Encoder, linear

CERTAIN = 88.0

Decode = Callable[[Tensor], Tensor]
"""Appearance codes `[R, W]` to glimpses `[R, C, h, w]`."""


class GlimpseReader(nn.Module):
    """Reads a window of the frame; an extra channel says which of its points other objects already claim."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.shape, hidden = config.glimpse, config.hidden
        self.wide = Encoder(config.channels + 1, self.shape, hidden)
        self.narrow = Encoder(config.channels + 1, self.shape, hidden)
        self.head = linear(hidden, 2 * config.what)
        self.least = config.least_std[0]

    def pixels(self, view: FrameView, rows: Tensor, scale: Tensor, centre: Tensor, others: Others | None) -> Tensor:
        """`[R, C + 1, h, w]`: the frame and the claims in each window; without `others` nothing is claimed."""
        glimpses = view.read(rows, scale, centre, self.shape).flatten(2)
        if others is None:
            pixels = F.pad(glimpses, (0, 0, 0, 1))
        else:
            points = view.points(scale.detach(), centre.detach(), self.shape)
            pixels = torch.cat([glimpses, claimed(points, self.shape, others).flatten(2)], 1)
        return pixels.unflatten(2, self.shape)

    def around(self, view: FrameView, rows: Tensor, scale: Tensor, centre: Tensor, others: Others | None) -> Tensor:
        """Code of a wide look at a place, `[R, hidden]`."""
        return self.wide(self.pixels(view, rows, scale, centre, others))

    def what(self, pixels: Tensor) -> Normal:
        """q of the appearance code from a glimpse `[R, C + 1, h, w]` alone, `[R, W]`."""
        mean, raw = self.head(self.narrow(pixels)).chunk(2, -1)
        return Normal(mean, positive(raw, self.least))


class ObjectMemory(nn.Module):
    """First temporal and dynamics memories of a new object, from what it is and where."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.net = linear(config.what + 4, 2 * config.hidden)

    def forward(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """`[R, W]` and `[R, 4]` to two `[R, hidden]`."""
        temporal, prior = torch.tanh(self.net(torch.cat([what, where], -1))).chunk(2, -1)
        return temporal, prior


def keep(logit: Tensor, may_leave: Tensor | None, scene: Tensor) -> Tensor:
    """Presence logits `[R]` of tracked objects, certain where their `scene` `[R]` forbids leaving."""
    return logit if may_leave is None else torch.where(may_leave[scene], logit, logit.new_full((), CERTAIN))
