"""Where an object is, and how pixels get from the frame to its glimpse and back.

`where` is (scale y, scale x, shift y, shift x) in an unbounded space; the scale is the share of the frame that the
glimpse spans, the shift is its centre in [-1, 1]. Pixel centres of an axis of length L lie at linspace(-1, 1, L), as in
the published spatial transformer.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

LEAST_SCALE = 1e-4
MOST_SHIFT = 0.995


def window(where: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and centre of a glimpse: `[..., 4]` to `[..., 2]` in (0, 1) and `[..., 2]` in (-1, 1), both (y, x)."""
    scale = where[..., :2].sigmoid()
    scale = scale + (scale.clamp(min=LEAST_SCALE) - scale).detach()
    return scale, where[..., 2:].tanh()


def to_where(scale: Tensor, centre: Tensor) -> Tensor:
    """The inverse of `window`; scale is kept in [1e-4, 1 - 1e-4], centre in [-0.995, 0.995]."""
    scale = scale.clamp(LEAST_SCALE, 1 - LEAST_SCALE)
    return torch.cat([torch.logit(scale), torch.atanh(centre.clamp(-MOST_SHIFT, MOST_SHIFT))], -1)


def boxes(where: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes in pixels of a frame of `size` (height, width): `[..., 4]` to `[..., 4]` = (top, left, height, width)."""
    scale, centre = window(where)
    length = scale.new_tensor(size)
    return torch.cat([0.5 * (length - 1) * (centre - scale + 1), (length + 1) * scale], -1)


class FrameView:
    """A batch of frames laid out for reading many small windows; particles share the frame of their example.

    Args:
        frame: `[B, C, H, W]` in [0, 1].
        rows: number of scenes that look at it, a multiple of B; scene r sees frame r // (rows / B).

    Attributes:
        memo: what others derived from the frames and may want again.
        whole: the view that this one is a part of, its number and the number of parts.
    """

    def __init__(self, frame: Tensor, rows: int):
        self.frame = frame
        self.copies = rows // frame.shape[0]
        if self.copies * frame.shape[0] != rows:
            raise ValueError(f"{rows} scenes cannot share {frame.shape[0]} frames evenly")
        self.size = (frame.shape[2], frame.shape[3])
        self.channels = frame.shape[1]
        self.memo: dict[Any, Any] = {}
        self.whole: tuple[FrameView, int, int] | None = None
        self.pixels = frame.permute(0, 2, 3, 1).reshape(frame.shape[0], -1, self.channels).contiguous()
        padded = F.pad(frame.permute(0, 2, 3, 1), (0, 0, 1, 2, 1, 2))
        shifts = (padded[:, y : y + self.size[0] + 2, x : x + self.size[1] + 2] for y in (0, 1) for x in (0, 1))
        self._corners = torch.cat(list(shifts), -1).view(-1, 4 * self.channels)

    def part(self, number: int, parts: int) -> FrameView:
        """The view of one of `parts` equal parts of the frames, without a copy."""
        part, length = copy(self), self.frame.shape[0] // parts
        part.memo = {}
        part.whole = (self, number, parts)
        part.frame, part.pixels = (x[number * length : (number + 1) * length] for x in (self.frame, self.pixels))
        corners = self._corners.shape[0] // parts
        part._corners = self._corners[number * corners : (number + 1) * corners]
        return part

    def read(self, rows: Tensor, scale: Tensor, centre: Tensor, shape: tuple[int, int]) -> Tensor:
        """Bilinear glimpses, zero outside the frame.

        Args:
            rows: `[R]` int64, the scene of each glimpse.
            scale: `[R, 2]` share of the frame that a glimpse spans.
            centre: `[R, 2]` in [-1, 1].
            shape: (h, w) of a glimpse.

        Returns:
            `[R, C, h, w]`.
        """
        return self.read_points(rows, *sample_points(scale, centre, shape))

    def read_points(self, rows: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
        """`read` at the crossings of rows `ys` `[R, h]` and columns `xs` `[R, w]`, in [-1, 1]."""
        height, width = self.size
        (y, fraction_y), (x, fraction_x) = _floor(ys, height), _floor(xs, width)
        base = (rows // self.copies) * ((height + 2) * (width + 2))
        index = (base[:, None] + y * (width + 2))[:, :, None] + x[:, None, :]
        corners = self._corners.index_select(0, index.reshape(-1)).view(*index.shape, 4, self.channels).unbind(3)
        fraction_x = fraction_x[:, None, :, None]
        top, bottom = torch.lerp(corners[0], corners[1], fraction_x), torch.lerp(corners[2], corners[3], fraction_x)
        return torch.lerp(top, bottom, fraction_y[:, :, None, None]).permute(0, 3, 1, 2)

    def all_rows(self) -> Tensor:
        """The frame of every scene, `[rows, C, H, W]`."""
        return self.frame if self.copies == 1 else self.frame.repeat_interleave(self.copies, 0)


def sample_points(scale: Tensor, centre: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Places of a glimpse's rows and columns in the frame's coordinates [-1, 1]: `[R, h]` and `[R, w]`."""

    unit = {n: torch.linspace(-1, 1, n, device=scale.device, dtype=scale.dtype) for n in set(shape)}
    ys, xs = (torch.addcmul(centre[:, k, None], scale[:, k, None], unit[n]) for k, n in enumerate(shape))
    return ys, xs


def _floor(points: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """The pixel before each point of one axis, counted with a border of one, and the way from it to the next."""
    position = (0.5 * (length - 1) * (points + 1)).clamp(-1, length)
    floor = position.detach().floor().clamp(max=length - 1)
    return floor.long() + 1, position - floor


def _hat(pixels: Tensor, scale: Tensor, centre: Tensor, length: int, n: int) -> Tensor:
    """Bilinear weight of each of `n` glimpse samples at `pixels` `[R, P]` of an axis: `[R, P, n]`."""
    place = pixels * (2 / (length - 1)) - 1
    index = 0.5 * (n - 1) * ((place - centre[:, None]) / scale[:, None] + 1)
    samples = torch.arange(n, device=scale.device, dtype=scale.dtype)
    return (1 - (index[..., None] - samples).abs()).clamp(min=0)


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
        glimpses: `[B, N, C, h, w]`, absent ones zero.
        scale: `[B, N, 2]`; centre: `[B, N, 2]`.
        size: (H, W) of the frame.

    Returns:
        `[B, C, H, W]`.
    """
    b, n, c, h, w = glimpses.shape
    scale, centre = scale.reshape(b * n, 2), centre.reshape(b * n, 2)
    ys = torch.arange(size[0], device=scale.device, dtype=scale.dtype).expand(b * n, -1)
    xs = torch.arange(size[1], device=scale.device, dtype=scale.dtype).expand(b * n, -1)
    rows = _hat(ys, scale[:, 0], centre[:, 0], size[0], h)
    columns = _hat(xs, scale[:, 1], centre[:, 1], size[1], w)
    tall = rows @ rearrange(glimpses, "b n c h w -> (b n) h (c w)")
    tall = rearrange(tall, "(b n) y (c w) -> b (c y) (n w)", n=n, c=c)
    return (tall @ rearrange(columns, "(b n) x w -> b (n w) x", n=n)).view(b, c, *size)


@full_precision
def windows(
    rows: Tensor, glimpses: Tensor, scale: Tensor, centre: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Pixels of glimpses in their frames: only those of their windows.

    Args:
        rows: `[R]` int64, the scene of each glimpse.
        glimpses: `[R, C, h, w]`.
        scale: `[R, 2]`; centre: `[R, 2]`.
        size: (H, W) of a frame.

    Returns:
        `[M]` int64 places in a flattened `[B, H, W]` and `[M, C]` what is added there; places may repeat.
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
    span = min(length, int(torch.ceil(2 * reach.max()).item()) + 1)
    middle = 0.5 * (length - 1) * (centre.detach() + 1)
    first = (middle - reach).ceil().long().clamp(0, length - span)
    pixels = first[:, None] + torch.arange(span, device=scale.device)
    return pixels, _hat(pixels.to(scale.dtype), scale, centre, length, n)
