"""The data of a moment for the page: pictures without boxes, and the boxes beside them."""

from __future__ import annotations

from typing import Any

import numpy as np

from sqair_wm.envs.layout import Layout
from sqair_wm.playground import pictures
from sqair_wm.playground.history import History, Moment, Side
from sqair_wm.world.scenes import Scenes
from sqair_wm.world.world_model import WorldModel


def snapshot(world: WorldModel, history: History) -> dict[str, Any]:
    """The current moment and its position in the branches, for JSON.

    Returns:
        `frame`, `first`, `last`: the number of this frame, and of the first and last of this branch. `branch`, and
        `branches` with `number`, `first`, `last` and `parted` each. `action`: the action that led here. `dream_from`:
        the frame at which the dream began, None in the real game. `real` and `dream` (None without one): see `_side`.
        `seen`: the model's reconstruction of the real frame. `apart`: see `apart`.
    """
    now, branch = history.now, history.branch
    real = _side(world, now.real) | {"picture": pictures.data_url(now.picture)}
    dream = None if now.dream is None else _side(world, now.dream) | {"picture": _painted(world, now.dream)}
    return {
        "frame": now.number,
        "first": branch.first,
        "last": branch.last,
        "branch": branch.number,
        "branches": [
            {"number": b.number, "first": b.first, "last": b.last, "parted": b.parted} for b in history.branches
        ],
        "action": now.action,
        "dream_from": now.dream_from,
        "real": real,
        "seen": _painted(world, now.real),
        "dream": dream,
        "apart": None if dream is None else apart(real["objects"], dream["objects"], _shared(history, now)),
    }


def boxes_of(world: WorldModel, scenes: Scenes) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `[N, 4]` (top, left, height, width; pixels) and identities `[N]` (-1: none) of a batch of one."""
    who = Layout.of(world.config).info(scenes.state, scenes.assignment, world)
    return who["boxes"][0], who["identities"][0]


def objects(world: WorldModel, scenes: Scenes) -> list[dict[str, Any]]:
    """The objects of a batch of one, in the rows in which agents see them.

    Returns:
        A record for each: `row`, `identity`, `box` (top, left, height, width) of what is painted, `place` (y, x) and
        `size` (height, width) of the window, `velocity` (y, x) a step; all in pixels.
    """
    seen: Any = Layout.of(world.config, units="pixels").observe(scenes.state, scenes.assignment)
    boxes, identities = boxes_of(world, scenes)
    found = []
    for row in np.flatnonzero(identities >= 0).tolist():
        place, size, velocity = (_rounded(seen[0, row, i : i + 2]) for i in (1, 3, 5))
        found.append(
            {
                "row": row,
                "identity": int(identities[row]),
                "box": _rounded(boxes[row]),
                "place": place,
                "size": size,
                "velocity": velocity,
            }
        )
    return found


def apart(real: list[dict[str, Any]], dream: list[dict[str, Any]], shared: set[int]) -> float | None:
    """Mean distance in pixels between real and imagined positions of objects that both sides still have.

    Args:
        real, dream: see `objects`.
        shared: identities from before the dream; later ones are given independently.

    Returns:
        None if no such object is left on both sides.
    """
    here, there = ({o["identity"]: np.array(o["place"]) for o in side} for side in (real, dream))
    both = here.keys() & there.keys() & shared
    return round(float(np.mean([np.linalg.norm(here[i] - there[i]) for i in both])), 2) if both else None


def _side(world: WorldModel, side: Side) -> dict[str, Any]:
    """The objects of a side, and the reward and ending of its last step."""
    return {
        "objects": objects(world, side.scenes),
        "reward": round(side.reward, 3),
        "score": round(side.score, 2),
        "over": side.over,
        "ends": round(side.ends, 4),
        "uncertainty": round(side.uncertainty, 4),
    }


def _shared(history: History, now: Moment) -> set[int]:
    """Identities of the objects that were there when the dream began."""
    start = None if now.dream_from is None else history.at(now.dream_from)
    if start is None:
        return set()
    state = start.real.scenes.state
    return set(state.identity[0][state.presence[0] > 0].tolist())


def _painted(world: WorldModel, side: Side) -> str:
    return pictures.data_url(pictures.png(pictures.painted(world, side.scenes.state, side.behind)[0]))


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(v), 2) for v in values]
