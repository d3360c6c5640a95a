"""Measures size, number and brightness of the objects of a data set, from connected parts of its foreground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor

from sqair_wm.model.config import SPECK

OBJECT_ENERGY, BLACK = 0.25, 0.01
"""A pixel belongs to an object if its squared intensity, summed over channels, is more than `OBJECT_ENERGY`. In dark
data the threshold is lower: this share of the 98th percentile of all pixels that exceed `BLACK`."""

NOISE, FIRST_NOISE = 0.08, 0.1
"""The noise of the image likelihood as a share of the intensity of objects; it is rounded to `FIRST_NOISE` times a
power of two."""


@dataclass(frozen=True)
class ObjectStatistics:
    """Statistics of the objects of a data set.

    Attributes:
        size: typical height and width in pixels.
        slots: number of slots that is enough for nearly every frame.
        intensity: of their pixels, the root of the mean squared intensity summed over channels.
        area: typical area in pixels.
        visible: squared intensity, summed over channels, above which a pixel belongs to an object.
    """

    size: tuple[float, float]
    slots: int
    intensity: float
    area: float
    visible: float

    @property
    def noise(self) -> float:
        """Standard deviation of the image likelihood: fainter objects get less noise.

        It is rounded to steps of a factor of two. All recordings of a game then have the same noise, and the bounds of
        their models can be compared.
        """
        return FIRST_NOISE * 2.0 ** round(math.log2(NOISE * self.intensity / FIRST_NOISE))


def measure_objects(frames: Tensor, most_slots: int = 64) -> ObjectStatistics:
    """Measure the objects of `frames` `[M, C, H, W]`.

    The size is the median over connected parts, each counted by its area (specks count little). The number of slots is
    the 98th percentile of the number of parts in a frame that are not specks (`SPECK` of the median area), plus three,
    between 3 and `most_slots`.

    Raises:
        ValueError: if nothing is visible in any frame.
    """
    sizes, areas = [], []
    energy = frames.square().sum(1)
    lit = energy[energy > BLACK].cpu().numpy()
    visible = OBJECT_ENERGY * min(1.0, float(np.quantile(lit, 0.98))) if len(lit) else OBJECT_ENERGY
    for mask in (energy > visible).cpu().numpy().astype(np.uint8):
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        parts = stats[1:]
        sizes.append(parts[:, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]])
        areas.append(parts[:, cv2.CC_STAT_AREA])
    size, area = np.concatenate(sizes), np.concatenate(areas)
    if not len(area):
        raise ValueError("no foreground in any frame: nothing moves, or the background model swallows all of it")
    height, width = (_weighted_median(size[:, axis], area) for axis in (0, 1))
    typical = _weighted_median(area, area)
    least = SPECK * typical
    counts = [(a >= least).sum() for a in areas]
    slots = int(np.clip(np.percentile(counts, 98) + 3, 3, most_slots))
    intensity = math.sqrt(float(energy[energy > visible].mean()))
    return ObjectStatistics((max(height, 2.0), max(width, 2.0)), slots, intensity, typical, visible)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])
