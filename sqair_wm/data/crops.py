"""Which crops of a video are worth looking at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.notes import check_listed
from sqair_wm.data.people import People
from sqair_wm.model.config import SPECK

PLACES, TIMES = 40, 50
"""Places tried at one time, and times tried, until a crop is found."""


@dataclass(frozen=True)
class Clip:
    """The prepared video of one camera.

    Attributes:
        foreground: `[F, h, w]` uint8; stays on disk until it is indexed.
        centres: `[F, P, 2]` centres (y, x) of the connected parts that are no specks; far outside to fill up.
        training, test: numbers of the frames that train and that test.
        video_size: (height, width) of the video; camera_shift: in its pixels.
        people: who is really there, if anybody knows.
    """

    foreground: np.ndarray
    centres: np.ndarray
    training: range
    test: range
    video_size: tuple[int, int]
    camera_shift: float
    people: People | None = None

    @staticmethod
    def open(folder: Path, split: float) -> Clip:
        """What `extract` left in `folder`; the first share `split` of the time trains.

        Raises:
            ValueError: if the folder holds something else.
        """
        remedy = f"delete {folder}, it will be made again"
        check_listed(folder, remedy)
        try:
            facts = json.loads((folder / "video.json").read_text())
            foreground, parts = np.load(folder / "foreground.npy", mmap_mode="r"), np.load(folder / "parts.npy")
        except (OSError, ValueError) as error:
            raise DamagedError(f"{folder} is damaged: {error} ({remedy})") from error
        behind = max(1, int(split * len(foreground)))
        centres = part_centres(parts, len(foreground), behind)
        size = facts["height"], facts["width"]
        return Clip(foreground, centres, range(behind), range(behind, len(foreground)), size, facts["camera_shift"])

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.foreground)

    @property
    def scale(self) -> float:
        """Reduced pixels a pixel of the video."""
        return self.foreground.shape[2] / self.video_size[1]

    @property
    def parts_per_frame(self) -> np.ndarray:
        """`[F]`, of those that are no specks."""
        return (self.centres[..., 0] >= 0).sum(1)

    def with_people(self, people: People) -> Clip:
        """The same with true boxes."""
        return replace(self, people=people)


def part_centres(parts: np.ndarray, frames: int, training: int) -> np.ndarray:
    """Centres by frame, see `Clip.centres`.

    Args:
        parts: `[P, 6]`, see `extract`.
        frames: number of frames; training: how many of them, from the first on, say what a speck is: less than
            `SPECK` of the typical area, the median with each part counted by its area.
    """
    area = np.sort(parts[parts[:, 0] < training, 5])
    least = SPECK * area[np.searchsorted(area.cumsum(), area.sum() / 2)] if len(area) else 0.0
    parts = parts[parts[:, 5] >= least]
    frame = parts[:, 0].astype(int)
    number = np.arange(len(parts)) - np.searchsorted(frame, frame)
    centres = np.full((frames, int(number.max(initial=0)) + 1, 2), -1e6, np.float32)
    centres[frame, number] = parts[:, 1:3] + parts[:, 3:5] / 2
    return centres


@dataclass(frozen=True)
class Crops:
    """`B` places in films: arrays `[B]` of the number of the clip, the first frame, and the upper left corner."""

    clip: np.ndarray
    start: np.ndarray
    top: np.ndarray
    left: np.ndarray

    def __len__(self) -> int:
        return len(self.clip)

    def __iter__(self) -> Iterator[tuple[int, int, int, int]]:
        yield from zip(*(x.tolist() for x in (self.clip, self.start, self.top, self.left)), strict=True)


def draw_crops(
    clips: list[Clip],
    starts: np.ndarray,
    chosen: np.ndarray,
    offsets: np.ndarray,
    size: int,
    most: int,
    random: np.random.Generator,
) -> Crops:
    """For each chosen start a random crop that holds at most `most` parts in every frame and one in some frame.

    Where no place at that time will do, another time is drawn.

    Args:
        clips: the videos.
        starts: `[S, 2]` (clip, first frame) to choose from; chosen: `[B]` the first choice.
        offsets: `[T]` frames from the first on.
        size: of a crop; most: parts.
        random: where the numbers come from.

    Raises:
        ValueError: if no crop is found.
    """
    found = np.zeros((len(chosen), 4), np.int64)
    for row, first_choice in enumerate(chosen):
        choice = first_choice
        for _ in range(TIMES):
            clip, start = starts[choice]
            height, width = clips[clip].foreground.shape[1:]
            corners = random.integers((height - size + 1, width - size + 1), size=(PLACES, 2))
            good = good_corners(clips[clip].centres[start + offsets], corners, size, most)
            if good.any():
                found[row] = clip, start, *corners[good.argmax()]
                break
            choice = random.integers(len(starts))
        else:
            raise ValueError(
                f"no crop of {size}x{size} holds 1 to {most} objects in all of {len(offsets)} frames: raise data.most "
                "or change data.width"
            )
    return Crops(*found.T)


def good_corners(centres: np.ndarray, corners: np.ndarray, size: int, most: int) -> np.ndarray:
    """Which crops hold 1 to `most` parts: `[n]` bool, from centres `[T, P, 2]` and corners `[n, 2]`."""
    way = centres[None] - corners[:, None, None]
    count = ((way >= 0) & (way < size)).all(-1).sum(-1)
    return (count.max(1) > 0) & (count.max(1) <= most)
