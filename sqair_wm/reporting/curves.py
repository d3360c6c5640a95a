"""Curves of counting accuracy over minutes of training.

`python -m sqair_wm.reporting.curves results/moving_mnist/* --out curves.png`
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqair_wm.reporting.table import read

AFTER = "counting_accuracy_after_"


def curve(figures: dict[str, float]) -> list[tuple[float, float]]:
    """(minutes of computing, counting accuracy) of the snapshots of one run and of its end."""
    points = [(float(name.removeprefix(AFTER)), value) for name, value in figures.items() if name.startswith(AFTER)]
    return sorted([*points, (figures["computing_minutes"], figures["counting_accuracy"])])


def curves(folders: list[Path]) -> dict[str, list[list[tuple[float, float]]]]:
    """The curves of every seed in each of `folders`, by the folder's name.

    Raises:
        FileNotFoundError: if a folder holds no results.
        ValueError: if none of them has a counting accuracy.
    """
    found: dict[str, list[list[tuple[float, float]]]] = {}
    for folder in folders:
        for (name, _), figures in read(folder).items():
            if "counting_accuracy" in figures:
                found.setdefault(name, []).append(curve(figures))
    if not found:
        raise ValueError("none of these results has a counting_accuracy: evaluate a model with objects first")
    return found


def draw(found: dict[str, list[list[tuple[float, float]]]], out: Path) -> None:
    """Draw a line for each seed and a colour for each folder; the share of wrong counts on a logarithmic scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    for i, (name, lines) in enumerate(found.items()):
        for j, line in enumerate(lines):
            minutes, right = zip(*line, strict=True)
            wrong = [max(1 - r, 1e-4) for r in right]
            axes.plot(minutes, wrong, marker="o", markersize=3, color=f"C{i}", label=name if j == 0 else None)
    axes.set(yscale="log", xlabel="minutes of one core", ylabel="share of frames counted wrong")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right upper", fontsize=8)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.reporting.curves", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="folders of seedK.json")
    parser.add_argument("--out", type=Path, default=Path("curves.png"), help="the picture (curves.png)")
    options = parser.parse_args(arguments)
    try:
        draw(curves(options.folders), options.out)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
