"""Checks that frames fit a model."""

from __future__ import annotations

from sqair_wm.common.frame import Frame
from sqair_wm.model.config import ModelConfig


def check_frame(frame: Frame, config: ModelConfig) -> None:
    """Check that `frame` is one that a model of `config` takes.

    Raises:
        TypeError: if it is not a `Frame`.
        ValueError: if its channels or its size are not those of the model.
    """
    if not isinstance(frame, Frame):
        raise TypeError(
            f"a model is shown a Frame(foreground, background), got {type(frame).__name__}; for a frame without "
            "background write Frame(tensor)"
        )
    expected = [(n, *config.frame_size) for n in (config.channels, config.scenery)]
    shapes = [tuple(x.shape[1:]) for x in (frame.foreground, frame.background)]
    if shapes != expected and (shapes[0] != expected[0] or config.scenery):
        raise ValueError(
            f"this model takes foreground and background of {expected[0]} and {expected[1]} (channels, height, "
            f"width), got {shapes[0]} and {shapes[1]}; was it trained on another game or frame size?"
        )
