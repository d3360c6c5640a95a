"""Bilinear reading of many small windows from a table of pixels, with a hand-written gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


def differences(padded: Tensor) -> Tensor:
    """Each pixel of `[B, H + 3, W + 3, C]` with its differences to the right, downwards and diagonally.

    Returns:
        `[B, H + 2, W + 2, 4 * C]`: a, b, c and d of a + x b + y (c + x d), the bilinear value at a fraction (y, x) of a
        pixel from it.
    """
    right = padded[:, :, 1:] - padded[:, :, :-1]
    here, right, below, below_right = padded[:, :-1, :-1], right[:, :-1], padded[:, 1:, :-1], right[:, 1:]
    return torch.cat([here, right, below - here, below_right - right], -1)


class Axes(NamedTuple):
    """For y and x: positions of glimpse samples in [-1, 1], `[2, n]`; number of the last pixel, `[2, 1]`; its half."""

    unit: Tensor
    last: Tensor
    half: Tensor


def axes_of(shape: tuple[int, int], size: tuple[int, int], like: Tensor) -> Axes:
    """The axes for glimpses of `shape` from frames of `size`; the shorter axis is padded with zeros."""
    units = [torch.linspace(-1, 1, n, dtype=like.dtype, device=like.device) for n in shape]
    unit = torch.stack([F.pad(u, (0, max(shape) - len(u))) for u in units])
    last = torch.stack([unit.new_full((1,), side - 1) for side in size])
    return Axes(unit, last, 0.5 * last)


class Read(torch.autograd.Function):
    """`attention.FrameView.read` from a table of `differences`; `base` `[R]` is where the frame of a glimpse begins."""

    @staticmethod
    def forward(
        ctx: Any,
        table: Tensor,
        base: Tensor,
        scale: Tensor,
        centre: Tensor,
        shape: tuple[int, int],
        axes: Axes,
        width: int,
    ) -> Tensor:
        unit, last, half = axes
        raw = torch.addcmul(half, torch.addcmul(centre[:, :, None], scale[:, :, None], unit), half)
        position = torch.fmin(raw, last + 1).clamp_(min=-1)  # a position that is NaN is read at the last pixel
        floor = torch.minimum(position.floor(), last)
        y, x = (position - floor).unbind(1)
        y, x = y[:, : shape[0], None, None], x[:, None, : shape[1], None]
        row, column = (floor.long() + 1).unbind(1)
        first = torch.add(base[:, None], row[:, : shape[0]], alpha=width)
        index = first[:, :, None] + column[:, None, : shape[1]]
        a, b, c, d = _entries(table, index.view(-1)).view(*index.shape, 4, table.shape[1] // 4).unbind(3)
        down = torch.addcmul(c, d, x)
        if ctx.needs_input_grad[2] or ctx.needs_input_grad[3]:
            ctx.save_for_backward(down, torch.addcmul(b, d, y), unit, half * (raw == position))
        return torch.addcmul(torch.addcmul(a, b, x), down, y).permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor, Tensor, None, None, None]:
        down, right, unit, reach = ctx.saved_tensors
        grad, n = grads[0].permute(0, 2, 3, 1), reach.shape[2]
        moves = [(grad * down).sum((2, 3)), (grad * right).sum((1, 3))]
        moved = torch.stack([m if m.shape[1] == n else F.pad(m, (0, n - m.shape[1])) for m in moves], 1) * reach
        return None, None, (moved * unit).sum(2), moved.sum(2), None, None, None


def _entries(table: Tensor, index: Tensor) -> Tensor:
    """Rows `[M, D]` of a table by their numbers `[M]`; on the CPU four floats are moved as one, three times as fast."""
    if (
        table.dtype != torch.float32
        or table.shape[1] != 4
        or table.device.type != "cpu"
        or torch.compiler.is_compiling()
    ):
        return table.index_select(0, index)
    return table.view(torch.complex128).squeeze(1).index_select(0, index)[:, None].view(torch.float32)
