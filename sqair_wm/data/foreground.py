"""Video to foreground: what moves in front of a static camera, in inverted grey on black.

`python -m sqair_wm.data.foreground FOLDER` does the work of `extract` in a process of its own, since a broken file can
make OpenCV's decoders abort the process that reads it.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from tqdm import tqdm

from sqair_wm.common.files import new_array
from sqair_wm.common.limits import Limits
from sqair_wm.data.footage import Footage

THRESHOLDS = {"median": 35.0, "mog2": 25.0, "knn": 600.0}
"""The methods and their default thresholds of the difference from the background: of 255 in any colour; squared
distance in standard deviations (`varThreshold`); squared distance (`dist2Threshold`)."""

FINER = 2
"""The background is subtracted at this multiple of the reduced height and width."""

SAMPLES = 150
"""Frames from which a median is taken."""

HISTORY, LEARNING, ADAPTING = 500, 0.005, 0.0005
"""Of MOG2 and KNN: frames remembered, learning rate on the training part, and while the foreground is extracted."""

OPEN, CLOSE = (3, 3), (5, 5)
"""(height, width) in fine pixels of the morphological opening and closing of a mask."""

SHIFTS_EVERY, TILES = 10, 3
"""For the shift of the camera: frames from one measurement to the next, and parts of a picture along each axis."""

REFUSED = 3
"""Exit status of the child process for input that it refuses."""


@dataclass(frozen=True)
class Extraction:
    """How a foreground is made.

    Attributes:
        background: `median`, `mog2` or `knn`.
        threshold: least difference from the background, see `THRESHOLDS`; None for the method's default.
        invert: whether dark pixels become bright, as in the paper.
        width: of the reduced frames in pixels.
        split: share of the frames, from the first on, that is the training part, on which the background is estimated.
        start: number of the first frame.
        frames: most frames.
    """

    background: str = "median"
    threshold: float | None = None
    invert: bool = True
    width: int = 240
    split: float = 0.75
    start: int = 0
    frames: int = 20_000

    LIMITS: ClassVar[Limits] = {
        "threshold": (None, 1e6),
        "width": (None, 8192),
        "start": (None, 1e9),
        "frames": (None, 1e9),
        "size": (None, 8192),
        "length": (None, 1e6),
        "every": (None, 1e6),
        "most": (None, 1e6),
        "seed": (0, 2**31 - 1),
    }

    def __post_init__(self) -> None:
        if self.background not in THRESHOLDS:
            raise ValueError(f"data.background is {self.background!r}; choose one of {', '.join(THRESHOLDS)}")
        if self.threshold is not None and self.threshold <= 0:
            raise ValueError(f"data.threshold must be positive, got {self.threshold}")
        if self.width < 8 or self.start < 0 or self.frames < 2:
            raise ValueError(
                f"data.width ({self.width}) must be at least 8, data.start ({self.start}) at least 0 and data.frames "
                f"({self.frames}) at least 2"
            )
        if not 0 < self.split < 1:
            raise ValueError(f"data.split is the share of frames for training, between 0 and 1, got {self.split}")


def extract(footage: Footage, how: Extraction, folder: Path) -> None:
    """Write the foreground of `footage` into `folder`, in a process of its own.

    `foreground.npy` is `[F, h, w]` uint8; `parts.npy` is `[P, 6]` float32, the connected parts of the foreground
    (frame, top, left, height, width, area in its pixels); `video.json` holds `frames`, `height` and `width` of the
    video and `camera_shift` in its pixels.

    Raises:
        ValueError: if the video cannot be used, also if OpenCV crashes on it.
    """
    job = {"footage": asdict(footage) | {"files": [str(f) for f in footage.files]}, "how": asdict(how)}
    # The child imports the same package as this process, from a checkout or installed; -P keeps the user's folder out.
    command = [sys.executable, "-P", "-m", "sqair_wm.data.foreground", str(folder)]
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, input=json.dumps(job), stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode == REFUSED:
        raise ValueError(done.stdout.strip())
    if done.returncode:
        how_it_ended = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise ValueError(f"OpenCV crashed while reading {footage.name} ({how_it_ended}): the file is probably broken")


def subtract(footage: Footage, how: Extraction, folder: Path) -> None:
    """The work of `extract`."""
    cv2.setRNGSeed(0)
    frames, shape, shift = survey(footage, how)
    height, width = reduced = round(shape[0] * how.width / shape[1]), how.width
    fine = (FINER * width, FINER * height)
    training = max(1, int(how.split * frames))

    def read(most: int, title: str) -> Iterator[np.ndarray]:
        source = footage.frames(how.start, most)
        for frame in tqdm(source, title, most, unit="frame", leave=False, disable=None):
            yield cv2.resize(frame, fine, interpolation=cv2.INTER_AREA)

    method = median if how.background == "median" else mixture
    moving = method(read(training, "background"), training, how)
    kept = new_array(folder / "foreground.npy", (frames, *reduced), np.uint8)
    parts = []
    for t, frame in enumerate(read(frames, "foreground")):
        mask = cv2.morphologyEx(moving(frame), cv2.MORPH_OPEN, np.ones(OPEN, np.uint8))
        mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones(CLOSE, np.uint8))
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        shown = np.where(mask > 0, 255 - grey if how.invert else grey, 0).astype(np.uint8)
        kept[t] = cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
        parts.append(connected_parts(mask, t))
    kept.flush()
    np.save(folder / "parts.npy", np.concatenate(parts))
    facts = {"frames": frames, "height": shape[0], "width": shape[1], "camera_shift": shift}
    (folder / "video.json").write_text(json.dumps(facts))


def survey(footage: Footage, how: Extraction) -> tuple[int, tuple[int, int], float]:
    """Number of frames, their (height, width), and how far the camera moves in pixels: every tenth frame is compared
    with the first and with the one ten before it; the result is the 90th percentile of the larger of both shifts.

    Raises:
        ValueError: if there are no frames.
    """
    count, shifts, shape = 0, [0.0], (0, 0)
    seen: list[np.ndarray] = []
    for frame in tqdm(footage.frames(how.start, how.frames), "looking", unit="frame", leave=False, disable=None):
        if count % SHIFTS_EVERY == 0:
            shape = frame.shape[:2]
            size = (FINER * how.width, round(FINER * how.width * shape[0] / shape[1]))
            grey = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
            shifts += [max(camera_shift(other, grey) for other in seen) * shape[1] / size[0]] if seen else []
            seen = [seen[0] if seen else grey, grey]
        count += 1
    if count == 0:
        behind = f" from frame {how.start} on" if how.start else ""
        raise ValueError(f"{footage.name} holds no frames{behind}: the video is empty, broken or of an unknown format")
    return count, shape, float(np.percentile(shifts, 90))


def camera_shift(before: np.ndarray, after: np.ndarray) -> float:
    """How far the scene is shifted between two grey pictures `[H, W]`, in pixels: the median shift, by phase
    correlation, of `TILES` x `TILES` parts of them, in most of which no object moves."""
    height, width = (side // TILES for side in before.shape)
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    ways = []
    for y, x in itertools.product(range(TILES), repeat=2):
        cut = slice(y * height, (y + 1) * height), slice(x * width, (x + 1) * width)
        ways.append(cv2.phaseCorrelate(before[cut].astype(np.float32), after[cut].astype(np.float32), window)[0])
    return float(np.hypot(*np.median(ways, 0)))


Moving = Callable[[np.ndarray], np.ndarray]
"""From a frame `[H, W, 3]` uint8 to a mask of what moves in it, `[H, W]` uint8, 0 where nothing does."""


def median(training: Iterator[np.ndarray], number: int, how: Extraction) -> Moving:
    """The mask of what differs from the median of the training frames, which is not updated later."""
    every = -(-number // SAMPLES)
    behind = np.median([frame for t, frame in enumerate(training) if t % every == 0], 0).astype(np.uint8)
    threshold = how.threshold or THRESHOLDS["median"]
    return lambda frame: (cv2.absdiff(frame, behind).max(2) > threshold).astype(np.uint8)


def mixture(training: Iterator[np.ndarray], number: int, how: Extraction) -> Moving:
    """The mask of what OpenCV's MOG2 or KNN calls foreground and not shadow. It is fitted to the training frames and
    then adapts slowly to the frames that it is shown."""
    make = cv2.createBackgroundSubtractorMOG2 if how.background == "mog2" else cv2.createBackgroundSubtractorKNN
    model = make(HISTORY, how.threshold or THRESHOLDS[how.background], True)
    for frame in training:
        model.apply(frame, learningRate=max(LEARNING, 1 / number))
    return lambda frame: (model.apply(frame, learningRate=ADAPTING) == 255).astype(np.uint8)


def connected_parts(mask: np.ndarray, frame: int) -> np.ndarray:
    """The connected parts of a fine mask in reduced pixels, `[P, 6]` (frame, top, left, height, width, area)."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    order = (cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH)
    parts = stats[1:].astype(np.float32)
    columns = [np.full(len(parts), frame), *(parts[:, i] / FINER for i in order)]
    return np.stack([*columns, parts[:, cv2.CC_STAT_AREA] / FINER**2], 1).astype(np.float32)


def main() -> None:
    """The child process: its job comes on standard input, a refusal goes to standard output."""
    cv2.setNumThreads(1)
    job = json.load(sys.stdin)
    files = tuple(Path(f) for f in job["footage"].pop("files"))
    try:
        subtract(Footage(files, **job["footage"]), Extraction(**job["how"]), Path(sys.argv[1]))
    except (ValueError, OSError, cv2.error) as error:
        print(error)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
