"""The objects behind the frames of a recording, read from the game's memory by OCAtari while the recording is replayed.

Nothing but the evaluation may import OCAtari, so it is imported where it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from sqair_wm.data.atari import AtariSequences

INSTALL = "pip install --no-deps ocatari==2.2.1 termcolor pygame scikit-image lazy-loader"
"""Without their dependencies: OCAtari's pin numpy<2, which it does not need."""


class NoTruth(RuntimeError):
    """There are no true boxes of this game on this machine; the message says why and what helps."""


class Found(NamedTuple):
    """An object: its position in OCAtari's list, its class, and (top, left, height, width) in pixels."""

    place: int
    kind: str
    box: tuple[float, float, float, float]


def replay(sequences: AtariSequences) -> list[list[Found]]:
    """Play the recorded actions again and read the objects behind every frame.

    Returns:
        For each frame its objects, in pixels of the model's frame.

    Raises:
        NoTruth: if OCAtari is not installed, does not know the game or cannot read it.
        ValueError: if the replay shows other frames than were recorded.
    """
    recording, found = sequences.recording, []
    begin = reader(recording.game)
    env = recording.make()
    base: Any = env.unwrapped
    ale, raw_width = base.ale, base.observation_space.shape[1]
    crop: tuple[int, int] = env.get_wrapper_attr("crop")
    title = f"true boxes of {recording.game}"
    for t in tqdm(range(len(sequences)), desc=title, unit="frame", leave=False, disable=None):
        if t == 0 or sequences.episodes[t] != sequences.episodes[t - 1]:
            frame, _ = env.reset(seed=recording.seed if t == 0 else None)
            read = begin()
        else:
            frame, *_ = env.step(int(sequences.actions[t]))
        if not np.array_equal(frame, sequences.pictures[t]):
            raise ValueError(
                f"the replay of {sequences.folder} differs from the recording at frame {t} (was it made with another "
                "version of ale-py?): delete the folder to record again"
            )
        found.append(to_pixels(read(ale.getRAM()), crop, raw_width, recording.size))
    env.close()
    return found


def to_pixels(objects: list[Found], crop: tuple[int, int], raw_width: int, size: int) -> list[Found]:
    """Raw boxes in pixels of the model's frame; what has no area or its centre outside (the score) is left away.

    Args:
        objects: in pixels of the raw frame.
        crop: (first, last) raw row of the model's frame.
        raw_width: of the raw frame.
        size: height and width of the model's frame.
    """
    down, across = size / (crop[1] - crop[0]), size / raw_width
    inside = []
    for place, kind, (top, left, height, width) in objects:
        box = (top - crop[0]) * down, left * across, height * down, width * across
        centre = box[0] + box[2] / 2, box[1] + box[3] / 2
        if min(height, width) > 0 and all(0 <= c < size for c in centre):
            inside.append(Found(place, kind, box))
    return inside


def reader(game: str) -> Callable[[], Callable[[np.ndarray], list[Found]]]:
    """What starts an episode of `game`: it returns the function from the 128 bytes of RAM to objects in raw pixels.

    Raises:
        NoTruth: if OCAtari is not installed or does not know the game.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        from ocatari.ram.extract_ram_info import detect_objects_ram, init_objects
    except ImportError as error:
        raise NoTruth(f"true boxes need OCAtari ({error}): {INSTALL}") from error
    try:
        init_objects(game, False)
    except (KeyError, AttributeError) as error:
        raise NoTruth(f"OCAtari does not know {game}: there are no true boxes of it") from error

    def begin() -> Callable[[np.ndarray], list[Found]]:
        objects = init_objects(game, False)

        def detect(ram: np.ndarray) -> None:
            try:
                detect_objects_ram(objects, ram, game, False)
            except Exception as error:  # code for 60 games, which fails in as many ways
                raise NoTruth(f"OCAtari cannot read {game}: {type(error).__name__}: {error}") from error

        def read(ram: np.ndarray) -> list[Found]:
            # In bytes its sums overflow.
            wide, before = ram.astype(np.int64), [type(o) for o in objects]
            detect(wide)
            if [type(o) for o in objects] != before:
                # What appears is first put where its class starts; the next call moves it to its place.
                detect(wide)
            there = [(i, o) for i, o in enumerate(objects) if o is not None and type(o).__name__ != "NoObject"]
            return [Found(i, type(o).__name__, (float(o.y), float(o.x), float(o.h), float(o.w))) for i, o in there]

        return read

    return begin
