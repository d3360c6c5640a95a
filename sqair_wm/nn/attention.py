"""Reads glimpses of windows from frames and draws them back, see `where`."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from sqair_wm.nn.reading import Axes, Read, axes_of, differences

P = ParamSpec("P")
R = TypeVar("R")


class FrameView:
    """A batch of frames laid out for reading many small windows; particles of a sequence share its frame.

    Args:
        frame: `[B, C, H, W]` in [0, 1].
        rows: number of scenes that see the frames, a multiple of B; scene r sees frame r // (rows / B).
        scenery: `[B, h, w, S]`, the reduced background of the frame, see `Slots`; None if it is not needed.

    Attributes:
        memo: results derived from the frames, kept for reuse.
        whole: the view of which this one is a part, its number and the number of parts; None if it is not a part.

    Raises:
        ValueError: if `rows` is not a multiple of B.
    """

    def __init__(self, frame: Tensor, rows: int, scenery: Tensor | None = None):
        self.frame, self.scenery = frame, frame[:, :0] if scenery is None else scenery
        self.copies = rows // frame.shape[0]
        if self.copies * frame.shape[0] != rows:
            raise ValueError(f"{rows} scenes cannot share {frame.shape[0]} frames evenly")
        self.size = (frame.shape[2], frame.shape[3])
        self.channels = frame.shape[1]
        self.memo: dict[Any, Any] = {}
        self.whole: tuple[FrameView, int, int] | None = None
        last = frame.detach().permute(0, 2, 3, 1)
        self.pixels = last.reshape(frame.shape[0], -1, self.channels)
        self._corners = differences(F.pad(last, (0, 0, 1, 2, 1, 2))).view(-1, 4 * self.channels)

    def part(self, number: int, parts: int) -> FrameView:
        """The view of one of `parts` equal parts of the frames, without a copy."""
        part, length = copy(self), self.frame.shape[0] // parts
        part.memo = {}
        part.whole = (self, number, parts)
        cut = slice(number * length, (number + 1) * length)
        part.frame, part.pixels, part.scenery = self.frame[cut], self.pixels[cut], self.scenery[cut]
        corners = self._corners.shape[0] // parts
        part._corners = self._corners[number * corners : (number + 1) * corners]
        return part

    def read(self, rows: Tensor, scale: Tensor, centre: Tensor, shape: tuple[int, int]) -> Tensor:
        """Bilinear glimpses, zero outside the frame.

        Args:
            rows: `[R]` int64, the scene of each glimpse.
            scale: `[R, 2]` share of the frame that a glimpse spans.
            centre: `[R, 2]`, in the frame in [-1, 1].
            shape: (h, w) of a glimpse.

        Returns:
            `[R, C, h, w]`.
        """
        base = rows if self.copies == 1 else rows // self.copies
        base = base * ((self.size[0] + 2) * (self.size[1] + 2))
        return Read.apply(self._corners, base, scale, centre, shape, self._axes(shape), self.size[1] + 2)

    def points(self, scale: Tensor, centre: Tensor, shape: tuple[int, int]) -> Tensor:
        """Positions of the rows and columns of glimpses in the frame's coordinates [-1, 1].

        Args:
            scale: `[R, 2]`, see `read`.
            centre: `[R, 2]`, see `read`.
            shape: (h, w) of a glimpse.

        Returns:
            `[R, 2, max(h, w)]`, of y and of x; entries beyond the shorter side have no meaning.
        """
        return torch.addcmul(centre[:, :, None], scale[:, :, None], self._axes(shape).unit)

    def _axes(self, shape: tuple[int, int]) -> Axes:
        memo, key = self.memo if self.whole is None else self.whole[0].memo, ("axes", shape)
        if key not in memo:
            memo[key] = axes_of(shape, self.size, self.frame)
        axes: Axes = memo[key]
        return axes

    def all_scenery(self) -> Tensor:
        """The reduced background of every scene, `[rows, h, w, S]`."""
        return self.scenery if self.copies == 1 else self.scenery.repeat_interleave(self.copies, 0)

    def all_rows(self) -> Tensor:
        """The frame of every scene, `[rows, C, H, W]`."""
        return self.frame if self.copies == 1 else self.frame.repeat_interleave(self.copies, 0)


def sample_weights(pixels: Tensor, scale: Tensor, centre: Tensor, length: int, n: int) -> Tensor:
    """Bilinear weight of each of `n` glimpse samples at `pixels` `[R, P]` of an axis: `[R, P, n]`."""
    place = pixels * (2 / (length - 1)) - 1
    return _Hat.apply(0.5 * (n - 1) * ((place - centre[:, None]) / scale[:, None] + 1), n)


class _Hat(torch.autograd.Function):
    """max(0, 1 - |index - sample|) for fractional sample numbers `index` `[R, P]`: `[R, P, n]`."""

    @staticmethod
    def forward(ctx: Any, index: Tensor, n: int) -> Tensor:
        samples = torch.arange(n, device=index.device, dtype=index.dtype)
        apart = samples - index[..., None]
        weight = (1 - apart.abs()).clamp_(min=0)
        ctx.save_for_backward(apart, weight)
        return weight

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        apart, weight = ctx.saved_tensors
        return (torch.copysign(weight.sign(), apart) * grads[0]).sum(2), None


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function outside of autocast: pixels are placed in float32."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            return function(*args, **kwargs)

    return run


@full_precision
def place_whole(glimpses: Tensor, scale: Tensor, centre: Tensor, size: tuple[int, int]) -> Tensor:
    """Draw all glimpses of a scene into its frame and add them up; every pixel of every glimpse is computed.

    Args:
        glimpses: `[B, N, C, h, w]`, zero for empty slots.
        scale: `[B, N, 2]`, see `FrameView.read`.
        centre: `[B, N, 2]`.
        size: (H, W) of the frame.

    Returns:
        `[B, C, H, W]`.
    """
    tall, columns = whole_factors(glimpses, scale, centre, size)
    return (tall @ columns).view(tall.shape[0], glimpses.shape[2], *size)


@full_precision
def whole_factors(glimpses: Tensor, scale: Tensor, centre: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Two matrices of each scene whose product is what `place_whole` draws: `[B, C * H, N * w]` and `[B, N * w, W]`."""
    b, n, c, h, w = glimpses.shape
    scale, centre = scale.reshape(b * n, 2), centre.reshape(b * n, 2)
    ys = torch.arange(size[0], device=scale.device, dtype=scale.dtype).expand(b * n, -1)
    xs = torch.arange(size[1], device=scale.device, dtype=scale.dtype).expand(b * n, -1)
    rows = sample_weights(ys, scale[:, 0], centre[:, 0], size[0], h)
    columns = sample_weights(xs, scale[:, 1], centre[:, 1], size[1], w)
    tall = rows @ rearrange(glimpses, "b n c h w -> (b n) h (c w)")
    tall = rearrange(tall, "(b n) y (c w) -> b (c y) (n w)", n=n, c=c)
    return tall, rearrange(columns, "(b n) x w -> b (n w) x", n=n)


