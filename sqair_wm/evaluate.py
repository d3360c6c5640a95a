"""Measure a finished run on what it was not trained on: `python -m sqair_wm.evaluate runs/MsPacman`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from sqair_wm.cpu import use_cpu
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.opening import moving_mnist, recording, video
from sqair_wm.evaluation.digit_table import PAPER, Sizes, table_metrics
from sqair_wm.evaluation.digits import digit_metrics
from sqair_wm.evaluation.found import NoTruth
from sqair_wm.evaluation.objects import object_metrics
from sqair_wm.evaluation.pedestrians import pedestrian_metrics
from sqair_wm.evaluation.show import print_tables
from sqair_wm.evaluation.timeline import over_time
from sqair_wm.evaluation.truth import GameTruth, true_boxes
from sqair_wm.evaluation.world import world_metrics
from sqair_wm.report import write_metrics
from sqair_wm.run_folder import CONFIG, RunFolder
from sqair_wm.settings import ConfigError
from sqair_wm.training.checkpoint import write_atomically
from sqair_wm.world_model import WorldModel, load

TIMELINE = ("counting_accuracy", "counting_accuracy_once")


def evaluate(run: Path, data: Path | None = None, device: str = "cpu", sizes: Sizes | None = None) -> dict[str, float]:
    """The figures of a finished run; they are added to its `metrics.json`.

    Args:
        run: folder of the run.
        data: where recordings are kept; by default where the run kept them. The test recording is made if it is gone.
        device: where to compute.
        sizes: how much is measured on moving digits.

    Raises:
        ConfigError: if there is no run, it is not finished, or the device does not exist.
        FileNotFoundError: if the recording is not complete.
        ValueError: if the model or the recording does not belong to the run.
    """
    folder, config = open_run(run)
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(f"--device {device}: {error}; use cpu, cuda, cuda:1, ...") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {device}: PyTorch sees no CUDA device here; use --device cpu")
    use_cpu(config.threads)
    model = load(run, device)
    metrics = MEASURES[config.data.get("kind", "atari")](run, config, model, data, sizes or Sizes())
    write_metrics(run, folder.metrics() | metrics)
    return metrics


def measure_game(run: Path, config: DictConfig, model: WorldModel, data: Path | None, sizes: Sizes) -> dict[str, float]:
    """Held-out play against the true boxes; see `world_metrics` and `object_metrics`."""
    sequences = open_test_recording(config, model, data)
    truth = truth_if_any(sequences)
    return world_metrics(model, sequences, truth) | objects_if_any(model, sequences, truth)


def measure_digits(
    run: Path, config: DictConfig, model: WorldModel, data: Path | None, sizes: Sizes
) -> dict[str, float]:
    """Moving digits of the MNIST test set, and how far training was on the way; see `table_metrics`, `over_time`."""
    if data is not None:
        config.data.mnist = str(data)
    test, training = moving_mnist(config, test=True), moving_mnist(config, test=False)
    metrics = table_metrics(model, test, training, sizes, say=lambda line: print(line, file=sys.stderr))
    return metrics | over_time(model, run, lambda early: digit_metrics(early, test), TIMELINE)


def measure_people(
    run: Path, config: DictConfig, model: WorldModel, data: Path | None, sizes: Sizes
) -> dict[str, float]:
    """The part of the video that was not trained on; see `pedestrian_metrics`."""
    return pedestrian_metrics(model, video(config, data)[1])


MEASURES = {"atari": measure_game, "moving_mnist": measure_digits, "video": measure_people}
"""How a run is measured, by the kind of its data."""


def open_run(run: Path) -> tuple[RunFolder, DictConfig]:
    """A finished run and its configuration.

    Raises:
        ConfigError: if there is none.
    """
    if not (run / CONFIG).exists():
        raise ConfigError(f"{run} holds no run ({CONFIG} is missing): train one with python train_wm.py env=GAME")
    config = OmegaConf.load(run / CONFIG)
    assert isinstance(config, DictConfig)
    folder = RunFolder(run, config)
    if not folder.finished:
        raise ConfigError(f"{run} is not finished: the train_wm.py command that began it continues it")
    return folder, config


def open_test_recording(config: DictConfig, model: WorldModel, data: Path | None = None) -> AtariSequences:
    """The held-out recording of a run, made again if it is gone: with the background that the model was trained with.

    Raises:
        ConfigError: if recordings cannot be kept in `data`.
        FileNotFoundError: if it is not complete.
    """
    memory = None if model.source is None else model.source.memory
    settings, root = recording(config, True, memory), data or Path(config.data.folder)
    try:
        return record(settings, root / settings.folder_name, model.background.cpu().numpy())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"no recordings in {root} ({error}): name their folder with --data") from error


def truth_if_any(sequences: AtariSequences) -> GameTruth | None:
    """The true boxes of a recording, or None and a word on standard error why there are none."""
    try:
        return true_boxes(sequences)
    except NoTruth as reason:
        print(f"no true boxes, errors are against the model's own tracks: {reason}", file=sys.stderr)
        return None


def objects_if_any(model: WorldModel, sequences: AtariSequences, truth: GameTruth | None) -> dict[str, float]:
    """The figures of the objects found, or none and a word on standard error if a library is missing."""
    try:
        return {} if truth is None else object_metrics(model, sequences, truth)
    except ImportError as reason:
        print(f"no figures of the objects found: {reason}", file=sys.stderr)
        return {}


def write_result(path: Path, run: Path) -> None:
    """Write a file for `results/`, as `results/atari/GAME/seedK.json`: data, seed, inference and figures of a run."""
    folder, config = open_run(run)
    about: dict[str, float | str] = {
        "data": str(config.data.get("name", config.env)),
        "seed": int(config.seed),
        "inference": str(config.model.inference),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(about | folder.metrics(), indent=1) + "\n"
    write_atomically(path, lambda target: target.write_text(text))


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The options that say how much is measured on moving digits."""
    group = parser.add_argument_group("moving digits")
    group.add_argument("--paper", action="store_true", help="as much as the paper measured: hours")
    default = Sizes()
    for name, meaning in {
        "sequences": "test sequences that are counted, tracked and added up",
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
    parser.add_argument("run", type=Path, help="folder of a finished run, such as runs/MsPacman")
    parser.add_argument(
        "--data",
        type=Path,
        help="where recordings, the MNIST files or the foreground of a video are kept (by default as in the run)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--json", type=Path, help="write data, seed, inference and figures of the run to this file too")
    add_sizes(parser)
    options = parser.parse_args(arguments)
    try:
        metrics = evaluate(options.run, options.data, options.device, chosen_sizes(options))
        if options.json:
            write_result(options.json, options.run)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    print_tables(metrics)


if __name__ == "__main__":
    main()
