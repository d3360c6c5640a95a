"""The table of the docs from the files under `results/`: `python -m sqair_wm.reporting.table results/world_model`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WORLD_MODEL = {
    "position_error_5": "5 steps",
    "position_error_still_5": "still",
    "position_error_velocity_5": "velocity",
    "position_error_10": "10 steps",
    "position_error_still_10": "still",
    "position_error_velocity_10": "velocity",
    "reward_f1": "reward F1",
    "ending_f1": "ending F1",
    "unexplained_energy": "unexplained",
    "computing_minutes": "minutes",
}

OBJECTS = {
    "f_moving": "F moving",
    "components_f_moving": "components",
    "difference_f_moving": "difference",
    "f_relevant": "F relevant",
    "ap_moving": "AP",
    "exact_count": "exact count",
    "mota": "MOTA",
    "components_mota": "components",
    "difference_mota": "difference",
    "idf1": "IDF1",
    "hota": "HOTA",
    "switches_per_100": "switches",
    "fewshot_16": "few-shot 16",
    "ami": "AMI",
}

DIGITS = {
    "counting_accuracy": "counting",
    "counting_accuracy_50": "K=50",
    "counting_accuracy_once": "in one pass",
    "counting_accuracy_after_5": "5 min",
    "counting_accuracy_after_10": "10 min",
    "log_px": "log p",
    "log_px_error": "±",
    "log_px_balanced": "balanced",
    "log_px_balanced_error": "±",
    "reconstruction": "rec.",
    "kl": "KL",
    "addition_accuracy": "addition",
    "addition_accuracy_objects": "by object",
    "addition_accuracy_learned": "learned from",
    "mota": "MOTA",
    "idf1": "IDF1",
    "hota": "HOTA",
    "switches_per_100": "switches",
    "components_mota": "components' MOTA",
    "iterations": "iterations",
    "computing_minutes": "minutes",
}

PEOPLE = {
    "counting_accuracy": "counting",
    "counting_accuracy_once": "in one pass",
    "components_counting_accuracy_once": "components",
    "counting_constant": "constant",
    "counting_half_once": "same rule",
    "components_counting_half_once": "components",
    "mota": "MOTA",
    "components_mota": "components",
    "idf1": "IDF1",
    "components_idf1": "components",
    "hota": "HOTA",
    "switches_per_100": "switches",
    "computing_minutes": "minutes",
}

PRESETS = {"world_model": WORLD_MODEL, "atari": OBJECTS, "moving_mnist": DIGITS, "pedestrians": PEOPLE}
"""Columns by the name of the folder; the world model's for any other."""


def read(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The figures of every seed under `folder`, laid out as `NAME/seedK.json` (a game, a model) or as `seedK.json`.

    Raises:
        FileNotFoundError: if there is none.
    """
    files = sorted(folder.glob("*/seed*.json")) or sorted(folder.glob("seed*.json"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no results (NAME/seedK.json or seedK.json)")
    return {(f.parent.name, int(f.stem.removeprefix("seed"))): json.loads(f.read_text()) for f in files}


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
    """A markdown table: what each row is, under `titles`, and its figures."""
    rows = [[*titles, *columns.values()], ["---"] * (len(titles) + len(columns))]
    for names, figures in results.items():
        rows.append([*names, *(number(figures[c]) if c in figures else "" for c in columns)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def number(value: float) -> str:
    """Three digits, or four of shares near one and all of those before the point."""
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
    print(markdown(results, chosen or PRESETS.get(options.folder.resolve().name)))


if __name__ == "__main__":
    main()
