"""Pictures of what the model sees: frames with boxes coloured by identity, rows of pictures, films."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from torch import Tensor

ZOOM = 3


def identity_color(identity: int) -> tuple[int, int, int]:
    """A colour (red, green, blue) for an identity, unlike those of the next identities."""
    red, green, blue = colorsys.hsv_to_rgb((identity * 0.61803) % 1, 0.85, 1.0)
    return int(255 * red), int(255 * green), int(255 * blue)


def to_picture(frame: Tensor) -> np.ndarray:
    """A model frame `[C, H, W]` (grey, or colour times opacity and opacity) as `[H, W, 3]` uint8 on black."""
    image = frame.detach().cpu().clamp(0, 1).movedim(0, -1).numpy()
    image = image[..., :3] if image.shape[2] == 4 else np.repeat(image[..., :1], 3, 2)
    return (255 * image).round().astype(np.uint8)


def enlarge(picture: np.ndarray, zoom: int = ZOOM) -> np.ndarray:
    """Repeat every pixel `zoom` times each way."""
    return picture.repeat(zoom, 0).repeat(zoom, 1)


def draw_boxes(picture: np.ndarray, boxes: np.ndarray, identities: np.ndarray, zoom: int = ZOOM) -> np.ndarray:
    """The enlarged picture with a box around every object, coloured by identity.

    Args:
        picture: `[H, W, 3]` uint8.
        boxes: `[N, 4]` (top, left, height, width) in pixels of the picture.
        identities: `[N]`, -1 for empty slots.
        zoom: enlargement.
    """
    canvas = np.ascontiguousarray(enlarge(picture, zoom))
    for (top, left, height, width), identity in zip(boxes, identities, strict=True):
        if identity < 0:
            continue
        first = round(float(left) * zoom), round(float(top) * zoom)
        last = round(float(left + width) * zoom), round(float(top + height) * zoom)
        cv2.rectangle(canvas, first, last, identity_color(int(identity)), 1)
    return canvas


def beside(pictures: list[np.ndarray], gap: int = 6) -> np.ndarray:
    """Pictures of any height in a row on a dark ground."""
    height = max(p.shape[0] for p in pictures)
    parts = []
    for picture in pictures:
        parts.append(np.pad(picture, ((0, height - picture.shape[0]), (0, gap), (0, 0)), constant_values=32))
    return np.concatenate(parts, 1)


def moving_picture(pictures: list[np.ndarray], milliseconds: int = 120) -> bytes:
    """A looping GIF."""
    images = [Image.fromarray(p).quantize(128, dither=Image.Dither.NONE) for p in pictures]
    buffer = io.BytesIO()
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:], duration=milliseconds, loop=0, disposal=1)
    return buffer.getvalue()


def write_mp4(path: Path, pictures: Iterable[np.ndarray], fps: float) -> int:
    """Write pictures `[H, W, 3]` uint8 of one size as MPEG-4 part 2, which most browsers do not show.

    Returns:
        The number of pictures.

    Raises:
        OSError: if this OpenCV cannot write MP4.
    """
    writer, number = None, 0
    for picture in pictures:
        h, w = picture.shape[:2]
        height, width = h + h % 2, w + w % 2  # the codec takes even numbers
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
            if not writer.isOpened():
                raise OSError(f"this OpenCV can't write {path}: save a GIF instead")
        whole = cv2.copyMakeBorder(picture, 0, height - h, 0, width - w, cv2.BORDER_REPLICATE)
        writer.write(np.ascontiguousarray(whole[..., ::-1]))
        number += 1
    if writer is not None:
        writer.release()
    return number
