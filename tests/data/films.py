"""Small films with known contents, and their true boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

HEIGHT, WIDTH, FRAMES = 96, 128, 48


def place(t: int, frames: int = FRAMES) -> tuple[int, int]:
    """Where the upper left corner of the walker is, 24 high and 12 wide."""
    return 30, round(4 + t * (WIDTH - 24) / frames)


def picture(t: int, walker: bool = True, shift: int = 0) -> np.ndarray:
    """A textured scene with noise, and a dark walker in front of it."""
    scene = np.random.default_rng(1).integers(120, 200, (HEIGHT // 8, (WIDTH + 64) // 8, 3)).astype(np.uint8)
    scene = cv2.resize(scene, (WIDTH + 64, HEIGHT), interpolation=cv2.INTER_NEAREST)[:, shift : shift + WIDTH]
    frame = scene + np.random.default_rng([2, t]).normal(0, 3, scene.shape)
    if walker:
        y, x = place(t)
        frame[y : y + 24, x : x + 12] = 20
    return frame.clip(0, 255).astype(np.uint8)


def write_video(file: Path, pictures: list[np.ndarray]) -> Path:
    """A video of Motion JPEGs."""
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), 10, (width, height))
    assert writer.isOpened()
    for image in pictures:
        writer.write(image)
    writer.release()
    return file


def walk(frames: int = FRAMES) -> list[np.ndarray]:
    """The walker crosses the scene."""
    return [picture(t) for t in range(frames)]


def write_boxes(file: Path, frames: range = range(FRAMES), grow: int = 1) -> Path:
    """The true boxes of `walk`, in the format of PETS 2009; `grow` makes them wrong."""
    text = []
    for t in frames:
        y, x = place(t)
        box = f'<box h="24" w="12" xc="{(x + 6) * grow}" yc="{(y + 12) * grow}"/>'
        text.append(f'<frame number="{t}"><objectlist><object id="7">{box}</object></objectlist></frame>')
    file.write_text(f'<?xml version="1.0"?><dataset>{"".join(text)}</dataset>')
    return file
