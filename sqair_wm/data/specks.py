"""Tells from motion whether small parts of a foreground are objects: a ball travels, a conveyor belt flickers."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from torch import Tensor

from sqair_wm.model.config import SPECK

GATE = 0.18
"""A part is linked to the nearest part of the next frame within this share of the frame."""

LONG, FAR, STRAIGHT = 5, 3.0, 0.7
"""A small part travels if it is tracked for at least `LONG` frames, if its end is at least `FAR` pixels from its start,
and if that distance is at least the share `STRAIGHT` of its path."""

TRAVELLING, HALF = 0.05, 0.5
"""If at least the share `TRAVELLING` of the small parts travels, small parts may be objects: only those of less than
`HALF` of their median area are specks then."""


class Part(NamedTuple):
    """A connected part: its centre (y, x) and area in pixels."""

    centre: np.ndarray
    area: float


def measure_speck(masks: np.ndarray, typical: float) -> float:
    """The share of the `typical` area below which a part is a speck: `SPECK`, or less where such parts travel.

    Args:
        masks: `[B, T, H, W]` bool, the foreground of `B` stretches of `T` successive frames.
        typical: area of an object in pixels.
    """
    tracks = [
        track for stretch in masks for track in follow([small_parts(m, SPECK * typical) for m in stretch], stretch)
    ]
    going = [track for track in tracks if travels(track)]
    if not going or sum(map(len, going)) < TRAVELLING * sum(map(len, tracks)):
        return SPECK
    areas = [part.area for track in going for part in track]
    return float(min(SPECK, HALF * np.median(areas) / typical))


def small_parts(mask: np.ndarray, most: float) -> list[Part]:
    """The connected parts of a mask `[H, W]` with an area below `most`."""
    _, _, stats, centres = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return [Part(c[::-1], float(a)) for c, a in zip(centres[1:], areas, strict=True) if a < most]


def follow(frames: list[list[Part]], like: np.ndarray) -> list[list[Part]]:
    """Parts linked over frames, nearest first; the shape of `like` `[T, H, W]` says how large a frame is."""
    gate = GATE * max(like.shape[1:])
    tracks: list[list[Part]] = []
    heads: list[list[Part]] = []
    for parts in frames:
        pairs = sorted(
            (float(np.linalg.norm(track[-1].centre - part.centre)), h, p)
            for h, track in enumerate(heads)
            for p, part in enumerate(parts)
        )
        taken: dict[int, int] = {}
        for distance, h, p in pairs:
            if distance <= gate and p not in taken and h not in taken.values():
                taken[p] = h
        fresh = [[part] for p, part in enumerate(parts) if p not in taken]
        for p, h in taken.items():
            heads[h].append(parts[p])
        tracks += fresh
        heads = [heads[h] for h in taken.values()] + fresh
    return tracks


def travels(track: list[Part]) -> bool:
    """Whether a part travels, see `LONG`, instead of going to and fro."""
    if len(track) < LONG:
        return False
    places = np.stack([part.centre for part in track])
    way, path = np.linalg.norm(places[-1] - places[0]), np.linalg.norm(np.diff(places, axis=0), axis=1).sum()
    return bool(way >= FAR and way >= STRAIGHT * path)


def foreground_masks(frames: Tensor, visible: float) -> np.ndarray:
    """Where frames `[T, B, C, H, W]` show foreground, `[B, T, H, W]` bool: squared intensity above `visible`."""
    mask: np.ndarray = (frames.square().sum(2) > visible).transpose(0, 1).cpu().numpy()
    return mask
