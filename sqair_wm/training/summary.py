"""The duration of the trainings of a run."""

from __future__ import annotations

from collections.abc import Sequence

from sqair_wm.training.loop import Loop


def total(loops: Sequence[Loop]) -> dict[str, float]:
    """The summed times of trainings that followed one another, and the iterations of each, later ones by title."""
    names = ["iterations", *(f"{loop.title}_iterations" for loop in loops[1:])]
    iterations: dict[str, float] = {name: loop.iteration for name, loop in zip(names, loops, strict=True)}
    seconds = {"wall": sum(loop.seconds for loop in loops), "computing": sum(loop.computing for loop in loops)}
    return iterations | {f"{name}_minutes": s / 60 for name, s in seconds.items()}
