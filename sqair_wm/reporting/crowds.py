"""Evaluate a model of moving digits by the number of digits: `python -m sqair_wm.reporting.crowds runs/crowd`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch

from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.files import write_atomically
from sqair_wm.common.notes import read_json
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.evaluation.digits.digit_scenes import watch_digits
from sqair_wm.evaluation.digits.digit_table import Sizes, component_figures, tracking_figures
from sqair_wm.evaluation.digits.digits import count_once
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.reporting.table import table
from sqair_wm.runs.run_folder import open_run
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import WorldModel

LENGTH = 8
COLUMNS = {
    "counting_error": "count error",
    "components_counting_error": "components",
    "counting_accuracy": "right count",
    "components_counting_accuracy": "components",
    "mota": "MOTA",
    "components_mota": "components",
    "idf1": "IDF1",
    "components_idf1": "components",
    "switches_per_100": "switches",
    "milliseconds": "ms a frame",
}


def crowd_figures(model: WorldModel, sequences: MovingMNIST, many: int, length: int = LENGTH) -> dict[str, float]:
    """Figures of a model on sequences, each observed once and deterministically, and those of connected components.

    Args:
        model: in evaluation mode.
        sequences: of test digits.
        many: sequences, rounded up to a multiple of `CHUNK`.
        length: frames of a sequence.

    Returns:
        `counting_error`, mean distance from the true number of digits, hidden ones included; `counting_accuracy`, share
        of frames with that number; `mota`, `idf1`, `hota`, `switches_per_100`, see `tracking_figures`; `milliseconds`
        of computing for one frame of one sequence, in a batch of sequences; `components_...`: the same figures for
        linked connected components.
    """
    errors = []
    for batch in sequences.parts(many, length, model.background.device):
        assert batch.truth is not None
        errors.append((count_once(model, batch)[0] - batch.truth.presence.sum(2)).abs().float())
    error, seen = torch.cat(errors, 1), watch_digits(model, sequences, many, length)
    figures = {
        "counting_error": float(error.mean()),
        "counting_accuracy": float((error == 0).float().mean()),
        "milliseconds": seen.milliseconds,
    }
    figures |= tracking_figures(seen.tracks, seen.truth, sequences.frame_size)
    return figures | component_figures(sequences, Sizes(sequences=many, length=length))


def crowds(run: Path, digits: list[int], many: int, length: int = LENGTH, mnist: str | None = None) -> dict[str, dict]:
    """`crowd_figures` of a finished run for every number of `digits`, in frames like those it was trained on.

    Raises:
        ConfigError: if there is no finished run.
        ValueError: if it was not trained on moving digits, or has too few slots.
    """
    folder = open_run(run)
    config, kind = folder.config, kind_of(folder.config)
    if kind.crowd is None:
        raise ValueError(f"{run} was not trained on moving digits: train one with data=moving_mnist data.most=6")
    use_cpu(config.threads)
    model = load(folder.path)
    if max(digits) > model.config.slots:
        raise ValueError(
            f"the model has {model.config.slots} slots, too few for {max(digits)} digits: train it with model.slots="
            f"{max(digits) + 3}, or choose --digits"
        )
    if mnist is not None:
        config.data[kind.places[0]] = mnist
    results = {}
    for n in digits:
        torch.manual_seed(0)
        test = kind.crowd(config, n)
        results[str(n)] = crowd_figures(model, test, many, length)
        print(f"{n} digits: count error {results[str(n)]['counting_error']:.2f}", file=sys.stderr)
    return results


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.reporting.crowds", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a finished run on moving digits, or a file that --json wrote")
    parser.add_argument("--digits", type=int, nargs="+", default=[1, 2, 3, 4, 6, 8, 10, 12], help="how many there are")
    parser.add_argument("--sequences", type=int, default=200, help="sequences for each number (200)")
    parser.add_argument("--length", type=int, default=LENGTH, help=f"frames of a sequence ({LENGTH})")
    parser.add_argument("--data", help="folder of the MNIST files (by default as in the run)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    try:
        if options.run.suffix == ".json":
            results = read_json(options.run, "measure it again")
        else:
            results = crowds(options.run, options.digits, options.sequences, options.length, options.data)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.json, lambda target: target.write_text(json.dumps(results, indent=1) + "\n"))
    print(table(["digits"], {(n,): figures for n, figures in results.items()}, COLUMNS))


if __name__ == "__main__":
    main()
