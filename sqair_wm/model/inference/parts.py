"""The common part of guided tracking and discovery: reading windows, and which points other objects claim."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.inference.search import Cover, Others, cover
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.distributions import Normal, positive
from sqair_wm.nn.networks import Encoder, linear
from sqair_wm.nn.where import constant

CERTAIN = 88.0
"""Logit of a probability of 1 in single precision."""

VISIBLE_ENERGY, EXPLAINED, LARGER, LEAST_SIDE = 0.04, 0.6, 2.0, 1.0
"""An object shows if the mean squared intensity in its window is more than `VISIBLE_ENERGY`, and objects that come
first (older ones, and ones with more than `LARGER` times its area) explain less than the share `EXPLAINED` of it.
Windows with a side of less than `LEAST_SIDE` pixels show nothing."""

Decode = Callable[[Tensor], Tensor]
"""Appearance codes `[R, W]` to glimpses `[R, C, h, w]`."""


class Look(NamedTuple):
    """The contents of `R` windows of frames.

    Attributes:
        glimpses: `[R, C, h, w]`.
        cover: the parts of them that lie in the windows of other objects; None if there are no others.
        claims: `[R, 1, h, w]` 0 or 1, the points that other objects claim; None if there are no others.
    """

    glimpses: Tensor
    cover: Cover | None = None
    claims: Tensor | None = None


class GlimpseReader(nn.Module):
    """Reads a window of the frame; an extra channel says which of its points other objects already claim."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.shape, hidden = config.glimpse, config.hidden
        self.wide = Encoder(config.channels + 1, self.shape, hidden)
        self.narrow = Encoder(config.channels + 1, self.shape, hidden)
        self.head = linear(hidden, 2 * config.what)
        self.least = config.least_std[0]

    def look(self, view: FrameView, rows: Tensor, scale: Tensor, centre: Tensor, others: Others | None) -> Look:
        """The frame and the claims in each window; without `others` nothing is claimed."""
        glimpses = view.read(rows, scale, centre, self.shape)
        if others is None:
            return Look(glimpses)
        covered = cover(view.points(scale.detach(), centre.detach(), self.shape), self.shape, others)
        return Look(glimpses, covered, covered.by(others.presence).unsqueeze(1))

    def around(self, view: FrameView, rows: Tensor, scale: Tensor, centre: Tensor, others: Others | None) -> Tensor:
        """Code of the wide window around a position, `[R, hidden]`."""
        look = self.look(view, rows, scale, centre, others)
        return self.wide.beside(look.glimpses, look.claims)

    def what(self, look: Look) -> Normal:
        """q of the appearance code from what is seen in a window alone, `[R, W]`."""
        mean, raw = self.head(self.narrow.beside(look.glimpses, look.claims)).chunk(2, -1)
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


def limited(logit: Tensor, most: float) -> Tensor:
    """A logit bent so that its size stays below `most`, however large the output of the network; unchanged if 0.

    The logit of a network that is always right grows without limit, since only doubtful cases teach it. If it then
    errs at a logit of hundreds, the other answer is never sampled and nothing is learned. The slope of the bend falls
    off slowly enough for the logit to come back.
    """
    return most * logit / (most + logit.abs()) if most > 0 else logit


@torch.no_grad()
def shows(view: FrameView, glimpses: Tensor, scale: Tensor, claims: Tensor | None) -> Tensor:
    """Whether windows hold foreground that no object before them explains, `[R]` bool.

    Args:
        view: of the frames.
        glimpses: `[R, C, h, w]`, what is in each window.
        scale: `[R, 2]` of the windows.
        claims: `[R, h, w]`, which points lie in windows that come first, see `EXPLAINED`; None if there are none.
    """
    energy = glimpses.square().sum(1)
    least = LEAST_SIDE / constant(view.size, scale)
    seen = (energy.mean((1, 2)) > VISIBLE_ENERGY) & (scale > least).all(1)
    if claims is None:
        return seen
    return seen & ((energy * claims).sum((1, 2)) < EXPLAINED * energy.sum((1, 2)))
