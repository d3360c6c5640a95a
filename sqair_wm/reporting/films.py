"""Films for a page: every panel is one image that holds all its frames, and a script draws boxes over it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from sqair_wm.common import figures

MOST_BYTES = 3_200_000
"""Most bytes of all images of a page together; writing them as text makes four bytes of three."""

QUALITY = 60
"""Quality of the images if they exceed `MOST_BYTES` without loss."""


class Box(NamedTuple):
    """The box of an object, by its identity, in pixels of a picture."""

    identity: int
    top: float
    left: float
    height: float
    width: float


@dataclass(frozen=True)
class Panel:
    """One of the pictures beside one another.

    Attributes:
        title: what it shows.
        pictures: `[T, H, W, 3]` uint8. Panels that hold the very same array share its image.
        boxes: of each picture; None if there are none.
        inside: whether the number of a box is written inside instead of beside it.
        dream: number of the first imagined picture; None if no picture is imagined.
        dream_title: the title from that picture on.
    """

    title: str
    pictures: np.ndarray
    boxes: Sequence[Sequence[Box]] | None = None
    inside: bool = False
    dream: int | None = None
    dream_title: str = ""


@dataclass(frozen=True)
class Film:
    """Panels beside one another that move together.

    Attributes:
        title: the line above the film.
        alt: a description for readers who do not see it.
        panels: all with the same number of pictures.
        milliseconds: for which each picture is shown.
    """

    title: str
    alt: str
    panels: Sequence[Panel]
    milliseconds: int = 120


def boxes_of(boxes: np.ndarray, identities: np.ndarray) -> list[list[Box]]:
    """Boxes of `T` pictures, from `boxes` `[T, N, 4]` (top, left, height, width) and identities `[T, N]`, -1: none."""
    return [
        [
            Box(int(identity), *(round(float(x), 1) for x in box))
            for box, identity in zip(there, who, strict=True)
            if identity >= 0
        ]
        for there, who in zip(boxes, identities, strict=True)
    ]


def tiles(glimpses: Sequence[np.ndarray], identities: np.ndarray, slots: int) -> tuple[np.ndarray, list[list[Box]]]:
    """Pictures of the glimpses of each frame side by side, sorted by identity, and the frames around them.

    Args:
        glimpses: of `T` frames, `[N, h, w, 3]` uint8 each.
        identities: `[T, N]`, -1 for empty slots.
        slots: number of glimpses for which there is room.

    Returns:
        `[T, H, W, 3]` uint8, nearly square, and the boxes of each.
    """
    h, w = (x + 4 for x in glimpses[0].shape[1:3])
    columns = math.ceil(math.sqrt(slots))
    rows = math.ceil(slots / columns)
    pictures = np.zeros((len(glimpses), rows * h, columns * w, 3), np.uint8)
    boxes: list[list[Box]] = []
    for t, (those, who) in enumerate(zip(glimpses, identities, strict=True)):
        order = [i for i in np.argsort(who, kind="stable") if who[i] >= 0][:slots]
        boxes.append([])
        for k, i in enumerate(order):
            y, x = k // columns * h, k % columns * w
            pictures[t, y + 2 : y + h - 2, x + 2 : x + w - 2] = those[i]
            boxes[t].append(Box(int(who[i]), y + 1, x + 1, h - 2, w - 2))
    return pictures, boxes


def album(films: Sequence[Film], most: int = MOST_BYTES) -> dict[str, Any]:
    """The data from which the page's script shows films, with at most `most` bytes of images.

    If the images are larger, they are compressed with loss; if that is not enough, the last films are left out.

    Returns:
        `strips`, the images: `source` (a data URL), `height` and `width` of a picture, `columns` of pictures; `films`:
        `milliseconds`, `frames` and `panels` (`strip`, `title`, `boxes`, `inside`, `dream`, `dreamTitle`).
    """
    unique = {id(panel.pictures): panel.pictures for film in films for panel in film.panels}
    images = {key: strip(pictures) for key, pictures in unique.items()}
    if sum(map(len, images.values())) > most:
        images = {key: strip(pictures, QUALITY) for key, pictures in unique.items()}
    shown = list(films)
    while len(shown) > 1 and sum(len(images[key]) for key in _used(shown)) > most:
        shown.pop()
    used = _used(shown)
    names = {key: k for k, key in enumerate(used)}
    return {
        "strips": [_strip_entry(images[key], unique[key]) for key in used],
        "films": [_film_entry(film, names) for film in shown],
    }


def strip(pictures: np.ndarray, quality: int | None = None) -> bytes:
    """Pictures `[T, H, W, 3]` uint8 in rows of `columns_of(T)`, as one WebP: without loss, or of a given `quality`."""
    number, height, width = pictures.shape[:3]
    columns = columns_of(number)
    rows = math.ceil(number / columns)
    whole = np.zeros((rows * columns, height, width, 3), np.uint8)
    whole[:number] = pictures
    sheet = whole.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)
    buffer = io.BytesIO()
    how: dict[str, Any] = {"lossless": True} if quality is None else {"quality": quality}
    Image.fromarray(sheet).save(buffer, "WEBP", method=2, **how)
    return buffer.getvalue()


def columns_of(number: int) -> int:
    """Number of pictures in a row of the image of `number` pictures."""
    return math.ceil(math.sqrt(number))


def gif(film: Film) -> bytes:
    """A film as a looping GIF, for other pages."""
    pictures = []
    for t in range(len(film.panels[0].pictures)):
        pictures.append(figures.beside([_drawn(panel, t) for panel in film.panels]))
    return figures.moving_picture(pictures, film.milliseconds)


def _drawn(panel: Panel, t: int) -> np.ndarray:
    boxes = panel.boxes[t] if panel.boxes is not None else []
    places, identities = np.array([b[1:] for b in boxes]).reshape(-1, 4), np.array([b[0] for b in boxes], int)
    return figures.draw_boxes(panel.pictures[t], places, identities)


def _used(films: Sequence[Film]) -> list[int]:
    return list(dict.fromkeys(id(panel.pictures) for film in films for panel in film.panels))


def _strip_entry(image: bytes, pictures: np.ndarray) -> dict[str, Any]:
    source = f"data:image/webp;base64,{base64.b64encode(image).decode()}"
    number, height, width = pictures.shape[:3]
    return {"source": source, "height": height, "width": width, "columns": columns_of(number)}


def _film_entry(film: Film, names: dict[int, int]) -> dict[str, Any]:
    panels = [
        {
            "strip": names[id(panel.pictures)],
            "title": panel.title,
            "boxes": panel.boxes,
            "inside": panel.inside,
            "dream": panel.dream,
            "dreamTitle": panel.dream_title,
        }
        for panel in film.panels
    ]
    about = {"title": film.title, "alt": film.alt, "milliseconds": film.milliseconds}
    return about | {"frames": len(film.panels[0].pictures), "panels": panels}
