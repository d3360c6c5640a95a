"""Boxes of painted objects: they enclose the visible pixels, since the model may choose a window of any size."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.model.config import ModelConfig
from sqair_wm.nn.where import constant, window

OPAQUE, BRIGHT = 0.5, 0.2
"""The share of its largest intensity at which an object begins: opacity is all or nothing, brightness fades out."""


def outlines(glimpses: Tensor, where: Tensor, config: ModelConfig) -> Tensor:
    """The boxes of painted objects, cut off at the frame.

    Along each axis an object begins and ends where its intensity, linear between the samples of the glimpse, rises to a
    share of its maximum and falls below it: `OPAQUE` where frames have opacity (games), else `BRIGHT`.

    Args:
        glimpses: `[..., C, h, w]`, see `Rendering`; zero where there is no object.
        where: `[..., 4]`, of `Slots`.
        config: of the model that painted them.

    Returns:
        `[..., 4]` (top, left, height, width) in pixels from the frame's upper left corner; zero where nothing is
        painted; height or width is zero where no part of the object lies in the frame.
    """
    scale, centre = window(where)
    length = constant(config.frame_size, scale)[:, None]
    place = centre[..., None] + scale[..., None] * _extent(glimpses, config)
    start, end = (0.5 * (length - 1) * (place + 1) + 0.5).clamp(min=0).minimum(length).unbind(-1)
    return torch.where(_painted(glimpses), torch.cat([start, end - start], -1), 0)


def off_centre(glimpses: Tensor, where: Tensor, config: ModelConfig) -> Tensor:
    """How far what is painted of objects lies from the centres of their windows, in pixels (y, x).

    Args:
        glimpses, where, config: see `outlines`.

    Returns:
        `[..., 2]`, from the window's centre to that of the outline, uncut; zero where nothing is painted.
    """
    scale, length = window(where)[0], constant(config.frame_size, where)
    apart = 0.5 * (length - 1) * scale * _extent(glimpses, config).mean(-1)
    return torch.where(_painted(glimpses), apart, 0)


def _painted(glimpses: Tensor) -> Tensor:
    return (glimpses.amax((-1, -2, -3)) > 0)[..., None]


def _extent(glimpses: Tensor, config: ModelConfig) -> Tensor:
    """Begin and end of an object in y and in x, `[..., 2, 2]`; -1 and 1 are the outermost samples of the glimpse."""
    ink = glimpses.amax(-3)
    share = OPAQUE if config.scenery else BRIGHT
    return torch.stack([_edges(ink.amax(-1), share), _edges(ink.amax(-2), share)], -2)


def _edges(profile: Tensor, share: float) -> Tensor:
    """Where `profile` `[..., n]` first rises to a share of its maximum and last falls below, `[..., 2]` in [-1, 1]."""
    n = profile.shape[-1]
    least = share * profile.amax(-1, keepdim=True)
    inside, number = profile >= least, torch.arange(n, device=profile.device)
    first = torch.where(inside, number, n - 1).amin(-1)
    last = torch.where(inside, number, 0).amax(-1)
    ends, outward = torch.stack([first, last], -1), constant([-1, 1], number)
    padded = F.pad(profile, (1, 1))
    here, beyond = padded.gather(-1, ends + 1), padded.gather(-1, ends + 1 + outward)
    past = (here - least) / (here - beyond).clamp(min=1e-6)
    return (ends + outward * past) * (2 / (n - 1)) - 1
