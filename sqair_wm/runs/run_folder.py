"""A run's folder: its configuration, its progress and its results."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from itertools import count
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.files import write_atomically
from sqair_wm.common.locks import first_of
from sqair_wm.common.machine import machine
from sqair_wm.common.named_folders import CONFIG, find_folder
from sqair_wm.common.notes import read_json
from sqair_wm.common.settings import ConfigError
from sqair_wm.common.version import VERSION
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.runs.older import complete, read_saved, resume
from sqair_wm.runs.setup import check_bounds
from sqair_wm.training.journal import OnRecord
from sqair_wm.training.loop import SNAPSHOTS
from sqair_wm.training.rounds import PLAY
from sqair_wm.training.trainer import CHECKPOINT

METRICS, REPORT, MACHINE = "metrics.json", "report.html", "machine.txt"
PARTS = ("*.pt", "*.jsonl", "*.safetensors", "model.json", METRICS, REPORT, MACHINE, SNAPSHOTS, PLAY, "tensorboard")
ASIDE = "earlier"
"""The files of a run besides its configuration; and the name of the folder to which they are moved if a new run begins
in the same folder."""

FREE = ("device", "threads", "runs", "name", "data.name")
"""Settings that may change when a run is continued, besides the places of its data."""


class RunFolder:
    """The folder of one run.

    Args:
        path: of the folder.
        config: with which the run is continued.
    """

    def __init__(self, path: Path, config: DictConfig):
        self.path, self.config = path, config

    @property
    def configuration(self) -> str:
        """The resolved configuration and the version of this program, as text."""
        return f"version: {VERSION}\n{OmegaConf.to_yaml(self.config, resolve=True)}"

    @property
    def finished(self) -> bool:
        """Whether the run is over and its report written."""
        return (self.path / METRICS).exists() and (self.path / REPORT).exists()

    @property
    def report(self) -> Path:
        """Path of the report."""
        return self.path / REPORT

    def metrics(self) -> dict[str, float]:
        """The figures in `metrics.json`, by name.

        Raises:
            ValueError: if the file is damaged.
        """
        path = self.path / METRICS
        figures = read_json(path, f"delete it, and the command that began {self.path} makes it again")
        if not isinstance(figures, dict) or not all(isinstance(value, int | float) for value in figures.values()):
            raise DamagedError(f"{path} is damaged: it does not hold figures by name (delete it to make it again)")
        return figures

    @property
    def machine(self) -> str:
        """The machine on which the run was trained, in words; empty if it was not noted."""
        path = self.path / MACHINE
        return path.read_text(errors="replace").strip() if path.exists() else ""

    def note_machine(self, device: torch.device) -> None:
        """Note that the run is trained on this machine."""
        write_atomically(self.path / MACHINE, lambda target: target.write_text(machine(device) + "\n"))

    def recorder(self, kind: str) -> OnRecord:
        """A function that adds statistics to the curves of one kind of training."""

        def append(iteration: int, record: dict[str, float]) -> None:
            with (self.path / f"{kind}.jsonl").open("a") as file:
                file.write(json.dumps({"iteration": iteration} | record) + "\n")

        return append

    def records(self, kind: str) -> list[tuple[int, dict[str, float]]]:
        """The curves of one kind of training: (iteration, statistics), in order; of repeated iterations, the last."""
        found: dict[int, dict[str, float]] = {}
        path = self.path / f"{kind}.jsonl"
        if path.exists():
            for line in path.read_bytes().splitlines():
                with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):  # cut off, or damaged
                    record = {str(name): float(value) for name, value in json.loads(line).items()}
                    found[int(record.pop("iteration"))] = record
        return sorted(found.items())


def begin_run(config: DictConfig, named: Collection[str] = ()) -> RunFolder:
    """The folder of the run that a configuration asks for; a run that is there already is continued.

    Args:
        config: of the run.
        named: keys to which the command line gives values; for the others see `resume`.

    Raises:
        ConfigError: if the folder cannot be written to, holds something else or the run of another configuration.
    """
    folder = RunFolder(Path(config.runs) / config.name, config)
    path, file = folder.path, folder.path / CONFIG
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not ((path / CHECKPOINT).exists() or folder.finished):
            if first_of(config.processes * config.nodes):
                set_aside(path)
                write_atomically(file, lambda target: target.write_text(folder.configuration))
            return folder
        if not file.exists():
            raise ConfigError(
                f"{path} holds a run without {CONFIG}, so it can't be continued: delete it or choose name=..."
            )
        places = [f"data.{place}" for place in kind_of(config).places]
        return RunFolder(path, resume(config, read_saved(file), file, named, (*FREE, *places)))
    except OSError as error:
        raise ConfigError(f"cannot write to the run's folder {path} ({error}): choose another with runs=...") from error


def set_aside(path: Path) -> None:
    """Move what a run without a checkpoint left in a run's folder into a folder of its own, and print that.

    So no part of it is taken for a part of the new run, and nothing is lost.
    """
    left = [part for pattern in PARTS for part in sorted(path.glob(pattern))]
    if not left:
        return
    aside = next(p for n in count(1) if not (p := path / f"{ASIDE}-{n}").exists())
    aside.mkdir()
    for part in [*left, path / CONFIG]:
        if part.exists():
            part.rename(aside / part.name)
    print(f"{path} held parts of a run without {CHECKPOINT}; they are in {aside} now, and a new run begins")


def open_run(run: Path) -> RunFolder:
    """A finished run of any version, by its folder or its name, see `find_folder`.

    Raises:
        ConfigError: if it is not finished, or the folder holds none.
        FileNotFoundError: if there is no such folder.
    """
    run = find_folder(run, (CONFIG,), "no run")
    if not (run / CONFIG).exists():
        raise ConfigError(f"{run} holds no run ({CONFIG} is missing): train one with python train_wm.py env=GAME")
    folder = RunFolder(run, complete(read_saved(run / CONFIG), run / CONFIG))
    try:
        check_bounds(folder.config)
    except (ValueError, OmegaConfBaseException) as error:
        raise ConfigError(f"{run / CONFIG} is damaged: {error}") from error
    if not folder.finished:
        raise ConfigError(f"{run} is not finished: the train_wm.py command that began it continues it")
    return folder
