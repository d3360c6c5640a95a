"""Pictures for the page: PNG, GIF and MP4, and scenes as the model paints them."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from sqair_wm.common import figures
from sqair_wm.common.frame import Frame
from sqair_wm.games.background import compose
from sqair_wm.model.slots import Slots
from sqair_wm.world.world_model import WorldModel

TYPES = {"gif": "image/gif", "mp4": "video/mp4"}
"""Formats of films, and their media types."""


def png(picture: np.ndarray) -> bytes:
    """A picture `[H, W, 3]` uint8 as a PNG."""
    good, encoded = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    assert good
    return encoded.tobytes()


def from_png(encoded: bytes) -> np.ndarray:
    """The picture `[H, W, 3]` uint8 that `png` encoded."""
    decoded = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1])


def data_url(encoded: bytes, kind: str = "image/png") -> str:
    """A file as a data URL, which a page can show without a request."""
    return f"data:{kind};base64,{base64.b64encode(encoded).decode()}"


@torch.inference_mode()
def painted(world: WorldModel, slots: Slots, behind: np.ndarray | None) -> list[np.ndarray]:
    """`B` scenes as the model paints them on the background `behind`, `[H, W, 3]` uint8 each."""
    frames = world.render(slots).frame.cpu()
    if behind is None:
        return [figures.to_picture(frame) for frame in frames]
    ground = torch.from_numpy(behind).permute(2, 0, 1).float() / 255
    return list(compose(Frame(frames, ground.expand(len(frames), -1, -1, -1))).numpy())


def moving(pictures: list[np.ndarray], kind: str, fps: float) -> bytes:
    """A moving picture.

    Args:
        pictures: `[H, W, 3]` uint8, all of the same size, at least one.
        kind: `gif` or `mp4` (MPEG-4 part 2, which players show and most browsers do not).
        fps: pictures a second.

    Raises:
        ValueError: for another kind, or if there are no pictures.
        OSError: if this OpenCV cannot write MP4.
    """
    if kind not in TYPES:
        raise ValueError(f"a film can't be saved as {kind!r}: choose one of {', '.join(TYPES)}")
    if not pictures:
        raise ValueError("there are no frames to save: choose a stretch of the branch that is shown")
    if kind == "gif":
        return figures.moving_picture(pictures, round(1000 / fps))
    return _mp4(pictures, fps)


def _mp4(pictures: list[np.ndarray], fps: float) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        figures.write_mp4(path, pictures, fps)
        return path.read_bytes()
