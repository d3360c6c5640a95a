"""The duration of the trainings of a run."""

from __future__ import annotations

from collections.abc import Sequence

from sqair_wm.training.loop import Loop


def total(loops: Sequence[Loop]) -> dict[str, float]:
    """The summed times of trainings that followed one another, and the iterations of each, later ones by title."""
    summaries = [loop.summary() for loop in loops]
    names = ["iterations", *(f"{loop.title}_iterations" for loop in loops[1:])]
    iterations = {name: summary.pop("iterations") for name, summary in zip(names, summaries, strict=True)}
    return iterations | {name: sum(s[name] for s in summaries) for name in summaries[0]}
