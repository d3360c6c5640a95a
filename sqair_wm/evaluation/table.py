"""The table of the docs from the files under `results/`: `python -m sqair_wm.evaluation.table results/world_model`."""

from __future__ import annotations

import argparse
import json
import sys
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
    "wall_minutes": "minutes",
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

PRESETS = {"world_model": WORLD_MODEL, "atari": OBJECTS}
"""Columns by the name of the folder; the world model's for any other."""


def read(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The figures of every game and seed under `folder`, laid out as `GAME/seedK.json`.

    Raises:
        FileNotFoundError: if there is none.
    """
    files = sorted(folder.glob("*/seed*.json"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no results (GAME/seedK.json)")
    return {(f.parent.name, int(f.stem.removeprefix("seed"))): json.loads(f.read_text()) for f in files}


def markdown(results: dict[tuple[str, int], dict[str, float]], columns: dict[str, str] | None = None) -> str:
    """A row for every game and seed; figures that a run does not have are left empty.

    Args:
        results: see `read`.
        columns: names of the figures and their titles.
    """
    columns = columns or WORLD_MODEL
    rows = [["game", "seed", *columns.values()], ["---"] * (len(columns) + 2)]
    for (game, seed), figures in results.items():
        rows.append([game, str(seed), *(f"{figures[c]:.3g}" if c in figures else "" for c in columns)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.evaluation.table", description=__doc__)
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
