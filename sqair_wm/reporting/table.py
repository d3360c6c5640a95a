"""A table of results from the files under `results/`: `python -m sqair_wm.reporting.table results/world_model`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqair_wm.common.notes import read_json
from sqair_wm.evaluation.columns import WORLD_MODEL
from sqair_wm.evaluation.kinds import tables


def read(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The figures of every seed under `folder`, laid out as `NAME/seedK.json` (a game, a model) or as `seedK.json`.

    Raises:
        FileNotFoundError: if there are no results.
    """
    files = sorted(folder.glob("*/seed*.json")) or sorted(folder.glob("seed*.json"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no results (NAME/seedK.json or seedK.json)")
    return {(f.parent.name, int(f.stem.removeprefix("seed"))): read_json(f, "measure it again") for f in files}


def markdown(results: dict[tuple[str, int], dict[str, float]], columns: dict[str, str] | None = None) -> str:
    """A row for every name and seed; figures that a run does not have are left empty.

    Args:
        results: see `read`.
        columns: names of the figures and their titles.
    """
    columns = columns or WORLD_MODEL
    return table(["", "seed"], {(name, str(seed)): figures for (name, seed), figures in results.items()}, columns)


def table(
    titles: Sequence[str], results: Mapping[tuple[str, ...], Mapping[str, float]], columns: dict[str, str]
) -> str:
    """A Markdown table: the names of each row, under `titles`, and its figures."""
    rows = [[*titles, *columns.values()], ["---"] * (len(titles) + len(columns))]
    for names, figures in results.items():
        rows.append([*names, *(number(figures[c]) if c in figures else "" for c in columns)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def number(value: float) -> str:
    """A number with three digits; four decimals for shares near one, and all digits before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4f}" if 0.95 <= value < 1 else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.reporting.table", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--columns", nargs="+", help="names of figures; by default those of the folder's name")
    options = parser.parse_args(arguments)
    try:
        results = read(options.folder)
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    chosen = {c: c for c in options.columns or ()}
    print(markdown(results, chosen or tables().get(options.folder.resolve().name)))


if __name__ == "__main__":
    main()
