"""How a model is measured, by the kind of its data."""

from __future__ import annotations

import sys
from pathlib import Path

from omegaconf import DictConfig

from sqair_wm.common.settings import ConfigError
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.opening import moving_mnist, recording, video
from sqair_wm.data.sequences import Sequences
from sqair_wm.data.video import VideoSequences
from sqair_wm.evaluation.digits.digit_table import Sizes, table_metrics
from sqair_wm.evaluation.digits.digits import digit_metrics
from sqair_wm.evaluation.games.found import NoTruth
from sqair_wm.evaluation.games.objects import object_metrics
from sqair_wm.evaluation.games.truth import GameTruth, true_boxes
from sqair_wm.evaluation.games.world import world_metrics
from sqair_wm.evaluation.metrics.timeline import over_time
from sqair_wm.evaluation.pedestrians.pedestrians import pedestrian_metrics
from sqair_wm.games.field import Field
from sqair_wm.world.world_model import WorldModel

TIMELINE = ("counting_accuracy", "counting_accuracy_once")


def held_out_metrics(model: WorldModel, sequences: Sequences) -> dict[str, float]:
    """The figures that are measured at the end of every training; `sqair_wm.evaluate` measures more."""
    if isinstance(sequences, AtariSequences):
        return world_metrics(model, sequences)
    if isinstance(sequences, MovingMNIST):
        return digit_metrics(model, sequences)
    if isinstance(sequences, VideoSequences):
        return pedestrian_metrics(model, sequences)
    return {}


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


def open_test_recording(config: DictConfig, model: WorldModel, data: Path | None = None) -> AtariSequences:
    """The held-out recording of a run, made again if it is gone: with the background that the model was trained with.

    Raises:
        ConfigError: if recordings cannot be kept in `data`.
        FileNotFoundError: if it is not complete.
    """
    source = model.source
    looked = (None, None) if source is None else (source.memory, Field(source.crop, source.pool))
    settings, root = recording(config, True, *looked), data or Path(config.data.folder)
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
