"""A run's folder: whose it is, how far it got, what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sqair_wm.common.files import write_atomically
from sqair_wm.common.settings import ConfigError
from sqair_wm.training.journal import OnRecord
from sqair_wm.training.trainer import CHECKPOINT

CONFIG, METRICS, REPORT = "config.yaml", "metrics.json", "report.html"
NOT_PART_OF_A_RUN = ("device", "threads", "runs", "data.folder", "data.mnist")
"""Settings that may change when a run is continued."""


class RunFolder:
    """The folder of one run.

    Opening it a second time with the same configuration continues the run; with another one it is refused.

    Args:
        path: of the folder.
        config: of the run.

    Raises:
        ConfigError: if the folder cannot be written to, holds something else or the run of another configuration.
    """

    def __init__(self, path: Path, config: DictConfig):
        self.path, self.configuration = path, OmegaConf.to_yaml(config, resolve=True)
        try:
            path.mkdir(parents=True, exist_ok=True)
            begun = (path / CHECKPOINT).exists() or (path / METRICS).exists()
            if not begun:
                write_atomically(path / CONFIG, lambda target: target.write_text(self.configuration))
            elif (path / CONFIG).exists():
                self._compare(config)
            else:
                raise ConfigError(
                    f"{path} holds a run without {CONFIG}, so it can't be continued: delete it or choose name=..."
                )
        except OSError as error:
            raise ConfigError(
                f"cannot write to the run's folder {path} ({error}): choose another with runs=..."
            ) from error

    def _compare(self, config: DictConfig) -> None:
        old, new = (
            _flat(OmegaConf.to_container(OmegaConf.load(self.path / CONFIG))),
            _flat(OmegaConf.to_container(config, resolve=True)),
        )
        changed = [
            k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k) and k not in NOT_PART_OF_A_RUN
        ]
        if changed:
            listed = ", ".join(f"{k}: {old.get(k)} there, {new.get(k)} now" for k in changed[:5])
            raise ConfigError(
                f"{self.path} is the run of another configuration ({listed}): choose another name=... or delete it"
            )

    @property
    def finished(self) -> bool:
        """Whether the run is over and its report written."""
        return (self.path / METRICS).exists() and (self.path / REPORT).exists()

    @property
    def report(self) -> Path:
        """Where the report is."""
        return self.path / REPORT

    def metrics(self) -> dict[str, float]:
        """What `metrics.json` says."""
        return json.loads((self.path / METRICS).read_text())

    def recorder(self, kind: str) -> OnRecord:
        """What adds statistics to the curves of one kind of training."""

        def append(iteration: int, record: dict[str, float]) -> None:
            with (self.path / f"{kind}.jsonl").open("a") as file:
                file.write(json.dumps({"iteration": iteration} | record) + "\n")

        return append

    def records(self, kind: str) -> list[tuple[int, dict[str, float]]]:
        """The curves of one kind; where a run was continued from an older checkpoint, its later records count."""
        found: dict[int, dict[str, float]] = {}
        path = self.path / f"{kind}.jsonl"
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError:
                    continue
                found[int(record.pop("iteration"))] = record
        return sorted(found.items())


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


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict):
        return {prefix[:-1]: tree}
    return {k: v for key, value in tree.items() for k, v in _flat(value, f"{prefix}{key}.").items()}
