"""Figures for people: what they mean, tables on the terminal."""

from __future__ import annotations

import re

from rich.console import Console
from rich.table import Table

from sqair_wm.evaluation.games.futures import HORIZONS
from sqair_wm.reporting.meaning import BASELINES, meaning

ROWS = {
    "position_error": "pixels between imagined and true objects, of those that move",
    "position_error_all": "the same of all true objects",
    "tracked_error": "pixels between imagined and then observed objects",
    "lost": "share of the objects still there that imagination let go",
    "invented": "share of the imagined objects that are not there",
    "image_error": "squared error, as a share of the foreground's squared intensity",
}
"""Figures that there are for every horizon."""

FIRST = "decision_"
"""Beginning of the figures that everything is judged by."""

BESIDES = ("still", "velocity", "median", "still_median", "velocity_median", "objects", "all_still", "all_velocity")


def split_by_horizon(metrics: dict[str, float]) -> tuple[dict[str, dict[int, float]], dict[str, float]]:
    """Figures that exist for several horizons, by name and horizon, and all the others, decisions first."""
    rows: dict[str, dict[int, float]] = {}
    others: dict[str, float] = {}
    for name, value in metrics.items():
        found = re.fullmatch(r"(.+)_(\d+)", name)
        if found and int(found[2]) in HORIZONS and _is_row(found[1]):
            rows.setdefault(found[1], {})[int(found[2])] = value
        else:
            others[name] = value
    return rows, dict(sorted(others.items(), key=lambda figure: not figure[0].startswith(FIRST)))


def print_tables(metrics: dict[str, float], console: Console | None = None) -> None:
    """What decides first; then a table over the horizons and one of the rest, with what the figures mean.

    Args:
        metrics: see `world_metrics`.
        console: where to print; by default the terminal.
    """
    console = console or Console()
    rows, others = split_by_horizon(metrics)
    ahead = _table("steps ahead", *map(str, HORIZONS))
    for name, values in rows.items():
        ahead.add_row(name, *(f"{values[h]:.3g}" if h in values else "" for h in HORIZONS))
    if decisions := {name: value for name, value in others.items() if name.startswith(FIRST)}:
        console.print(_rest(decisions))
        console.print()
    rest = _rest({name: value for name, value in others.items() if name not in decisions})
    if not rows:
        console.print(rest)
        return
    console.print(ahead)
    legend = [f"{name}: {meaning}" for name, meaning in ROWS.items() if name in rows]
    console.print(
        "\n".join([*legend, "_still: if all stood still; _velocity: if all kept their velocity"]), style="dim"
    )
    console.print()
    console.print(rest)


def _rest(metrics: dict[str, float]) -> Table:
    """A row for every figure; those of the baselines stand beside the model's."""
    beside = [b for b in BASELINES if any(name.startswith(b) for name in metrics)]
    rest = _table("figure", "value", *(b.removesuffix("_") for b in beside), "meaning")
    for name, value in metrics.items():
        if not name.startswith(BASELINES):
            others = [f"{metrics[b + name]:.4g}" if b + name in metrics else "" for b in beside]
            rest.add_row(name, f"{value:.4g}", *others, meaning(name))
    return rest


def _is_row(name: str) -> bool:
    return name in ROWS or any(name.startswith(row) and name[len(row) + 1 :] in BESIDES for row in ROWS)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        left = title in (titles[0], "meaning")
        table.add_column(title, justify="left" if left else "right", no_wrap=title != "meaning")
    return table
