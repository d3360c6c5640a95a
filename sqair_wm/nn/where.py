"""Converts between the latent `where` of an object and the window that its glimpse spans.

`where` is (scale y, scale x, shift y, shift x) in an unbounded space. The sigmoid of the scale is the share of the
frame that the window spans; the shift gives its centre in units of half a frame. Pixel centres of an axis of length L
lie at linspace(-1, 1, L), as in the published spatial transformer. There the centre is tanh(shift), which ends at the
edge of the frame. Here tanh goes on as a straight line from `RIM` on, because the centre of an object that leaves lies
outside: if it were held inside, its appearance would have to change instead. The centre ends where the window has just
left the frame, so that an object that returns is found again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

LEAST_SCALE = 1e-4
"""Least share of the frame that a window spans along an axis."""

RIM, OUTSIDE = 0.9, 2.0
"""Distance from the middle, in half frames, from which tanh goes on as a straight line; and the largest distance."""

RIM_SHIFT, RIM_SLOPE = math.atanh(RIM), 1 - RIM**2


def window(where: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and centre of a window: `[..., 4]` to `[..., 2]` in (0, 1) and `[..., 2]` up to 1 + scale, both (y, x)."""
    if where.requires_grad:
        return _Window.apply(where)
    scale = where[..., :2].sigmoid().clamp(min=LEAST_SCALE)
    return scale, _held(_bent(where[..., 2:])[0], scale)


def _bent(shift: Tensor) -> tuple[Tensor, Tensor]:
    """tanh(shift) that goes on as a straight line from `RIM` on; and tanh(shift) clamped to `RIM`."""
    inner = shift.clamp(-RIM_SHIFT, RIM_SHIFT)
    bent = inner.tanh()
    return torch.add(bent, shift - inner, alpha=RIM_SLOPE), bent


def _held(centre: Tensor, scale: Tensor) -> Tensor:
    """The centre, clamped to where the window has just left the frame."""
    return torch.maximum(torch.minimum(centre, 1 + scale), -1 - scale)


class _Window(torch.autograd.Function):
    """`window` with a straight-through gradient at the least scale and the farthest centre."""

    @staticmethod
    def forward(ctx: Any, where: Tensor) -> tuple[Tensor, Tensor]:
        share, (centre, bent) = where[..., :2].sigmoid(), _bent(where[..., 2:])
        ctx.save_for_backward(share, bent)
        scale = share.clamp(min=LEAST_SCALE)
        return scale, _held(centre, scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        share, bent = ctx.saved_tensors
        grad_scale = torch.ops.aten.sigmoid_backward(grads[0], share)
        return torch.cat([grad_scale, torch.ops.aten.tanh_backward(grads[1], bent)], -1)


def to_where(scale: Tensor, centre: Tensor) -> Tensor:
    """The inverse of `window`; scale is kept in [1e-4, 1 - 1e-4], centre in [-2, 2]."""
    return torch.cat([torch.logit(scale.clamp(LEAST_SCALE, 1 - LEAST_SCALE)), to_shift(centre)], -1)


def to_shift(centre: Tensor) -> Tensor:
    """The second half of `to_where`: `[..., 2]` to `[..., 2]`."""
    centre = centre.clamp(-OUTSIDE, OUTSIDE)
    inner = centre.clamp(-RIM, RIM)
    return torch.atanh(inner) + (centre - inner) / RIM_SLOPE


def held_shift(centre: Tensor, scale: Tensor) -> Tensor:
    """`to_shift` of a centre `[..., 2]` clamped to where a window of that scale has left; scale gets no gradient."""
    return to_shift(_held(centre, scale.detach()))


def slope(centre: Tensor) -> Tensor:
    """The derivative of the centre of `window` by its shift, `[..., 2]`."""
    return 1 - centre.clamp(-RIM, RIM).square()


def constant(values: Sequence[float], like: Tensor) -> Tensor:
    """Known `values` as a vector with the type and on the device of `like`, without waiting for a GPU."""
    if like.device.type == "cpu":
        return like.new_tensor(values)
    return torch.stack([like.new_full((), value) for value in values])


def in_frame(scale: Tensor, centre: Tensor) -> Tensor:
    """The share of a window `[..., 2]` that lies in the frame, `[...]`; see `window`."""
    inside = (centre + scale).clamp(max=1) - (centre - scale).clamp(min=-1)
    return (inside / (2 * scale)).clamp(0, 1).prod(-1)


def boxes(where: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes in pixels of a frame of `size` (height, width): `[..., 4]` to `[..., 4]` = (top, left, height, width)."""
    return boxes_of(*window(where), size)


def boxes_of(scale: Tensor, centre: Tensor, size: tuple[int, int]) -> Tensor:
    """`boxes` from the scale and the centre that `window` returns."""
    length = constant(size, scale)
    return torch.cat([0.5 * (length - 1) * (centre - scale + 1), (length + 1) * scale], -1)