@full_precision
def windows(
    rows: Tensor, glimpses: Tensor, scale: Tensor, centre: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Glimpses as pixels of their frames, only those in their windows.

    Args:
        rows: `[R]` int64, the scene of each glimpse.
        glimpses: `[R, C, h, w]`.
        scale: `[R, 2]`, see `FrameView.read`.
        centre: `[R, 2]`.
        size: (H, W) of a frame.

    Returns:
        `[M]` int64, indices into a flattened `[B, H, W]`, and `[M, C]`, the values to add there; indices may repeat.
    """
    (height, width), (_, c, h, w) = size, glimpses.shape
    ys, weight_y = _window_axis(scale[:, 0], centre[:, 0], height, h)
    xs, weight_x = _window_axis(scale[:, 1], centre[:, 1], width, w)
    tall = weight_y @ glimpses.permute(0, 2, 3, 1).reshape(-1, h, w * c)
    p = ys.shape[1]
    tall = tall.transpose(1, 2) if c == 1 else tall.view(-1, p, w, c).transpose(1, 2).reshape(-1, w, p * c)
    index = (rows * (height * width))[:, None, None] + ys[:, None, :] * width + xs[:, :, None]
    return index.reshape(-1), (weight_x @ tall).reshape(-1, c)


def _window_axis(scale: Tensor, centre: Tensor, length: int, n: int) -> tuple[Tensor, Tensor]:
    """Pixels of an axis that the widest window covers, `[R, P]`, and the weights of the samples there, `[R, P, n]`."""
    reach = 0.5 * (length - 1) * scale.detach() * (1 + 2 / (n - 1))
    widest = torch.ceil(2 * reach.max()).item()
    span = int(widest) + 1 if widest < length else length  # the whole axis if a scale is NaN
    middle = 0.5 * (length - 1) * (centre.detach() + 1)
    first = (middle - reach).ceil().long().clamp(0, length - span)
    pixels = first[:, None] + torch.arange(span, device=scale.device)
    return pixels, sample_weights(pixels.to(scale.dtype), scale, centre, length, n)
