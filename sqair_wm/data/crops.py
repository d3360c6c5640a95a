"""Random crops of a video that hold objects, but not too many."""

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
        centres: `[F, P, 2]` centres (y, x) of the connected parts that are not specks; the rest is far outside.
        training, test: numbers of the frames of the training part and of the test part.
        video_size: (height, width) of the video in pixels.
        camera_shift: how far the camera moves, in pixels of the video, see `sqair_wm.data.foreground.survey`.
        people: true boxes; None if they are not known.
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
        """The clip that `extract` wrote into `folder`; the first share `split` of the frames is the training part.

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
        """Pixels of the reduced frames for each pixel of the video."""
        return self.foreground.shape[2] / self.video_size[1]

    @property
    def parts_per_frame(self) -> np.ndarray:
        """`[F]`, the number of connected parts that are not specks in each frame."""
        return (self.centres[..., 0] >= 0).sum(1)

    def with_people(self, people: People) -> Clip:
        """The same with true boxes."""
        return replace(self, people=people)


def part_centres(parts: np.ndarray, frames: int, training: int) -> np.ndarray:
    """Centres by frame, see `Clip.centres`.

    Args:
        parts: `[P, 6]`, see `extract`.
        frames: number of frames.
        training: number of the first frames from which the typical area is measured: the median over the parts, each
            counted by its area. Parts of less than `SPECK` of it are specks.
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
    """`B` crops: arrays `[B]` of the number of the clip, the first frame, and the upper left corner in pixels."""

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

    If no place fits at that time, another start is drawn.

    Args:
        clips: the videos.
        starts: `[S, 2]` (clip, first frame) to choose from.
        chosen: `[B]` indices of starts that are tried first.
        offsets: `[T]` numbers of the frames of a crop, counted from the first.
        size: height and width of a crop.
        most: most parts in a frame of a crop.
        random: draws positions and starts.

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
