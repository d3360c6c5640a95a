"""The registry of the kinds of data: how the data of each are checked, opened and measured.

Any module can add a kind with `register`, see `Kind`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sqair_wm.common.settings import ConfigError, store
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.opening import (
    DigitSettings,
    FilmSettings,
    GameSettings,
    check_game,
    digits,
    moving_mnist,
    record_game,
    recording,
    video,
    video_settings,
)
from sqair_wm.data.sequences import Sequences, play_of
from sqair_wm.data.settings import DataSettings
from sqair_wm.evaluation.columns import DECISIONS, DIGITS, OBJECTS, PEOPLE, WORLD_MODEL
from sqair_wm.evaluation.digits.digit_table import Sizes, table_metrics
from sqair_wm.evaluation.digits.digits import digit_metrics
from sqair_wm.evaluation.games.decisions import DecisionSettings
from sqair_wm.evaluation.games.play import decisions_if_any, play_metrics, truth_if_any, truth_of
from sqair_wm.evaluation.games.world import world_metrics
from sqair_wm.evaluation.metrics.summary import summarize, watch
from sqair_wm.evaluation.metrics.timeline import over_time
from sqair_wm.evaluation.pedestrians.pedestrians import pedestrian_metrics
from sqair_wm.games.field import Field
from sqair_wm.world.world_model import WorldModel

TIMELINE = ("counting_accuracy", "counting_accuracy_once")


@dataclass(frozen=True)
class Job:
    """What is to be measured.

    Attributes:
        run: folder of a finished run.
        config: the configuration of the run.
        model: the model of the run, in evaluation mode.
        sizes: how much is measured on moving digits.
        decisions: how decisions in games are compared; None for not at all.
    """

    run: Path
    config: DictConfig
    model: WorldModel
    sizes: Sizes
    decisions: DecisionSettings | None = None


def measure_held_out(model: WorldModel, sequences: Sequences, config: DictConfig) -> dict[str, float]:
    """Figures for any kind of data with actions, see `world_metrics`; empty for others."""
    play = play_of(sequences)
    return {} if play is None else world_metrics(model, play)


def measure_any(job: Job) -> dict[str, float]:
    """All figures for any kind of data, see `summarize`; with actions also `play_metrics`, against the truth if any.

    If there is a game to play, also `decision_metrics`.
    """
    sequences, shown = kind_of(job.config).build(job.config)[1], job.config.data.report
    batch = sequences.first(shown.sequences, shown.frames, job.model.background.device)
    figures, play = summarize(watch(job.model, batch)), play_of(sequences)
    if play is None:
        return figures
    return decisions_if_any(job.model, job.decisions) | figures | play_metrics(job.model, play, truth_of(play))


@dataclass(frozen=True)
class Kind:
    """A kind of data; only `settings` and `build` have to be given.

    Attributes:
        settings: dataclass of the settings of `data` in the configuration, with their defaults.
        build: makes the training and test sequences from the configuration; it first records or downloads the data that
            are not there yet.
        plays: whether there are actions and rewards, so that the sequences are `PlaySequences`.
        game: whether the setting `env` names the data.
        check: raises ValueError for settings that cannot work, before anything is read or written.
        held_out: figures of a trained model on test sequences, measured at the end of every training; it is given the
            model, the sequences and the configuration.
        measure: all the figures of a finished run, measured by `sqair_wm.evaluate`.
        crowd: makes test sequences with exactly the given number of objects, for `sqair_wm.reporting.crowds`.
        places: settings of the data that say where files are kept. They may change when a run is continued, and the
            first is what `--data` of the commands names.
        tables: columns of the tables of results (names of figures and titles), by the name of the results' folder.
    """

    settings: type[DataSettings]
    build: Callable[[DictConfig], tuple[Sequences, Sequences]]
    plays: bool = False
    game: bool = False
    check: Callable[[DictConfig], object] = lambda config: None
    held_out: Callable[[WorldModel, Any, DictConfig], dict[str, float]] = measure_held_out
    measure: Callable[[Job], dict[str, float]] = measure_any
    crowd: Callable[[DictConfig, int], MovingMNIST] | None = None
    places: tuple[str, ...] = ("folder",)
    tables: Mapping[str, dict[str, str]] = field(default_factory=dict)


_KINDS: dict[str, Kind] = {}


def register(kind: Kind, *, preset: bool = True) -> None:
    """Register a kind of data under the name that its settings give as `kind`.

    Args:
        kind: the kind of data.
        preset: whether to add a preset, so that `data=NAME` chooses it with its defaults; without one there has to be a
            file configs/data/NAME.yaml.

    Raises:
        ValueError: if it has no name, or another kind has the same name.
    """
    name = str(kind.settings.kind)
    if not name or _KINDS.get(name, kind) != kind:
        raise ValueError(f"data.kind={name!r} can't name another kind of data: taken are {', '.join(_KINDS)}")
    _KINDS[name] = kind
    for group in ("kind", "data") if preset else ("kind",):
        store(kind.settings, name, group)


def kind_of(config: DictConfig) -> Kind:
    """The kind of data of a configuration.

    Raises:
        ConfigError: if it is not registered.
    """
    name = config.data.kind
    if name not in _KINDS:
        raise ConfigError(
            f"data.kind is {name!r}; choose one of {', '.join(_KINDS)}, or import the module that registers it first"
        )
    return _KINDS[name]


def tables() -> dict[str, dict[str, str]]:
    """The columns of all tables of results, by the name of the results' folder."""
    return {name: columns for kind in _KINDS.values() for name, columns in kind.tables.items()}


