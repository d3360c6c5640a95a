"""Tells objects apart where they meet: the appearances of both neighbours are correlated with the frame.

Nothing here carries a gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.nn.attention import FrameView, sample_weights

CANDIDATES = 4
"""Places tried for each object besides the expected one."""

WORTH, ONCE = 6.0, 1.5
"""Score of a perfect match (a position one standard deviation from the expected one costs 0.5); and the factor on the
score that two objects share, which is subtracted."""

FARTHEST, BEYOND = 2.0, -1000.0
"""Most standard deviations that a place may lie from the expected one along an axis; the score of places beyond."""

CLOSE = 1.2
"""Objects are neighbours if their centres are closer than this plus the search radius, in object sizes."""

CELLS_OF_AN_OBJECT = 8
"""Cells to the shorter side of an object."""

SPAN, BODY = 1.6, 1.2
"""Sizes, in objects, of a template and of the painted area in it."""

LEAST_INK = 2.0
"""Squared intensity, summed over pixels, below which an appearance is too faint to be matched."""

Pair = tuple[Tensor, Tensor]
Pixels = tuple[float, float]


class _Templates(NamedTuple):
    """Appearances on cells.

    `cell` `[R, 2]`, the one nearest to the expected centre, in the middle of the template; `spectrum`
    `[R, C + 1, L, L']` of twice the appearance and of its negative energy; `energy` `[R]`, at least `LEAST_INK`;
    `plain` `[R]` bool, whether it was more than that.
    """

    cell: Tensor
    spectrum: Tensor
    energy: Tensor
    plain: Tensor


class _Candidates(NamedTuple):
    """Positions of `R` objects: `step` `[R, K, 2]` cells from the middle of the template, `score` of each by itself,
    and `match`, the share of the appearance that the frame shows there, `[R, K]`.
    """

    step: Tensor
    score: Tensor
    match: Tensor


class Matcher:
    """Correlates appearances with frames on cells of about an eighth of an object.

    Args:
        view: the frames.
        object_size: (height, width) in pixels of a typical object.
        reach: (y, x) largest standard deviation of an object's position in pixels.
        surprise: smallest standard deviation of an object's position in cells, see `ModelConfig.surprise`.
    """

    def __init__(self, view: FrameView, object_size: Pixels, reach: Pixels, surprise: float):
        self.surprise = surprise
        self.view, self.stride = view, max(1, round(min(object_size) / CELLS_OF_AN_OBJECT))
        self.size = [-(-side // self.stride) for side in view.size]
        self.span = [2 * round((SPAN * side / self.stride - 1) / 2) + 1 for side in object_size]
        self.sigma = [side / self.stride for side in reach]
        self.far = [max(1, int(FARTHEST * s)) for s in self.sigma]
        self.length = [smooth(max(k + 2 * f, 2 * k - 1)) for k, f in zip(self.span, self.far, strict=True)]
        self.least = LEAST_INK / self.stride**2

    def meet(self, rows: Tensor, expected: Tensor, spread: Tensor, glimpses: Tensor, rival: Tensor) -> Tensor:
        """Positions of objects that may be mistaken for one another: for each two, the pair that explains most.

        A position scores by the share of the object's appearance that the frame shows there, less its distance from the
        expected position. Where two objects overlap, the shared part counts only once.

        Args:
            rows: `[R]` int64, the scene of each object.
            expected: `[R, 4]` centre and scale of the window where it is expected.
            spread: `[R, 2]` standard deviation of that centre.
            glimpses: `[R, C, h, w]` what it looks like.
            rival: `[R]` int64, the row of its nearest neighbour.

        Returns:
            `[R, 2]` centres; the expected centre for an object that is too faint to match or of which nothing is seen.
        """
        with torch.no_grad(), torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            return self._meet(rows, expected, spread, glimpses.float(), rival)

    def _meet(self, rows: Tensor, expected: Tensor, spread: Tensor, glimpses: Tensor, rival: Tensor) -> Tensor:
        half = self._pair([0.5 * (side - 1) for side in self.view.size], expected)
        templates = self._templates(expected, glimpses, half)
        places = self._candidates(templates, self._areas(rows, templates.cell), spread * half / self.stride)
        answer = (places.score[rival][:, None] - self._shared(templates, places, rival)).amax(2)
        best = (places.score + answer).argmax(1, keepdim=True)
        step = places.step.gather(1, best[..., None].expand(-1, 1, 2)).squeeze(1)
        seen = templates.plain[:, None] & (places.match.gather(1, best) > 0)
        return expected[:, :2] + seen * step * self.stride / half

    def _pair(self, values: Sequence[float], like: Tensor) -> Tensor:
        return torch.stack([like.new_full((), value) for value in values])

    def _cells(self) -> Tensor:
        """The frames on cells with a wide black edge, and a channel that says what lies inside: `[B, H, W, C + 1]`."""
        whole, number, parts = self.view.whole or (self.view, 0, 1)
        key = ("cells", self.stride, *self.span, *self.far)
        if key not in whole.memo:
            frames = F.pad(whole.frame.detach().float(), (0, 0, 0, 0, 0, 1), value=1.0)
            cells = F.avg_pool2d(frames, self.stride, ceil_mode=True) if self.stride > 1 else frames
            y, x = (k // 2 + f for k, f in zip(self.span, self.far, strict=True))
            whole.memo[key] = F.pad(cells, (x, x, y, y)).permute(0, 2, 3, 1).contiguous()
        return whole.memo[key].chunk(parts)[number]

    def _areas(self, rows: Tensor, cell: Tensor) -> Tensor:
        """The part of the frame around each object that its template may touch, `[R, C + 1, h, w]`."""
        cells = self._cells()
        height, width, channels = cells.shape[1:]
        y, x = (
            cell[:, axis, None].long() + torch.arange(self.span[axis] + 2 * self.far[axis], device=cell.device)
            for axis in (0, 1)
        )
        first = rows // self.view.copies * (height * width)
        index = (first[:, None] + y * width)[:, :, None] + x[:, None]
        areas = cells.reshape(-1, channels).index_select(0, index.flatten())
        return areas.view(*index.shape, channels).permute(0, 3, 1, 2)

    def _templates(self, expected: Tensor, glimpses: Tensor, half: Tensor) -> _Templates:
        place, scale = expected.split(2, 1)
        middle = (half * (place + 1) - 0.5 * (self.stride - 1)) / self.stride
        last = self._pair([n - 1 for n in self.size], expected)
        cell = torch.minimum(middle.round().clamp(min=0), last)
        rows, columns = (self._weights(axis, cell, place, scale, glimpses.shape[2 + axis]) for axis in (0, 1))
        ink = rows[:, None] @ glimpses @ columns[:, None].transpose(2, 3)
        energy = ink.square().sum(1, keepdim=True)
        spectrum = torch.fft.rfft2(torch.cat([2 * ink, -energy], 1), s=self.length)
        total = energy.sum((1, 2, 3))
        return _Templates(cell, spectrum, total.clamp(min=self.least), total > self.least)

    def _weights(self, axis: int, cell: Tensor, place: Tensor, scale: Tensor, n: int) -> Tensor:
        """Mean weights of `n` glimpse samples in the cells around `cell` along an axis, `[R, k, n]`."""
        k, s = self.span[axis], self.stride
        pixels = torch.arange(k * s, device=cell.device) + s * (cell[:, axis, None] - k // 2)
        weights = sample_weights(pixels, scale[:, axis], place[:, axis], self.view.size[axis], n)
        return weights.unflatten(1, (k, s)).mean(2)

    def _candidates(self, templates: _Templates, areas: Tensor, spread: Tensor) -> _Candidates:
        """The expected position and the best local maxima of the score."""
        (y, x), r = self.far, areas.shape[0]
        frames = torch.fft.rfft2(areas, s=self.length)
        gain = torch.fft.irfft2((frames * templates.spectrum.conj()).sum(1), s=self.length)
        match = (gain[:, : 2 * y + 1, : 2 * x + 1] / templates.energy[:, None, None]).clamp(max=1)
        score = WORTH * match
        for axis, n in enumerate((y, x)):
            sigma = spread[:, axis, None].clamp(min=self.surprise, max=max(self.surprise, self.sigma[axis]))
            away = (torch.arange(-n, n + 1, device=score.device) / sigma).unsqueeze(2 - axis)
            score = score - 0.5 * away.square() + BEYOND * (away.abs() > FARTHEST)
        peaks = torch.where(score >= F.max_pool2d(score, 3, 1, 1), score, -torch.inf).flatten(1)
        number = min(CANDIDATES, peaks.shape[1])
        stay = peaks.new_full((r, 1), y * (2 * x + 1) + x, dtype=torch.int64)
        index = torch.cat([stay, peaks.topk(number, 1).indices], 1)
        step = torch.stack([index // (2 * x + 1) - y, index % (2 * x + 1) - x], 2)
        return _Candidates(step.to(score.dtype), score.flatten(1).gather(1, index), match.flatten(1).gather(1, index))

    def _shared(self, templates: _Templates, places: _Candidates, rival: Tensor) -> Tensor:
        """Overlap within the frame of an object and its rival at each pair of positions, `[R, K, K']`; as a score."""
        own, other = templates.spectrum[:, :-1], templates.spectrum[rival][:, :-1]
        overlap = 0.25 * torch.fft.irfft2((own * other.conj()).sum(1), s=self.length)
        cell = places.step + templates.cell[:, None]
        mine, theirs = cell[:, :, None], cell[rival][:, None]
        apart = (theirs - mine).long()
        y, x = (apart[..., axis] % length for axis, length in enumerate(self.length))
        shared = overlap.flatten(1).gather(1, (y * self.length[1] + x).flatten(1)).view(y.shape)
        for axis, (n, k) in enumerate(zip(self.size, self.span, strict=True)):
            middle, reach = 0.5 * (mine + theirs)[..., axis], 0.5 * k * BODY / SPAN
            inside = (middle + reach).clamp(max=n - 0.5) - (middle - reach).clamp(min=-0.5)
            shared = shared * (apart[..., axis].abs() < k) * inside.clamp(min=0) / (2 * reach)
        energy = (templates.energy * templates.energy[rival]).sqrt()
        return ONCE * WORTH * shared / energy[:, None, None]


def nearest(places: Tensor, there: Tensor, object_size: Pixels, size: tuple[int, int], radius: float) -> Pair:
    """Which objects have a neighbour that they may be mistaken for, and the nearest one.

    Args:
        places: `[B, N, 2]` centres, in the frame in [-1, 1].
        there: `[B, N]` 0 or 1, which of the objects there are.
        object_size: (height, width) in pixels of a typical object.
        size: (height, width) of a frame.
        radius: of the search, in object sizes.

    Returns:
        `[B, N]` bool; `[B, N]` int64, the number of the nearest neighbour within the scene.
    """
    unit = torch.stack([places.new_full((), 0.5 * (n - 1) / o) for n, o in zip(size, object_size, strict=True)])
    cells = places * unit
    gap = (cells[:, :, None] - cells[:, None]).abs().amax(3)
    alone = torch.eye(gap.shape[1], dtype=torch.bool, device=gap.device) | (there[:, None] == 0)
    least, rival = gap.masked_fill(alone, torch.inf).min(2)
    return (least < CLOSE + radius) & (there > 0), rival


def smooth(length: int) -> int:
    """The next even length without prime factors beyond 5: transforms of such lengths are fast."""
    length += length % 2
    rest = length
    for factor in (2, 3, 5):
        while rest % factor == 0:
            rest //= factor
    return length if rest == 1 else smooth(length + 2)
