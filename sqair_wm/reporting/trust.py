"""For how many imagined steps the positions of objects can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from sqair_wm.evaluation.metrics.positions import centres, same_objects
from sqair_wm.model.slots import Slots

BASELINES = {"_velocity": "constant velocity", "_still": "no motion"}


@dataclass(frozen=True)
class Trust:
    """For how many steps imagined positions stay near the true ones.

    Attributes:
        steps: for how many steps the mean error is within the bound, such as `14` or `20 or more`.
        bound: in pixels.
        where: the true positions, in words that end a sentence: "imagined objects are near where ...".
        others: the same number of steps for baselines without a model, by name.
    """

    steps: str
    bound: float
    where: str
    others: Mapping[str, str] = field(default_factory=dict)


def bound_of(object_size: Sequence[float]) -> float:
    """The largest error in pixels at which an imagined object still lies on the true one: half its diagonal."""
    height, width = object_size
    return 0.5 * float(height**2 + width**2) ** 0.5


def measured(rows: Mapping[str, Mapping[int, float]], object_size: Sequence[float], true: bool) -> Trust | None:
    """The trust by the figures of held-out play; None if there are none.

    Args:
        rows: figures by name and horizon, see `split_by_horizon`.
        object_size: (height, width) of a typical object in pixels.
        true: whether errors are against true boxes, or else against the model's own tracks.
    """
    errors = rows.get("position_error", {})
    if not errors:
        return None
    bound = bound_of(object_size)
    others = {
        name: steps_within(rows[f"position_error{suffix}"], bound)
        for suffix, name in BASELINES.items()
        if rows.get(f"position_error{suffix}")
    }
    where = "the game has them" if true else "the model itself sees them later"
    return Trust(steps_within(errors, bound), bound, where, others)


def shown(
    seen: Sequence[Slots], imagined: Sequence[Slots], size: tuple[int, int], object_size: Sequence[float]
) -> Trust | None:
    """The trust by a few sequences: imagined objects against the same objects as the model sees them later.

    Args:
        seen: scenes `[B]`, from the last one before imagination on: one more than `imagined`.
        imagined: scenes of the same moments.
        size: (height, width) of a frame in pixels.
        object_size: of a typical object.

    Returns:
        None if no object is there in both.
    """
    errors: dict[int, float] = {}
    identity = seen[0].identity
    if not (identity >= 0).any():  # the scenes of a VRNN never have objects
        return None
    for step, (real, dreamt) in enumerate(zip(seen[1:], imagined, strict=True), 1):
        place, there = same_objects(identity, real, centres(real, size))
        guess, kept = same_objects(identity, dreamt, centres(dreamt, size))
        both = there & kept
        if both.any():
            errors[step] = float(torch.linalg.vector_norm(place - guess, dim=-1)[both].mean())
    if not errors:
        return None
    bound = bound_of(object_size)
    return Trust(steps_within(errors, bound), bound, "the model sees them later in the sequences of this page")


def steps_within(errors: Mapping[int, float], bound: float) -> str:
    """The steps for which an error, known at some horizons and interpolated between them, is at most `bound`."""
    before, last = 0, 0.0
    for horizon, error in sorted(errors.items()):
        if error > bound:
            share = (bound - last) / (error - last)
            return str(int(before + share * (horizon - before)))
        before, last = horizon, error
    return f"{before} or more"
