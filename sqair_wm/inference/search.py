"""Where to look: the foreground that no object explains yet, and its peaks. Nothing here carries a gradient."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sqair_wm.attention import FrameView, window

Pair = tuple[Tensor, Tensor]


class Peak(NamedTuple):
    """The best place found in each row.

    `centre` `[R, 2]` in [-1, 1]; `energy` `[R]`, squared intensity around it; `features` `[R, F]`, what a network may
    want to know about the search: logs of the energies that were compared.
    """

    centre: Tensor
    energy: Tensor
    features: Tensor


class EnergyMap:
    """Squared intensity of frames on a grid whose cells are a fraction of an object.

    Args:
        view: the frames.
        object_size: (height, width) in pixels of a typical object; sets the cell and the blur.
    """

    def __init__(self, view: FrameView, object_size: tuple[float, float]):
        self.size, self.copies = view.size, view.copies
        self.stride = max(1, min(4, round(min(object_size) / 2.5)))
        energy = view.frame.detach().square().sum(1, keepdim=True)
        if self.stride > 1:
            energy = F.avg_pool2d(energy, self.stride, ceil_mode=True, divisor_override=1)
        self.map = energy.squeeze(1)
        self.cells = (self.map.shape[1], self.map.shape[2])
        self.blur = tuple(max(1, 2 * round((o / self.stride - 1) / 2) + 1) for o in object_size)

    def part(self, number: int, parts: int) -> EnergyMap:
        """The map of one of `parts` equal parts of the frames."""
        part = copy(self)
        part.map = self.map.chunk(parts)[number]
        return part

    def cell(self, axis: int, place: Tensor) -> Tensor:
        """Frame coordinate in [-1, 1] to a fractional cell number."""
        pixel = 0.5 * (self.size[axis] - 1) * (place + 1)
        return (pixel - 0.5 * (self.stride - 1)) / self.stride

    def place(self, axis: int, cell: Tensor) -> Tensor:
        """The inverse of `cell`."""
        pixel = cell * self.stride + 0.5 * (self.stride - 1)
        return (2 * pixel / (self.size[axis] - 1) - 1).clamp(-1, 1)

    def cover(self, axis: int, cells: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
        """Share of `cells` `[..., M]` that windows at `centre` `[...]` and of `scale` `[...]` cover, along one axis."""
        middle = self.cell(axis, centre)[..., None]
        half = 0.5 * scale[..., None] * (self.size[axis] / self.stride)
        return (torch.minimum(cells + 0.5, middle + half) - torch.maximum(cells - 0.5, middle - half)).clamp(0, 1)

    def peak(self, area: Tensor, score: Tensor, offset: Pair) -> tuple[Tensor, Tensor]:
        """Argmax of `score` `[R, h, w]`, moved to the centre of mass of `area` in the blur's box around it.

        `offset` is the first cell of the area. Returns the centre `[R, 2]` in [-1, 1] and the energy in the box `[R]`.
        """
        w = score.shape[2]
        best = score.flatten(1).argmax(1)
        box, distances = area, []
        for axis, cell in ((0, best // w), (1, best % w)):
            distance = torch.arange(score.shape[axis + 1], device=area.device) - cell[:, None]
            inside = (distance.abs() <= self.blur[axis] // 2).to(area.dtype)
            box = box * (inside[:, :, None] if axis == 0 else inside[:, None, :])
            distances.append(distance.to(area.dtype))
        energy = box.sum((1, 2))
        shift_y = (box.sum(2) * distances[0]).sum(1) / energy.clamp(min=1e-6)
        shift_x = (box.sum(1) * distances[1]).sum(1) / energy.clamp(min=1e-6)
        y = self.place(0, best // w + offset[0] + shift_y)
        x = self.place(1, best % w + offset[1] + shift_x)
        return torch.stack([y, x], -1), energy


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
    """The energy of each scene that no object explains, `[B, h, w]`: windows of explained objects are wiped.

    Args:
        energy: of the frames; scenes that share a frame start from the same.
        centre: `[B, N, 2]`; scale: `[B, N, 2]` windows of the objects known so far; presence: `[B, N]` which count.
    """

    def __init__(self, energy: EnergyMap, centre: Tensor, scale: Tensor, presence: Tensor):
        self.energy = energy
        self._axes = tuple(torch.arange(c, device=centre.device, dtype=centre.dtype) for c in energy.cells)
        y = energy.cover(0, self._axes[0], centre[..., 0], scale[..., 0]) * presence[..., None]
        x = energy.cover(1, self._axes[1], centre[..., 1], scale[..., 1])
        explained = (y.transpose(1, 2) @ x).clamp(max=1)
        self.map = energy.map.repeat_interleave(energy.copies, 0) * (1 - explained)

    def wipe(self, rows: Tensor, centre: Tensor, scale: Tensor, weight: Tensor) -> None:
        """Remove the energy under one window a scene, in place.

        Args:
            rows: `[R]` int64, distinct scenes.
            centre: `[R, 2]` in [-1, 1]; scale: `[R, 2]` share of the frame.
            weight: `[R]` share of the energy that goes.
        """
        y = weight[:, None] * self.energy.cover(0, self._axes[0], centre[:, 0], scale[:, 0])
        x = self.energy.cover(1, self._axes[1], centre[:, 1], scale[:, 1])
        self.map[rows] = torch.addcmul(self.map[rows], self.map[rows] * y[:, :, None], x[:, None, :], value=-1)

    def highest(self, rows: Tensor) -> Peak:
        """The highest peak of the blurred map of each of `rows` `[R]`; features: peak, largest cell, total."""
        area = self.map[rows]
        centre, energy = self.energy.peak(area, box_blur(area, self.energy.blur), (torch.zeros_like(rows),) * 2)
        return Peak(centre, energy, torch.stack([energy, area.amax((1, 2)), area.sum((1, 2))], -1).log1p())


def search_near(
    energy: EnergyMap, rows: Tensor, expected: Tensor, others: Others, older: Tensor, radius: tuple[float, float]
) -> Peak:
    """The highest peak of each object's surroundings, left aside what others are expected to cover.

    Older objects have the first claim; younger ones only to what lies outside the object's own expected window.

    Args:
        energy: of the frames.
        rows: `[R]` int64, the scene of each object.
        expected: `[R, 4]` centre and scale of the window where it is expected.
        others: windows where the other objects of its scene are expected; older: `[R, N]` which of them are older.
        radius: (y, x) standard deviation in pixels of the Gaussian under which the peak is sought.

    Returns:
        The peak, at the expected place if nothing is visible; features: energy at the peak, where expected, and around.
    """
    first, cells, near = [], [], []
    for axis in (0, 1):
        sigma = max(radius[axis] / energy.stride, 0.5)
        reach = min(energy.cells[axis], 2 * int(2 * sigma + energy.blur[axis] / 2) + 1)
        middle = energy.cell(axis, expected[:, axis])
        start = (middle - reach // 2).round().long().clamp(0, energy.cells[axis] - reach)
        first.append(start)
        cells.append(start[:, None] + torch.arange(reach, device=rows.device))
        near.append(torch.exp(-0.5 * ((cells[-1] - middle[:, None]) / sigma) ** 2))
    index = (rows // energy.copies)[:, None, None] * (energy.cells[0] * energy.cells[1])
    index = index + cells[0][:, :, None] * energy.cells[1] + cells[1][:, None, :]
    area = energy.map.reshape(-1)[index]
    own = [energy.cover(axis, cells[axis].to(area.dtype), expected[:, axis], expected[:, 2 + axis]) for axis in (0, 1)]
    own_cover = own[0][:, :, None] * own[1][:, None, :]
    ys, xs = (energy.place(axis, cells[axis].to(area.dtype)) for axis in (0, 1))
    inside_y, inside_x = _inside(ys, xs, others)
    by_older = inside_y @ (inside_x * (others.presence * older)[:, :, None])
    by_younger = inside_y @ (inside_x * (others.presence * (1 - older))[:, :, None])
    area = area * (1 - by_older.addcmul(by_younger, 1 - own_cover).clamp_(max=1))
    score = box_blur(area, energy.blur) * near[0][:, :, None] * near[1][:, None, :]
    centre, found = energy.peak(area, score, (first[0], first[1]))
    visible = (found > 1e-3)[:, None].to(centre.dtype)
    centre = expected[:, :2] + visible * (centre - expected[:, :2])
    features = torch.stack([found, (area * own_cover).sum((1, 2)), area.sum((1, 2))], -1).log1p()
    return Peak(centre, found, features)


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


def covered(where: Tensor, other: Tensor) -> Tensor:
    """Share of each window that another one covers: `where` `[..., 4]`, `other` `[..., 4]` to `[...]`."""
    (scale, centre), (scale_other, centre_other) = window(where), window(other)
    high = torch.minimum(centre + scale, centre_other + scale_other)
    low = torch.maximum(centre - scale, centre_other - scale_other)
    return ((high - low).clamp(min=0) / (2 * scale)).prod(-1)


class Others(NamedTuple):
    """Windows of other objects of a row's scene: `centre` and `scale` `[R, N, 2]`, `presence` `[R, N]`: which count."""

    centre: Tensor
    scale: Tensor
    presence: Tensor


def claimed(ys: Tensor, xs: Tensor, others: Others) -> Tensor:
    """Which points of a grid lie in the windows of other objects.

    Args:
        ys: `[R, h]` rows of the grid in [-1, 1]; xs: `[R, w]` columns.
        others: the windows.

    Returns:
        `[R, 1, h, w]` in {0, 1}.
    """
    inside_y, inside_x = _inside(ys, xs, others)
    return (inside_y @ (inside_x * others.presence[:, :, None])).clamp_(max=1).unsqueeze(1)


def _inside(ys: Tensor, xs: Tensor, others: Others) -> Pair:
    """Rows `[R, h, N]` and columns `[R, N, w]` of a grid that lie in the windows, as numbers."""
    (centre_y, centre_x), (scale_y, scale_x) = others.centre.unbind(2), others.scale.unbind(2)
    y = (ys[:, :, None] - centre_y[:, None]).abs() < scale_y[:, None]
    x = (xs[:, None] - centre_x[:, :, None]).abs() < scale_x[:, :, None]
    return y.to(ys.dtype), x.to(xs.dtype)
