"""Frames to foreground. The same code makes training data and serves a running game."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.frame import Frame

SAME = 8
"""Two pixels are the same colour if no channel differs by more than this (of 255)."""

UNCOVERED = 15
"""Votes a frame that a pixel loses when it was uncovered, so that the new background is accepted within few frames."""


CUT = 0.3
"""Where more than this share of a picture differs from the background, the scene changed (a new level, a flash)."""


SEEN = ("image", "_votes", "_sure")
"""What a `RunningMode` remembers of an episode."""


class RunningMode:
    """Causal background: for every pixel, the colour seen most in the recent past (a majority vote with a capped lead).

    Known background stays, however long something stands in front of it: an agent that waits still sees itself. It
    changes in two ways.

    A pixel that now looks like the background beside it was uncovered rather than covered (an eaten pellet, a broken
    brick): it loses `UNCOVERED` votes a frame. So does one that now shows a mixture of the background on both sides of
    it, and did not before (the edge of a broken brick, in a frame that was reduced). At zero the new colour takes over.

    Where the scene changed (`CUT`), what differs is no longer known. An unknown pixel that shows its background colour
    adds a vote, up to `memory`, and any other colour takes one away, so that what stands still becomes background. With
    half of the votes it is known again.

    Args:
        initial: `[H, W, C]` uint8, the background at the start of an episode.
        memory: when the scene has changed, frames after which what stands still is background; at most 65535.
        known: whether `initial` is known to be background; otherwise no pixel is, and every one is updated by votes.

    Raises:
        ValueError: if `initial` is not `[H, W, C]` uint8.
    """

    def __init__(self, initial: np.ndarray, memory: int = 45, known: bool = True):
        if initial.dtype != np.uint8 or initial.ndim != 3:
            raise ValueError(f"a background is [H, W, C] uint8, got {initial.dtype} {initial.shape}")
        self.initial, self.memory, self._known = initial.copy(), memory, known
        self.reset()

    def reset(self) -> None:
        """Start of an episode: back to the initial background."""
        self.image = self.initial.copy()
        self._votes = np.full(self.image.shape[:2], self.memory // 2, np.int32)
        self._sure = np.ones(self.image.shape[:2], bool)

    def state_dict(self) -> dict[str, Tensor]:
        """What has been seen of the episode so far."""
        return {name: torch.from_numpy(getattr(self, name).copy()) for name in SEEN}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave."""
        for name in SEEN:
            setattr(self, name, state[name].numpy().copy())

    def update(self, frame: np.ndarray) -> np.ndarray:
        """Take in `frame` `[H, W, C]` uint8 and return the background behind it, a new array."""
        same = alike(frame, self.image)
        uncovered = self._beside(frame) | self._between(frame, same & self._sure)
        if self._known and same.mean() < 1 - CUT:
            self._sure &= same
        kept = self._sure if self._known else False
        self._votes += np.where(same, 1, np.where(uncovered, -UNCOVERED, np.where(kept, 0, -1)))
        np.minimum(self._votes, self.memory, out=self._votes)
        lost = self._votes < 0
        self.image[lost] = frame[lost]
        self._votes[lost] = 0
        if self._known:
            self._sure = np.where(lost, uncovered, self._sure | (self._votes >= self.memory // 2))
        return self.image.copy()

    def _beside(self, frame: np.ndarray) -> np.ndarray:
        """Where `frame` has the colour of the background of a neighbouring pixel, `[H, W]` bool."""
        around, sure = (
            cv2.copyMakeBorder(x, 1, 1, 1, 1, cv2.BORDER_REPLICATE) for x in (self.image, self._sure.view(np.uint8))
        )
        (h, w), found = frame.shape[:2], np.zeros(frame.shape[:2], bool)
        for y, x in ((0, 1), (2, 1), (1, 0), (1, 2)):
            part = slice(y, y + h), slice(x, x + w)
            found |= alike(frame, np.ascontiguousarray(around[part])) & (sure[part] > 0)
        return found

    def _between(self, frame: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Where `frame`, but not the background, mixes what is `shown` of the background on two opposite sides.

        `[H, W]` bool.
        """
        found = np.zeros_like(shown)
        for dy, dx in ((1, 0), (0, 1)):
            h, w = shown.shape[0] - 2 * dy, shown.shape[1] - 2 * dx
            middle, first, last = ((slice(k * dy, k * dy + h), slice(k * dx, k * dx + w)) for k in (1, 0, 2))
            y, x = np.nonzero(shown[first] & shown[last] & ~shown[middle])
            sides = self.image[first][y, x], self.image[last][y, x]
            found[middle][y, x] |= mixture(frame[middle][y, x], *sides) & ~mixture(self.image[middle][y, x], *sides)
        return found


def alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where two pictures `[H, W, C]` uint8 have the same colour, `[H, W]` bool."""
    return cv2.inRange(cv2.absdiff(a, b), (0,) * 4, (SAME,) * 4) > 0


def mixture(colour: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which of the colours `[M, C]` uint8 are nearly a mixture of `a` and `b` `[M, C]`, `[M]` bool; see `SAME`."""
    start, way = a.astype(np.float32), b.astype(np.float32) - a
    share = ((colour - start) * way).sum(1) / np.maximum(np.square(way).sum(1), 1)
    return (np.abs(colour - start - share.clip(0, 1)[:, None] * way) <= SAME).all(1)


def separate(frame: Tensor, background: Tensor) -> Frame:
    """A frame as the model takes it: what differs from the background, and the background.

    Args:
        frame: `[..., H, W, C]` uint8.
        background: the same shape.

    Returns:
        Foreground `[..., C + 1, H, W]` in [0, 1]: colour times opacity, and opacity, both zero where nothing differs;
        background `[..., C, H, W]` in [0, 1]. Opacity is a channel of its own, so that even a black object shows.
    """
    image, behind = frame.float() / 255, background.float() / 255
    opacity = (((image - behind).abs().amax(-1, keepdim=True) - 0.02) / 0.13).clamp(0, 1)
    return Frame(torch.cat([image * opacity, opacity], -1), behind).map(lambda x: x.movedim(-1, -3))


def compose(frame: Frame) -> Tensor:
    """A foreground `[..., C + 1, H, W]` over its background `[..., C, H, W]`, as pictures `[..., H, W, C]` uint8."""
    image, background = frame.foreground.clamp(0, 1), frame.background
    whole = image[..., :-1, :, :] + (1 - image[..., -1:, :, :]) * background
    return (whole.movedim(-3, -1).clamp(0, 1) * 255).round().to(torch.uint8)
