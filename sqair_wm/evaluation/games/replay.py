"""Replays a recording to find the true objects of its frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from tqdm import tqdm

from sqair_wm.data.atari import AtariSequences
from sqair_wm.evaluation.games.found import Found, NoTruth, ReadObjects
from sqair_wm.evaluation.games.ram import reader
from sqair_wm.games.names import find_game


def replay(sequences: AtariSequences) -> list[list[Found]]:
    """Play the recorded actions again and find the true objects of every frame.

    Those of an Atari game are read from its memory. Other environments give them as `info["boxes"]` `[M, 4]` (top,
    left, height, width) in pixels; a box of size 0 stands for an object that is not there.

    Returns:
        For each frame its objects, in pixels of the model's frame.

    Raises:
        NoTruth: if the environment gives no boxes, or OCAtari is not installed, does not know the game or can't read
            it.
        ValueError: if the replay shows other frames than were recorded.
    """
    recording, found = sequences.recording, []
    begin = object_reader(recording.game)
    env, length = recording.make(), recording.frames // recording.streams
    height, width = env.unwrapped.observation_space.shape[:2]  # type: ignore[index]
    crop = env.get_wrapper_attr("crop") if env.has_wrapper_attr("crop") else (0, height)
    title = f"true boxes of {recording.game}"
    for t in tqdm(range(len(sequences)), desc=title, unit="frame", leave=False, disable=None):
        if t and t % length == 0:
            env.close()
            env = recording.make()
        if sequences.begins[t]:
            frame, info = env.reset(seed=None if t % length else recording.seed + t // length)
            look = begin()
        else:
            frame, *_, info = env.step(int(sequences.actions[t]))
        if not np.array_equal(frame, sequences.pictures[t]):
            raise ValueError(
                f"the replay of {sequences.folder} differs from the recording at frame {t} (was it made with another "
                "version of ale-py or of this program?): delete the folder to record again"
            )
        found.append(to_pixels(look(env, info), crop, width, recording.size))
    env.close()
    return found


def to_pixels(objects: list[Found], crop: tuple[int, int], width: int, size: int) -> list[Found]:
    """Boxes in pixels of the model's frame, without those that have no area or whose centre is outside (the score).

    Args:
        objects: in pixels of the environment's own frame.
        crop: (first, last) row of that frame that the model's frame shows.
        width: of that frame.
        size: height and width of the model's frame.
    """
    down, across = size / (crop[1] - crop[0]), size / width
    inside = []
    for entry, kind, (top, left, tall, wide) in objects:
        box = (top - crop[0]) * down, left * across, tall * down, wide * across
        centre = box[0] + box[2] / 2, box[1] + box[3] / 2
        if min(tall, wide) > 0 and all(0 <= c < size for c in centre):
            inside.append(Found(entry, kind, box))
    return inside


def object_reader(game: str) -> Callable[[], ReadObjects]:
    """A function to call at the start of each episode of `game`: it returns the one that finds the objects.

    Raises:
        NoTruth: if OCAtari is needed and not installed, or does not know the game.
    """
    known = find_game(game)
    return reader(known.name) if known.atari else lambda: from_info


def from_info(env: gym.Env, info: dict[str, Any]) -> list[Found]:
    """The objects that an environment gives as `info["boxes"]`.

    Raises:
        NoTruth: if it gives none.
    """
    if "boxes" not in info:
        raise NoTruth(f"{env.unwrapped} does not say where its objects are: it would have to give info['boxes']")
    boxes = [[float(x) for x in box] for box in info["boxes"]]
    return [Found(m, "object", (top, left, tall, wide)) for m, (top, left, tall, wide) in enumerate(boxes)]
