"""Figures on the terminal: five numbers first, then tables in which every row has a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sqair_wm.evaluation.games.futures import HORIZONS
from sqair_wm.reporting.meaning import BASELINES, horizon_meaning, meaning
from sqair_wm.reporting.numbers import Number, five_numbers
from sqair_wm.reporting.trust import measured
from sqair_wm.world.loading import read_description

GROUPS = {
    "Decisions": r"decision_.*",
    "Rewards and endings": r"(reward|ending)s?_.*",
    "Imagination": r"(turns?|events|position_error|starts|against_truth|moving_matched|uncertainty)(_.*)?",
    "Training": r"(.*_)?iterations|.*_minutes|frames_per_second",
    "Objects": r".*",
}
"""Headings, in the order of the tables, and patterns of the names of their figures; the first that matches counts."""


def split_by_horizon(metrics: Mapping[str, float]) -> tuple[dict[str, dict[int, float]], dict[str, float]]:
    """Figures that exist for several horizons, by name and horizon, and all the others, group by group."""
    rows: dict[str, dict[int, float]] = {}
    others: dict[str, float] = {}
    for name, value in metrics.items():
        found = re.fullmatch(r"(.+)_(\d+)", name)
        if found and int(found[2]) in HORIZONS and horizon_meaning(found[1]):
            rows.setdefault(found[1], {})[int(found[2])] = value
        else:
            others[name] = value
    return rows, {name: value for group in grouped(others).values() for name, value in group.items()}


def grouped(figures: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Figures by their headings, see `GROUPS`; headings without any are left out."""
    groups: dict[str, dict[str, float]] = {heading: {} for heading in GROUPS}
    for name, value in figures.items():
        plain = next((name.removeprefix(b) for b in BASELINES if name.startswith(b)), name)
        groups[next(heading for heading, names in GROUPS.items() if re.fullmatch(names, plain))][name] = value
    return {heading: group for heading, group in groups.items() if group}


def print_run(run: Path, metrics: Mapping[str, float], console: Console | None = None) -> None:
    """Print the five numbers of a run's report with their meanings, and then all its figures.

    Args:
        run: folder of a run with a model.
        metrics: its figures.
        console: where to print; by default the terminal.
    """
    console, config = console or Console(), read_description(run)[0]
    trust = measured(split_by_horizon(metrics)[0], config.object_size, bool(metrics.get("against_truth")))
    print_numbers(five_numbers(metrics, trust, bool(config.actions)), console)
    print_tables(metrics, console)


def print_numbers(numbers: Sequence[Number], console: Console) -> None:
    """Print a row for every number: its title, its value, and a sentence that says what it means."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in (Number._fields[0], Number._fields[1]):
        table.add_column(column, no_wrap=True, style="bold", justify="left" if column == "title" else "right")
    table.add_column("sentence")
    for number in numbers:
        table.add_row(*number)
    console.print(table)
    console.print()


def print_tables(metrics: Mapping[str, float], console: Console | None = None) -> None:
    """Print all figures, group by group, with their meanings; those of imagined steps in a table over the steps.

    Args:
        metrics: see `world_metrics`.
        console: where to print; by default the terminal.
    """
    console = console or Console()
    rows, others = split_by_horizon(metrics)
    groups = grouped(others)
    for heading in GROUPS:
        if heading == "Imagination" and rows:
            _print_horizons(rows, console)
        if heading in groups:
            console.print(heading, style="bold")
            console.print(_rest(groups[heading]))
            console.print()


def _print_horizons(rows: Mapping[str, Mapping[int, float]], console: Console) -> None:
    """Print the figures of imagined steps, and below them a line for each that says what it means."""
    console.print("Imagination, step by step", style="bold")
    ahead = _table("steps ahead", *map(str, HORIZONS))
    for name, values in rows.items():
        ahead.add_row(name, *(f"{values[h]:.3g}" if h in values else "" for h in HORIZONS))
    console.print(ahead)
    legend = Table(box=None, pad_edge=False, show_header=False, style="dim")
    legend.add_column("figure", no_wrap=True)
    legend.add_column("meaning")
    for name in rows:
        legend.add_row(name, horizon_meaning(name))
    console.print(legend)
    console.print()


def _rest(metrics: Mapping[str, float]) -> Table:
    """A table with a row for every figure; those of the baselines are beside the model's."""
    beside = [b for b in BASELINES if any(name.startswith(b) for name in metrics)]
    rest = _table("figure", "value", *(b.removesuffix("_") for b in beside), "meaning")
    for name, value in metrics.items():
        plain = next((name.removeprefix(b) for b in BASELINES if name.startswith(b)), name)
        if plain == name or plain not in metrics:
            others = [f"{metrics[b + name]:.4g}" if b + name in metrics else "" for b in beside]
            rest.add_row(name, f"{value:.4g}", *others, meaning(name))
    return rest


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in titles:
        left = title in (titles[0], "meaning")
        table.add_column(title, justify="left" if left else "right", no_wrap=title != "meaning")
    return table
