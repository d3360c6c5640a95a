"""Measure a finished run on held-out data: `python -m sqair_wm.evaluate runs/MsPacman`.

The figures go into the run's `metrics.json`, and its report is written again with them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from sqair_wm.common.command import in_one_line
from sqair_wm.common.cpu import use_cpu
from sqair_wm.common.files import write_atomically
from sqair_wm.common.settings import ConfigError
from sqair_wm.evaluation.digits.digit_table import PAPER, Sizes
from sqair_wm.evaluation.games.decisions import DecisionSettings
from sqair_wm.evaluation.kinds import Job, kind_of
from sqair_wm.reporting.report import write_metrics
from sqair_wm.reporting.rewrite import rewrite
from sqair_wm.reporting.show import print_run
from sqair_wm.runs.run_folder import open_run
from sqair_wm.world.loading import load


def evaluate(
    run: Path,
    data: Path | None = None,
    device: str = "cpu",
    sizes: Sizes | None = None,
    decisions: int = DecisionSettings.states,
) -> dict[str, float]:
    """The figures of a finished run; they are added to its `metrics.json`.

    Args:
        run: folder of the run, or its name.
        data: folder of the recordings; by default that of the run. The test recording is made again if it is gone.
        device: where to compute.
        sizes: how much is measured on moving digits.
        decisions: number of states of a game in which decisions are compared, for each of two players; 0 for none.

    Raises:
        ConfigError: if there is no run, it is not finished, or the device does not exist.
        FileNotFoundError: if there is no such folder, or the recording is not complete.
        ValueError: if the model or the recording does not belong to the run.
    """
    folder = open_run(run)
    run, config, measured = folder.path, folder.config, kind_of(folder.config)
    if data is not None:
        config.data[measured.places[0]] = str(data)
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(f"--device {device}: {error}; use cpu, cuda, cuda:1, ...") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {device}: PyTorch sees no CUDA device here; use --device cpu")
    use_cpu(config.threads)
    model = load(run, device)
    compared = DecisionSettings(states=decisions) if decisions else None
    metrics = measured.measure(Job(run, config, model, sizes or Sizes(), compared))
    write_metrics(run, folder.metrics() | metrics)
    return metrics


def write_result(path: Path, run: Path) -> None:
    """Write data, seed, inference and figures of a run to a file for `results/`, as `results/atari/GAME/seedK.json`."""
    folder = open_run(run)
    config = folder.config
    about: dict[str, float | str] = {
        "data": str(config.data.name),
        "seed": int(config.seed),
        "inference": str(config.model.inference),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about | folder.metrics(), indent=1) + "\n"
    write_atomically(path, lambda target: target.write_text(text))


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The options that say how much is measured on moving digits."""
    group = parser.add_argument_group("moving digits")
    group.add_argument("--paper", action="store_true", help="measure as much as the paper did, which takes hours")
    default = Sizes()
    for name, meaning in {
        "sequences": "test sequences for counting, tracking and the addition task",
        "likelihood": "of these, sequences whose likelihood is estimated",
        "samples": "samples of that estimate",
        "probe": "training sequences of the addition task's classifier",
        "length": "frames of a sequence",
        "steps": "training steps of that classifier",
    }.items():
        group.add_argument(f"--{name}", type=int, help=f"{meaning} ({getattr(default, name)})")


def chosen_sizes(options: argparse.Namespace) -> Sizes:
    """The sizes that the options of `add_sizes` name."""
    base = vars(PAPER if options.paper else Sizes())
    given = {name: getattr(options, name) for name in base}
    return Sizes(**{name: base[name] if given[name] is None else given[name] for name in base})


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m sqair_wm.evaluate", description=__doc__)
    parser.add_argument("run", type=Path, help="folder or name of a finished run, such as runs/MsPacman")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of recordings, of the MNIST files or of the foreground of a video (by default as in the run)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--json", type=Path, help="write data, seed, inference and figures of the run to this file too")
    parser.add_argument(
        "--decisions",
        type=int,
        default=DecisionSettings.states,
        help=f"states of a game in which decisions are compared, 0 for none ({DecisionSettings.states})",
    )
    add_sizes(parser)
    options = parser.parse_args(arguments)
    with in_one_line("stopped; no file is left half written"):
        metrics = evaluate(options.run, options.data, options.device, chosen_sizes(options), options.decisions)
        if options.json:
            write_result(options.json, options.run)
        print_run(options.run, metrics)
        print(f"report: {rewrite(options.run, options.data, options.device)}")


if __name__ == "__main__":
    main()
