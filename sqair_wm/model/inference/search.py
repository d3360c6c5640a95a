"""The residual, which is the foreground that no object explains yet, and its peaks. Nothing here carries a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.nn.attention import FrameView

Pair = tuple[Tensor, Tensor]
Pixels = tuple[float, float]


class Peak(NamedTuple):
    """The best position found in each row.

    Attributes:
        centre: `[R, 2]` in [-1, 1].
        energy: `[R]`, squared intensity around it, summed over pixels.
        features: `[R, F]`, inputs for networks: log(1 + e) of the energies e that were compared.
    """

    centre: Tensor
    energy: Tensor
    features: Tensor


class EnergyMap:
    """Squared intensity of frames on a grid whose cells are a fraction of an object.

    Both axes are treated at once: numbers of the cells of (y, x) are `[..., 2, L]`, padded on the shorter axis.

    Args:
        view: the frames.
        object_size: (height, width) in pixels of a typical object; sets the cell and the blur.

    Attributes:
        numbers: 0, 1, ... of the cells along the longer axis.
    """

    def __init__(self, view: FrameView, object_size: tuple[float, float]):
        self.copies = view.copies
        self.stride = max(1, min(4, round(min(object_size) / 2.5)))
        energy = view.frame.detach().square().sum(1, keepdim=True)
        if self.stride > 1:
            energy = F.avg_pool2d(energy, self.stride, ceil_mode=True, divisor_override=1)
        self.map = energy.squeeze(1)
        self.cells = (self.map.shape[1], self.map.shape[2])
        self.blur = tuple(max(1, 2 * round((o / self.stride - 1) / 2) + 1) for o in object_size)
        self._gain = self.pair([0.5 * (side - 1) / self.stride for side in view.size])
        self._middle = self.pair([0.5 * (side / self.stride - 1) for side in view.size])
        self._half = self.pair([0.5 * side / self.stride for side in view.size])[:, None]
        self._box = self.pair([side // 2 for side in self.blur])[:, None]
        self.numbers = torch.arange(max(self.cells), device=energy.device, dtype=energy.dtype)

    def part(self, number: int, parts: int) -> EnergyMap:
        """The map of one of `parts` equal parts of the frames."""
        part = copy(self)
        part.map = self.map.chunk(parts)[number]
        return part

    def pair(self, values: Sequence[float]) -> Tensor:
        """Numbers for y and x, `[2]`."""
        return torch.stack([self.map.new_full((), value) for value in values])

    def cell(self, place: Tensor) -> Tensor:
        """Frame coordinates in [-1, 1] `[..., 2]` to fractional cell numbers."""
        return torch.addcmul(self._middle, place, self._gain)

    def place(self, cell: Tensor) -> Tensor:
        """The inverse of `cell`."""
        return ((cell - self._middle) / self._gain).clamp_(-1, 1)

    def cover(self, distance: Tensor, scale: Tensor) -> Tensor:
        """Share of cells at a signed `distance` `[..., 2, L]` from a window of `scale` `[..., 2]` that it covers."""
        half = scale[..., None] * self._half
        return torch.minimum(half + 0.5 - distance.abs(), 2 * half).clamp_(0, 1)

    def covers(self, centre: Tensor, scale: Tensor) -> Pair:
        """`cover` of all cells by windows `[..., 2]`: of the rows `[..., h]` and of the columns `[..., w]`."""
        both = self.cover(self.numbers - self.cell(centre)[..., None], scale)
        return both[..., 0, : self.cells[0]], both[..., 1, : self.cells[1]]

    def peak(self, area: Tensor, score: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """Argmax of `score` `[R, h, w]`, moved to the centre of mass of `area` in the blur's box around it.

        `first` `[R, 2]` or `[2]` is the first cell of the area. Returns the centre `[R, 2]` in [-1, 1] and the energy
        in the box `[R]`.
        """
        h, w = score.shape[1:]
        flat = score.flatten(1).argmax(1)
        best = torch.stack([flat // w, flat % w], 1).to(area.dtype)
        distance = self.numbers[: max(h, w)] - best[:, :, None]
        inside = (distance.abs() <= self._box).to(area.dtype)
        weights = torch.stack([inside, inside * distance], 2)
        moments = (weights[:, 0, :, :h] @ area @ weights[:, 1, :, :w].transpose(1, 2)).flatten(1)
        energy = moments[:, 0]
        shift = moments[:, 1:3].flip(1) / energy.clamp(min=1e-6)[:, None]
        return self.place(best + first + shift), energy


def energy_map(view: FrameView, object_size: tuple[float, float]) -> EnergyMap:
    """The energy map of a view, made once."""
    if object_size not in view.memo:
        if view.whole is None:
            view.memo[object_size] = EnergyMap(view, object_size)
        else:
            whole, number, parts = view.whole
            view.memo[object_size] = energy_map(whole, object_size).part(number, parts)
    return view.memo[object_size]


class Residual:
    """The energy of each scene that no object explains, `[B, h, w]`: it is removed under the windows of known objects.

    Args:
        energy: of the frames; scenes that share a frame start from the same.
        centre: `[B, N, 2]` of the windows of the objects known so far.
        scale: `[B, N, 2]` of these windows.
        presence: `[B, N]` 0 or 1, which of them count.
    """

    def __init__(self, energy: EnergyMap, centre: Tensor, scale: Tensor, presence: Tensor):
        self.energy = energy
        y, x = energy.covers(centre, scale)
        explained = ((y * presence[..., None]).transpose(1, 2) @ x).clamp_(max=1)
        whole = energy.map[:, None]
        self.map = torch.addcmul(whole, whole, explained.unflatten(0, (-1, energy.copies)), value=-1).flatten(0, 1)

    def wipe(self, rows: Tensor, centre: Tensor, scale: Tensor, weight: Tensor) -> None:
        """Remove the energy under one window a scene, in place.

        Args:
            rows: `[R]` int64, distinct scenes.
            centre: `[R, 2]` of the windows, in [-1, 1].
            scale: `[R, 2]`, shares of the frame that they span.
            weight: `[R]` share of the energy that is removed.
        """
        y, x = self.energy.covers(centre, scale)
        area = self.map[rows]
        self.map[rows] = torch.addcmul(area, area * (weight[:, None] * y)[:, :, None], x[:, None, :], value=-1)

    def highest(self, rows: Tensor) -> Peak:
        """The highest peak of the blurred map of each of `rows` `[R]`; features: peak, largest cell, total."""
        area = self.map[rows]
        centre, energy = self.energy.peak(area, box_blur(area, self.energy.blur), area.new_zeros(()))
        return Peak(centre, energy, torch.stack([energy, area.amax((1, 2)), area.sum((1, 2))], -1).log1p())


def search_near(
    energy: EnergyMap, rows: Tensor, expected: Tensor, others: Others | None, older: Tensor | None, radius: Pixels
) -> Peak:
    """The highest peak of each object's surroundings, without what others are expected to cover.

    Older objects have the first claim; younger ones claim only what lies outside the object's own expected window.

    Args:
        energy: of the frames.
        rows: `[R]` int64, the scene of each object.
        expected: `[R, 4]` centre and scale of the window where it is expected.
        others: windows where the other objects of its scene are expected; None if there are none.
        older: `[R, N]` 0 or 1, which of them are older; None if there are none.
        radius: (y, x) standard deviation in pixels of the Gaussian that weights the search.

    Returns:
        The peak, at the expected position if nothing is visible. Its features are the energies at the peak, in the
        expected window and in the whole area searched.
    """
    sigma = [max(r / energy.stride, 0.5) for r in radius]
    h, w = (min(n, 2 * int(2 * s + k / 2) + 1) for n, s, k in zip(energy.cells, sigma, energy.blur, strict=True))
    middle = energy.cell(expected[:, :2])
    first = (middle - energy.pair([h // 2, w // 2])).round_().clamp_(min=0)
    last = energy.pair([energy.cells[0] - h, energy.cells[1] - w])
    first = torch.fmin(first, last)  # an expected position that is not a number is searched for in the last cells
    cells = first[:, :, None] + energy.numbers[: max(h, w)]
    distance = cells - middle[:, :, None]
    near = (distance.square() * energy.pair([-0.5 / s**2 for s in sigma])[:, None]).exp_()
    own = energy.cover(distance, expected[:, 2:])
    own_cover = own[:, 0, :h, None] * own[:, 1, None, :w]
    y, x = cells.long().unbind(1)
    frame = (rows // energy.copies) * (energy.cells[0] * energy.cells[1])
    index = torch.add(frame[:, None], y[:, :h], alpha=energy.cells[1])[:, :, None] + x[:, None, :w]
    area = energy.map.reshape(-1)[index]
    if others is not None and older is not None:
        points = energy.place(cells.transpose(1, 2)).transpose(1, 2)
        area = area * (1 - _taken(points, own_cover, others, older))
    score = box_blur(area, energy.blur) * near[:, 0, :h, None] * near[:, 1, None, :w]
    centre, found = energy.peak(area, score, first)
    centre = torch.where((found > 1e-3)[:, None], centre, expected[:, :2])
    features = torch.stack([found, (area * own_cover).sum((1, 2)), area.sum((1, 2))], -1).log1p()
    return Peak(centre, found, features)


def _taken(points: Tensor, own_cover: Tensor, others: Others, older: Tensor) -> Tensor:
    """Share of each cell that others may claim, `[R, h, w]`."""
    y, x = cover(points, (own_cover.shape[1], own_cover.shape[2]), others)
    by_older = y @ (x * (others.presence * older)[:, :, None])
    by_younger = y @ (x * (others.presence * (1 - older))[:, :, None])
    return by_older.addcmul_(by_younger, 1 - own_cover).clamp_(max=1)


def box_blur(image: Tensor, size: tuple[int, ...]) -> Tensor:
    """Sum over a box of odd `size` around every cell of `[R, h, w]`, by cumulative sums."""
    for axis, k in ((1, size[0]), (2, size[1])):
        if k == 1:
            continue
        pad = (k // 2 + 1, k // 2) if axis == 2 else (0, 0, k // 2 + 1, k // 2)
        total = F.pad(image, pad).cumsum(axis)
        length = total.shape[axis]
        image = total.narrow(axis, k, length - k) - total.narrow(axis, 0, length - k)
    return image


class Others(NamedTuple):
    """Windows of other objects of a row's scene: `centre`, `scale` `[R, N, 2]`; `presence` `[R, N]`, which count."""

    centre: Tensor
    scale: Tensor
    presence: Tensor


class Cover(NamedTuple):
    """Which rows `[R, h, N]` and columns `[R, N, w]` of a grid lie in the windows of other objects, as 0 or 1."""

    rows: Tensor
    columns: Tensor

    def by(self, presence: Tensor) -> Tensor:
        """Which points lie in the windows that count, `presence` `[R, N]`: `[R, h, w]` in {0, 1}."""
        return (self.rows @ (self.columns * presence[:, :, None])).clamp_(max=1)


def cover(points: Tensor, shape: tuple[int, int], others: Others) -> Cover:
    """The part of a grid that lies in the windows of other objects.

    Args:
        points: `[R, 2, L]` rows and columns of the grid in [-1, 1], see `FrameView.points`.
        shape: (h, w), how many of them count.
        others: the windows.
    """
    centre, scale = (x.transpose(1, 2)[..., None] for x in (others.centre, others.scale))
    inside = ((points[:, :, None] - centre).abs_() < scale).to(points.dtype)
    return Cover(inside[:, 0, :, : shape[0]].transpose(1, 2), inside[:, 1, :, : shape[1]])
