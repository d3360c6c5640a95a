"""The subjects of a comparison: world models and agents, recognised by the files of their folders."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.named_folders import CONFIG, find_folder
from sqair_wm.common.notes import read_json
from sqair_wm.common.settings import ConfigError
from sqair_wm.data.opening import digits, video_settings
from sqair_wm.runs.older import complete, flat, read_saved
from sqair_wm.runs.run_folder import METRICS, RunFolder
from sqair_wm.training.trainer import CHECKPOINT
from sqair_wm.world.loading import read_description
from sqair_wm.world.source import VIEW, Source
from sqair_wm.world.world_model import DESCRIPTION

AGENT, GAME, DIGITS, VIDEO = "agent", "atari", "moving_mnist", "video"
EVALUATION, PROGRESS = "evaluation.json", "progress.jsonl"
"""The kinds of subjects; and the files of an agent's run, as `agents.evaluate` and `agents.dreaming.loop` call them."""

PROTOCOL = ("frame_skip", "sticky", "noop_steps", "rewards", "episode")
"""Settings that have to be equal in evaluations of agents that are compared, besides the game."""

AGAIN = "the command that wrote it writes it again"

Curve = list[tuple[float, dict[str, float]]]


@dataclass(frozen=True)
class Subject:
    """A world model or an agent that is compared.

    Attributes:
        name: of its folder.
        path: its folder.
        kind: `AGENT`, or the kind of data on which a world model was trained.
        about: a short description, such as `world model of Pong`.
        data: a text that is equal for subjects whose figures were measured on the same data; None if the data are not
            on record.
        figures: by name.
        settings: of its configuration, by key; empty if it has none.
        described: the settings of the model alone, by key; empty for agents.
        curves: (iteration or step, statistics) of each kind of training.
        notes: sentences for the reader about what can be compared.
    """

    name: str
    path: Path
    kind: str
    about: str
    data: str | None
    figures: dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def open_subjects(given: Sequence[Path]) -> list[Subject]:
    """The runs or models of these folders or names; if two have the same name, their paths are used as names.

    Raises:
        ConfigError: if one is given twice, or a configuration cannot be read.
        FileNotFoundError: if there is no such folder, or it has no figures.
        ValueError: if a file is damaged.
    """
    subjects = [open_subject(path) for path in given]
    places = [subject.path.resolve() for subject in subjects]
    for subject, place in zip(subjects, places, strict=True):
        if places.count(place) > 1:
            raise ConfigError(f"{subject.path} is named twice: name two or more different runs")
    names = [subject.name for subject in subjects]
    return [s if names.count(s.name) == 1 else replace(s, name=str(s.path)) for s in subjects]


def open_subject(given: Path) -> Subject:
    """The run or the model of a folder, or of a name; see `open_subjects`."""
    path = find_folder(given, missing="no run and no model")
    if (path / CONFIG).exists() and "kind" in (config := _agent_config(path)):
        return _agent(path, config)
    return _world_model(path)


def _agent_config(path: Path) -> dict[str, Any]:
    """The settings of the run of an agent, by key, with its `kind`; empty for other runs."""
    try:
        config = OmegaConf.to_container(OmegaConf.load(path / CONFIG))
    except (YAMLError, OmegaConfBaseException, ValueError, TypeError, OSError, RecursionError) as error:
        raise ConfigError(f"{path / CONFIG} is damaged ({' '.join(str(error).split())}): {AGAIN}") from error
    agent = config.get("agent") if isinstance(config, dict) else None
    if not isinstance(agent, dict) or "kind" not in agent:
        return {}
    return {"kind": agent["kind"], **flat(config)}


def _agent(path: Path, config: dict[str, Any]) -> Subject:
    """The run of an agent: `evaluation.json` and `progress.jsonl`."""
    kind, file, progress = str(config.pop("kind")), path / EVALUATION, _progress(path / PROGRESS)
    figures: dict[str, float] = {}
    for name in ("real_steps", "imagined_steps", "minutes"):
        if progress and name in progress[-1][1]:
            figures[name] = progress[-1][1][name]
    if not file.exists():
        note = f"{path.name} has not played whole games yet: python -m agents.evaluate {path}"
        return Subject(path.name, path, AGENT, f"{kind} agent", None, figures, config, {}, {"agent": progress}, (note,))
    result = read_json(file, AGAIN)
    try:
        protocol, game = result["protocol"], str(result["game"])
        figures |= {name: float(value) for name, value in result.items() if isinstance(value, int | float)}
        for name in ("mean", "iqm", "human_normalised"):
            if f"{name}_95" in result:
                figures[f"{name}_low"], figures[f"{name}_high"] = map(float, result[f"{name}_95"])
        figures |= {"games_played": float(protocol["episodes"])}
        data = json.dumps([game, *(protocol[name] for name in PROTOCOL)])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(f"{file} is damaged, or from another version: {error!r} ({AGAIN})") from error
    about = f"{kind} agent in {game}"
    return Subject(path.name, path, AGENT, about, data, figures, config, {}, {"agent": progress})


def _progress(path: Path) -> Curve:
    """(real steps, statistics) of each round of an agent; damaged lines are left out."""
    found: Curve = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            record = {str(name): float(value) for name, value in json.loads(line).items()}
            found.append((record["real_steps"], record))
    return found


def _world_model(path: Path) -> Subject:
    """A world model: `metrics.json`, and `config.yaml` and the journals of its run if they are there."""
    if not (path / METRICS).exists():
        why = "; its training is not finished, the same command continues it" if (path / CHECKPOINT).exists() else ""
        raise FileNotFoundError(f"{path} has no figures: {METRICS} is missing{why}")
    config, settings = DictConfig({}), {}
    if (path / CONFIG).exists():
        saved = read_saved(path / CONFIG)
        config = complete(saved, path / CONFIG)
        settings = {"version": saved.version, **flat(OmegaConf.to_container(config, resolve=True))}
    folder = RunFolder(path, config)
    described, source = {}, None
    if (path / DESCRIPTION).exists():
        model, source = read_description(path)
        described = flat({"model": model.to_json()} | ({} if source is None else {"data": asdict(source)}))
    kind = str(config.data.kind) if settings else GAME if source is not None else "unknown data"
    game = source.game if source is not None else config.get("env")
    names = {GAME: str(game), DIGITS: "moving digits", VIDEO: "a video"}
    data = _data(config, source) if settings else None
    missing = f"{path.name} comes without {CONFIG}: the held-out data of its figures is not on record"
    curves = {name: [(float(i), r) for i, r in folder.records(name)] for name in ("training", "imagination")}
    return Subject(
        path.name, path, kind, f"world model of {names.get(kind, kind)}", data, folder.metrics(), settings, described,
        curves, () if settings else (missing,),
    )  # fmt: skip


def _data(config: DictConfig, source: Source | None) -> str:
    """A text for the held-out data of a run, equal for equal data; it looks up no game, which might import a module."""
    if config.data.kind == GAME:
        view = {name: config.data[name] for name in VIEW if name in config.data} if source is None else asdict(source)
        return f"{config.env} {view} {config.data.test_frames} frames, seed {config.seed}"
    if config.data.kind == DIGITS:
        return f"digits {digits(config)}"
    if config.data.kind == VIDEO:
        return f"video {video_settings(config)}"
    kept = {key: value for key, value in config.data.items() if key not in ("folder", "name")}
    return f"{config.data.kind} {kept} seed {config.seed}"
