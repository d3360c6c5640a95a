"""Positions of objects in pixels, the same object at another time, and matching of objects by position."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import window

MARGIN = 1.0
"""Pixels by which an object's box is enlarged on every side when another object is matched with it."""


def centres(slots: Slots, size: tuple[int, int]) -> Tensor:
    """Centres (y, x) of the objects in pixels from the frame's upper left corner, `[B, N, 2]`; of empty slots too."""
    return 0.5 * (_lengths(slots, size) - 1) * (window(slots.where)[1] + 1) + 0.5


def displacements(slots: Slots, size: tuple[int, int]) -> Tensor:
    """How far (y, x) each object moved in the last step, in pixels, `[B, N, 2]`; 0 if it is new."""
    return 0.5 * (_lengths(slots, size) - 1) * slots.velocity


def reach(slots: Slots, size: tuple[int, int]) -> Tensor:
    """Half of the height and width of each object's box, slightly enlarged, in pixels, `[B, N, 2]`."""
    return 0.5 * _lengths(slots, size) * window(slots.where)[0] + MARGIN


def same_objects(identity: Tensor, slots: Slots, values: Tensor) -> tuple[Tensor, Tensor]:
    """Find objects again in another state of the same scenes.

    Args:
        identity: `[B, N]` of the objects to find; -1 for none.
        slots: `B` scenes with objects in any order.
        values: `[B, N', 2]` a value for each of the objects of `slots`, such as its centre.

    Returns:
        `[B, N, 2]` the value of the object with the same identity, 0 if it is gone; `[B, N]` bool, whether it is there.
    """
    same = (identity[:, :, None] == slots.identity[:, None, :]) & (identity >= 0)[:, :, None]
    same = same & (slots.presence > 0)[:, None, :]
    return same.to(values.dtype) @ values, same.any(2)


def match(positions: Tensor, half: Tensor, others: Tensor, allowed: Tensor, among: Tensor) -> Tensor:
    """Pair objects with others whose centre lies in their box: as many pairs as possible, at the least total distance.

    Args:
        positions: `[B, N, 2]` centres.
        half: `[B, N, 2]` half height and width of the box around each.
        others: `[B, M, 2]` centres.
        allowed: `[B, N]` bool, the objects to pair.
        among: `[B, M]` bool, the others to pair them with.

    Returns:
        `[B, N]` int64, which of the others; -1 where there is none.
    """
    from scipy.optimize import linear_sum_assignment

    way = positions[:, :, None] - others[:, None]
    inside = (way.abs() <= half[:, :, None]).all(-1) & allowed[:, :, None] & among[:, None, :]
    distance, possible = way.norm(dim=-1).cpu().numpy(), inside.cpu().numpy()
    found = np.full(possible.shape[:2], -1, np.int64)
    for scene in np.flatnonzero(possible.any((1, 2))):
        far = 1 + distance[scene].max() * min(possible.shape[1:])
        rows, columns = linear_sum_assignment(np.where(possible[scene], distance[scene], far))
        good = possible[scene][rows, columns]
        found[scene, rows[good]] = columns[good]
    return torch.from_numpy(found).to(positions.device)


def pick(positions: Tensor, index: Tensor) -> Tensor:
    """The entries `index` `[B, N]` of `positions` `[..., B, M, D]`: `[..., B, N, D]`; arbitrary ones where it is -1."""
    wide = index.clamp(min=0)[..., None].expand(*positions.shape[:-2], index.shape[1], positions.shape[-1])
    return positions.gather(-2, wide)


def _lengths(slots: Slots, size: tuple[int, int]) -> Tensor:
    return slots.where.new_tensor(size)