def check_data(config: DictConfig) -> None:
    """Raise ConfigError for settings of the data that cannot work, or do not fit those of the model."""
    kind = kind_of(config)
    if not kind.game and config.env is not None:
        raise ConfigError(f"env={config.env} and data={config.data.kind} are two data sets: name one of them")
    kind.check(config)
    if kind.plays and config.model.architecture != "sqair":
        raise ConfigError(
            f"model.architecture={config.model.architecture} is a baseline for data without actions: "
            "data=moving_mnist or data=video"
        )


def measure_game(job: Job) -> dict[str, float]:
    """Decisions, and held-out play against the true boxes; see `decision_metrics` and `play_metrics`."""
    sequences = open_test_recording(job.config, job.model)
    truth = truth_if_any(sequences)  # first, because it fails if the recording can't be replayed
    return decisions_if_any(job.model, job.decisions) | play_metrics(job.model, sequences, truth)


def open_test_recording(config: DictConfig, model: WorldModel) -> AtariSequences:
    """The held-out recording of a run, recorded again if it is gone, with the background that the model was trained on.

    Raises:
        ConfigError: if recordings cannot be kept in `data.folder`.
        FileNotFoundError: if it is not complete.
    """
    source = model.source
    looked = None if source is None else Field(source.crop, source.pool)
    settings, root = recording(config, True, looked), Path(config.data.folder)
    try:
        return record(settings, root / settings.folder_name, model.background.cpu().numpy())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"no recordings in {root} ({error}): name their folder with --data") from error


def measure_digits(job: Job) -> dict[str, float]:
    """Figures on moving digits of the MNIST test set, and of the snapshots; see `table_metrics` and `over_time`."""
    test, training = moving_mnist(job.config, test=True), moving_mnist(job.config, test=False)
    metrics = table_metrics(job.model, test, training, job.sizes, say=lambda line: print(line, file=sys.stderr))
    return metrics | over_time(job.model, job.run, lambda early: digit_metrics(early, test), TIMELINE)


def measure_people(job: Job) -> dict[str, float]:
    """Figures on the part of the video that was not trained on; see `pedestrian_metrics`."""
    return pedestrian_metrics(job.model, video(job.config)[1])


def crowd_of_digits(config: DictConfig, number: int) -> MovingMNIST:
    """Test sequences of `number` digits each, which may overlap at the start."""
    return moving_mnist(config, test=True, least=number, most=number, crowded=True)


register(
    Kind(
        GameSettings,
        record_game,
        plays=True,
        game=True,
        check=check_game,
        measure=measure_game,
        tables={"decisions": DECISIONS, "atari": OBJECTS, "world_model": WORLD_MODEL},
    ),
    preset=False,
)
register(
    Kind(
        DigitSettings,
        lambda config: (moving_mnist(config, test=False), moving_mnist(config, test=True)),
        check=digits,
        held_out=lambda model, test, config: digit_metrics(model, test, config.data.tested),
        measure=measure_digits,
        crowd=crowd_of_digits,
        places=("mnist", "folder"),
        tables={"moving_mnist": DIGITS},
    ),
    preset=False,
)
register(
    Kind(
        FilmSettings,
        video,
        check=video_settings,
        held_out=lambda model, test, config: pedestrian_metrics(model, test, config.data.tested),
        measure=measure_people,
        tables={"pedestrians": PEOPLE},
    ),
    preset=False,
)
