"""How long the trainings of a run took."""

from __future__ import annotations

from collections.abc import Sequence

from sqair_wm.training.loop import Loop


def total(loops: Sequence[Loop]) -> dict[str, float]:
    """How long trainings took that followed one another; the iterations of later ones stand under their titles."""
    summaries = [loop.summary() for loop in loops]
    names = ["iterations", *(f"{loop.title}_iterations" for loop in loops[1:])]
    iterations = {name: summary.pop("iterations") for name, summary in zip(names, summaries, strict=True)}
    return iterations | {name: sum(s[name] for s in summaries) for name in summaries[0]}
