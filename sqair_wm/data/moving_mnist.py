"""Moving MNIST exactly as released with the paper: zero to two digits that move, bounce and partly leave the frame; and
harder variants.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.data.sequences import Batch, Truth

DIGIT, CHUNK = 28, 100
"""Height and width of MNIST's images in pixels; sequences of the fixed list that are drawn from one seed."""

LARGEST_VELOCITY, LARGEST_ACCELERATION, JERK = 10.0, 3.0, 0.01
"""In pixels and frames; the last is the standard deviation of the change of the acceleration in a frame."""

TRIES, ROUNDS = 5, 300
"""Places tried for the digits of a sequence before it is drawn again; how often it may be drawn."""


class MovingMNIST:
    """Endless seeded sequences of moving digits.

    The number of digits of a sequence is uniform on `least`..`most` and constant. Digits are cropped to their bounding
    box, start inside the frame without overlapping boxes, move with a velocity up to 10 and an acceleration up to 3
    pixels a frame, bounce with their top left corner at 0 and at the frame's size (so they may leave the frame on the
    right and at the bottom), and are merged by the pixel-wise maximum.

    Args:
        images: `[M, 28, 28]` uint8.
        labels: `[M]`, the digits that they show.
        size: height and width of a frame in pixels.
        most: most digits in a sequence.
        seed: of the fixed sequences that `first` gives.
        scale: size of the digits relative to MNIST; 0.5 makes 14x14 pixels of the 28x28.
        lively: each digit is there only from a uniformly drawn frame to a later one (the paper's harder variant; the
            paper does not say how frames are drawn), so the number of digits in a frame is not constant.
        least: fewest digits in a sequence.
        crowded: digits for which no free place is found overlap others; otherwise the sequence is drawn again.

    Raises:
        ValueError: if digits do not fit into a frame, or one of them is empty.
    """

    channels, scenery, number_of_actions = 1, 0, 0

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        size: int = 50,
        most: int = 2,
        seed: int = 0,
        scale: float = 1.0,
        lively: bool = False,
        least: int = 0,
        crowded: bool = False,
    ):
        self.size, self.most, self.seed, self.labels, self.lively = size, most, seed, labels, lively
        self.least, self.crowded = least, crowded
        self.frame_size = (size, size)
        self.digits, self.extents = crop_digits(images, scale)
        self._tries = TRIES if most <= 2 else TRIES * most**2
        if self.extents.max() > size:
            raise ValueError(
                f"digits of up to {self.extents.max()} pixels (data.scale={scale}) do not fit into frames of {size}: "
                "choose a larger data.size or a smaller data.scale"
            )

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        """See `Sequences.sample`."""
        seed = int(torch.randint(2**62, (), generator=generator))
        return self._make(batch, length, np.random.default_rng(seed), device)

    def first(self, batch: int, length: int, device: torch.device, start: int = 0) -> Batch:
        """Sequences `start` to `start + batch` of a fixed endless list; `start` is a multiple of `CHUNK`."""
        chunks = []
        for chunk in range(start // CHUNK, -(-(start + batch) // CHUNK)):
            chunks.append(self._make(CHUNK, length, np.random.default_rng([self.seed, chunk]), device))
        return Batch.join(chunks).select(torch.arange(batch, device=device))

    def parts(self, number: int, length: int, device: torch.device, together: int = CHUNK) -> Iterator[Batch]:
        """The first `number` fixed sequences, rounded up to a multiple of `CHUNK`, `together` at a time.

        `together` is a multiple of `CHUNK`.
        """
        for start in range(0, number, together):
            yield self.first(min(together, -(-(number - start) // CHUNK) * CHUNK), length, device, start)

    def _make(self, batch: int, length: int, random: np.random.Generator, device: torch.device) -> Batch:
        number = random.integers(self.least, self.most + 1, batch)
        chosen, place = self._start(number, random)
        places = self._move(place, length, random)
        there = np.broadcast_to(np.arange(self.most) < number[:, None], places.shape[:3])
        if self.lively:
            there = there & self._live(there.shape, random)
        canvas = self._draw(places.round().astype(np.int64), chosen, there)
        frames = torch.from_numpy(canvas).to(device).float().div_(255).unsqueeze(2)
        zeros = torch.zeros(length, batch, device=device)
        boxes = np.concatenate([places.round(), np.broadcast_to(self.extents[chosen], places.shape)], -1)
        truth = Truth(
            boxes=torch.from_numpy(boxes).float().to(device),
            presence=torch.from_numpy(there.copy()).to(device),
            labels=torch.from_numpy(np.where(there.any(0), self.labels[chosen], 0).astype(np.int64)).to(device),
        )
        return Batch(Frame(frames), zeros.long(), zeros, zeros.bool(), truth=truth)

    def _start(self, number: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Digits `[B, most]`, different within a sequence, and first corners `[B, most, 2]` whose boxes do not meet."""
        b, most = len(number), self.most
        chosen, place = np.zeros((b, most), np.int64), np.zeros((b, most, 2))
        open_rows = np.arange(b)
        for _ in range(ROUNDS):
            if not len(open_rows):
                break
            chosen[open_rows] = random.integers(0, len(self.digits), (len(open_rows), most))
            left = np.full(len(open_rows), self._tries)
            good = np.ones(len(open_rows), bool)
            for k in range(most):
                needed = good & (k < number[open_rows])
                if k:
                    good &= (chosen[open_rows, :k] != chosen[open_rows, k : k + 1]).all(1) | ~needed
                trying = needed.copy()
                while trying.any():
                    rows = open_rows[trying]
                    room = self.size - self.extents[chosen[rows, k]]
                    place[rows, k] = np.round(random.random((len(rows), 2)) * room)
                    clash = self._clash(place[rows], chosen[rows], k)
                    left[trying] -= clash
                    active = np.flatnonzero(trying)
                    given_up = clash & (left[active] <= 0)
                    good[active[given_up]] = self.crowded
                    trying[active[~clash | given_up]] = False
            open_rows = open_rows[~good]
        if len(open_rows):
            raise ValueError(
                f"{self.most} digits do not fit side by side into frames of {self.size}: choose a smaller data.most or "
                "data.scale, a larger data.size, or data.crowded=true"
            )
        return chosen, place

    def _live(self, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        """Whether each digit is there, `shape` = (T, B, most): from a first to a last frame."""
        length = shape[0]
        first = random.integers(0, length, shape[1:])
        last = first + np.floor(random.random(shape[1:]) * (length - first))
        t = np.arange(length)[:, None, None]
        return (t >= first) & (t <= last)

    def _clash(self, place: np.ndarray, chosen: np.ndarray, k: int) -> np.ndarray:
        """Whether the box of digit `k` meets that of an earlier one."""
        low, high = place, place + self.extents[chosen]
        meets = (low[:, :k] < high[:, k : k + 1]) & (low[:, k : k + 1] < high[:, :k])
        return meets.all(2).any(1)

    def _move(self, place: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
        """Corners over time, `[T, B, most, 2]`."""
        velocity = random.uniform(-LARGEST_VELOCITY, LARGEST_VELOCITY, place.shape)
        acceleration = random.uniform(-LARGEST_ACCELERATION, LARGEST_ACCELERATION, place.shape)
        velocity = (velocity + acceleration).clip(
            -LARGEST_VELOCITY, LARGEST_VELOCITY
        )  # the released code takes a step before frame 1
        places = [place]
        for _ in range(length - 1):
            place = place + velocity
            velocity = velocity + acceleration
            acceleration = acceleration + JERK * random.standard_normal(place.shape)
            below, above = place < 0, place > self.size
            place = np.where(below, -place, np.where(above, 2 * self.size - place, place))
            sign = np.where(below | above, -1.0, 1.0)
            place = place.clip(0, self.size)
            velocity = (sign * velocity).clip(-LARGEST_VELOCITY, LARGEST_VELOCITY)
            acceleration = (sign * acceleration).clip(-LARGEST_ACCELERATION, LARGEST_ACCELERATION)
            places.append(place)
        return np.stack(places)

    def _draw(self, corners: np.ndarray, chosen: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Frames `[T, B, size, size]` uint8."""
        t, b = corners.shape[:2]
        digit = self.digits.shape[1]
        frames = np.zeros((t, b, self.size + digit, self.size + digit), np.uint8)
        offsets = np.arange(digit)
        for k in range(self.most):
            times, rows = np.nonzero(there[:, :, k])
            y = corners[times, rows, k, 0][:, None, None] + offsets[:, None]
            x = corners[times, rows, k, 1][:, None, None] + offsets
            index = (times[:, None, None], rows[:, None, None], y, x)
            frames[index] = np.maximum(frames[index], self.digits[chosen[rows, k]])
        return np.ascontiguousarray(frames[:, :, : self.size, : self.size])


def crop_digits(images: np.ndarray, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Every digit, stretched to the full range of brightness and moved to the top left corner, and its size.

    Args:
        images: `[M, 28, 28]` uint8.
        scale: factor on the size of digits.

    Returns:
        `[M, s, s]` uint8 with s = `ceil(28 * scale)`; `[M, 2]` (height, width) of each digit in pixels.

    Raises:
        ValueError: if a digit is empty or the scale is not positive.
    """
    if scale <= 0:
        raise ValueError(f"data.scale must be positive, got {scale}")
    side = math.ceil(DIGIT * scale)
    digits, extents = np.zeros((len(images), side, side), images.dtype), np.zeros((len(images), 2), np.int64)
    for i, image in enumerate(images):
        rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
        if not len(rows):
            raise ValueError(f"digit {i} is empty")
        tight = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(float)
        if scale != 1:
            height, width = (max(1, round(length * scale)) for length in tight.shape)
            tight = cv2.resize(tight, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        digits[i, : tight.shape[0], : tight.shape[1]] = np.round(tight * (255.0 / image.max()))
        extents[i] = tight.shape
    return digits, extents
