"""True boxes of the people in a video, from annotations; for evaluation, never for training."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

DUKE_TRUTH = ("ground_truth/trainval.mat", "trainval.mat")


@dataclass(frozen=True)
class People:
    """True boxes of the people in `F` frames; the column of a person has no meaning.

    Attributes:
        boxes: `[F, M, 4]` float32 (top, left, height, width) in pixels of the video.
        identity: `[F, M]` int64, -1 where there is nobody.
    """

    boxes: np.ndarray
    identity: np.ndarray


def find_boxes(video: Path, chosen: str | None) -> Path | None:
    """The file of true boxes: the chosen one, or that of a folder with the layout of DukeMTMC; None without one."""
    known = (video / name for name in DUKE_TRUTH)
    return Path(chosen) if chosen else next((f for f in known if f.is_file()), None)


def read_people(file: Path, start: int, frames: int, camera: int, least: int = 0) -> People:
    """The people of frames `start` to `start + frames` of a video.

    Args:
        file: XML in the CVML format of the PETS 2009 annotations, or `trainval.mat` of DukeMTMC.
        start: number of the first frame, counted from 0.
        frames: number of frames.
        camera: number of the camera, for DukeMTMC.
        least: first frame (counted from `start`) for which annotations are needed.

    Raises:
        ValueError: if the file is broken or does not belong to the video.
    """
    if not file.is_file():
        raise ValueError(f"there is no file of true boxes {file}: check data.boxes")
    first, behind, rows = _read_mat(file, camera) if file.suffix.lower() == ".mat" else _read_xml(file)
    if first > start + least or behind < start + frames:
        raise ValueError(
            f"{file} annotates frames {first} to {behind - 1}, but the test part of the video is {start + least} to "
            f"{start + frames - 1}: these boxes belong to another video, or data.start and data.frames have to differ"
        )
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for row in rows:
        found[int(row[0]) - start].append(row)
    most = max([1, *(len(found[t]) for t in range(frames))])
    boxes, identity = np.zeros((frames, most, 4), np.float32), np.full((frames, most), -1, np.int64)
    for t in range(frames):
        for m, row in enumerate(found[t]):
            boxes[t, m], identity[t, m] = row[2:], row[1]
    return People(boxes, identity)


def check_fit(people: People, height: int, width: int, file: Path) -> None:
    """Raise ValueError if boxes lie outside a video of this size."""
    there = people.identity >= 0
    top, left, tall, wide = np.moveaxis(people.boxes, -1, 0)
    outside = there & (
        (top + tall / 2 > height + 1) | (left + wide / 2 > width + 1) | (top + tall < 0) | (left + wide < 0)
    )
    if outside.sum() > 0.02 * max(1, there.sum()):
        raise ValueError(
            f"{outside.sum()} of {there.sum()} boxes of {file} lie outside the video ({width}x{height}): it was "
            "filmed at another size or these boxes belong to another video"
        )


def _read_xml(file: Path) -> tuple[int, int, np.ndarray]:
    """First frame, the one after the last, and rows `[N, 6]` (frame, identity, top, left, height, width)."""
    try:
        root = ElementTree.parse(file).getroot()
        numbers, rows = [], []
        for frame in root.iter("frame"):
            numbers.append(int(frame.attrib["number"]))
            for person in frame.iter("object"):
                box = person.find("box")
                if box is None:
                    raise KeyError("box")
                tall, wide, y, x = (float(box.attrib[k]) for k in ("h", "w", "yc", "xc"))
                rows.append((numbers[-1], int(person.attrib["id"]), y - tall / 2, x - wide / 2, tall, wide))
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise ValueError(
            f"{file} is not a list of boxes in the format of PETS 2009 (frame number=, object id=, box h= w= xc= "
            f"yc=): {error!r}"
        ) from error
    if not numbers:
        raise ValueError(f"{file} annotates no frame")
    return min(numbers), max(numbers) + 1, np.array(rows, np.float64).reshape(-1, 6)


def _read_mat(file: Path, camera: int) -> tuple[int, int, np.ndarray]:
    """See `_read_xml`; rows of `trainData` are camera, identity, frame (from 1), left, top, width, height, and more."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        table = np.asarray(loadmat(file)["trainData"], np.float64)
        rows = table[table[:, 0] == camera]
        frame, identity, left, top, wide, tall = rows[:, 2] - 1, *(rows[:, i] for i in (1, 3, 4, 5, 6))
    except (MatReadError, ValueError, KeyError, IndexError, TypeError, NotImplementedError) as error:
        raise ValueError(f"{file} is not the ground truth of DukeMTMC (a table trainData): {error!r}") from error
    if not len(rows):
        raise ValueError(f"{file} has no boxes of camera {camera}")
    return int(frame.min()), int(frame.max()) + 1, np.stack([frame, identity, top, left, tall, wide], 1)
