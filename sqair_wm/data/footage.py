"""Footage of static cameras: finds its files and reads its frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".webp")


@dataclass(frozen=True)
class Footage:
    """The footage of one camera.

    Attributes:
        files: videos, one after the other, or images, one for each frame.
        name: of the footage, used in messages and in the names of folders.
        camera: number of the camera, 0 if it has none.
    """

    files: tuple[Path, ...]
    name: str
    camera: int = 0

    def fingerprint(self) -> list[tuple[str, int, int]]:
        """Name, size in bytes and time of change of every file: it differs if the footage does."""
        return [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in self.files]

    def frames(self, start: int = 0, most: int | None = None) -> Iterator[np.ndarray]:
        """At most `most` frames from number `start` on, each `[H, W, 3]` uint8 (blue, green, red).

        Raises:
            ValueError: if a file cannot be read, or not all frames have the same size.
        """
        shape = None
        for frame in islice(self._all(), start, None if most is None else start + most):
            shape = shape or frame.shape
            if frame.shape != shape:
                raise ValueError(f"the frames of {self.name} change their size ({shape[:2]} and {frame.shape[:2]})")
            yield frame

    def _all(self) -> Iterator[np.ndarray]:
        for file in self.files:
            yield from [_image(file)] if file.suffix.lower() in IMAGES else _video(file)


def _image(file: Path) -> np.ndarray:
    image = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{file} is not an image that OpenCV can read")
    return image


def _video(file: Path) -> Iterator[np.ndarray]:
    capture = cv2.VideoCapture(str(file))
    if not capture.isOpened():
        raise ValueError(f"{file} is not a video that OpenCV can read (broken, empty, or of an unknown format)")
    try:
        while True:
            there, frame = capture.read()
            if not there:
                return
            yield frame
    finally:
        capture.release()


def find_footage(path: Path, cameras: tuple[int, ...] | None = None) -> list[Footage]:
    """The footage at `path`: a video, a folder of images, or a folder with the layout of DukeMTMC.

    That is `videos/cameraK/` with videos that follow one another by name, or `frames/cameraK/` with images.

    Args:
        path: the file or folder.
        cameras: numbers of the cameras to take; None for all.

    Raises:
        ValueError: if there is no footage.
    """
    if path.is_file():
        return [Footage((path,), path.stem)]
    if not path.is_dir():
        raise ValueError(f"there is no video {path}: name a video file or a folder of images with data.path=...")
    found = [f for kind in ("videos", "frames") for f in _cameras(path, kind)]
    if found:
        chosen = [f for f in found if cameras is None or f.camera in cameras]
        if not chosen:
            raise ValueError(f"{path} has the cameras {[f.camera for f in found]}, but data.cameras is {cameras}")
        return chosen
    images = tuple(f for f in _sorted(path) if f.suffix.lower() in IMAGES)
    if not images:
        raise ValueError(f"{path} holds neither images ({', '.join(IMAGES)}) nor videos/cameraK or frames/cameraK")
    return [Footage(images, path.resolve().name)]


def _cameras(path: Path, kind: str) -> list[Footage]:
    found = []
    for folder in sorted((path / kind).glob("camera*")):
        number, files = re.fullmatch(r"camera(\d+)", folder.name), tuple(_sorted(folder))
        if number and files:
            found.append(Footage(files, f"{path.resolve().name}-{folder.name}", int(number[1])))
    return found


def _sorted(folder: Path) -> list[Path]:
    """Files sorted by name, with the numbers in a name compared by value."""

    def parts(file: Path) -> list[tuple[int, str]]:
        return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", file.name)]

    return sorted((f for f in folder.iterdir() if f.is_file() and not f.name.startswith(".")), key=parts)
