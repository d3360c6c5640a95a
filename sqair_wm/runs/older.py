"""Runs of older versions: their configurations in the settings of this version."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from sqair_wm.common.settings import ConfigError, in_one_line, schema
from sqair_wm.common.version import VERSION
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.games.legacy import FIELDS, FLICKERING, WHOLE
from sqair_wm.games.names import games
from sqair_wm.games.play import Recording
from sqair_wm.runs.config import RunSettings
from sqair_wm.runs.older_defaults import BEFORE_020, BEFORE_030, DEFAULTS_BEFORE

REMEDY = "python -m sqair_wm.check FOLDER says what can be recovered; else delete its folder"

FIRST = "0.1.0"
"""The version of runs whose configuration does not name one."""

GONE = ("training.compile",)
"""Settings of 0.1.0 that this version does not have; they were off by default."""


@dataclass(frozen=True)
class Saved:
    """The configuration of a run in the settings of this version; by key, such as `training.batch`.

    Attributes:
        version: the version with which the run was made.
        settings: values by key; a key that is missing has this version's default.
        said: the keys to which the file gives a value.
        respelled: values as they stand in the file, for settings that are written in another way today.
    """

    version: str
    settings: dict[str, Any]
    said: frozenset[str]
    respelled: dict[str, Any]


def read_saved(path: Path) -> Saved:
    """Read a saved configuration, whatever version wrote it.

    Raises:
        ConfigError: if it is damaged, or has a setting that this version cannot go on with.
    """
    try:
        whole = OmegaConf.to_container(OmegaConf.load(path))
        written = flat(whole)
    except (YAMLError, OmegaConfBaseException, ValueError, TypeError, OSError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({' '.join(str(error).split())}): {REMEDY}") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("data", {}), dict):
        raise ConfigError(f"{path} is damaged (it holds no configuration of a run): {REMEDY}")
    version = str(written.pop("version", FIRST))
    settings, said = dict(written), set(written)
    if _number(version) < (0, 2, 0):
        _to_020(settings, said, path)
    if _number(version) < (0, 3, 0):
        _to_030(settings, said)
    for next_version, defaults in DEFAULTS_BEFORE.items():
        if _number(version) < next_version:
            _was(defaults, settings, said)
    if _number(version) < (0, 7, 0) and settings.get("model.size", "auto") == "auto":  # which means more since then
        settings["model.size"] = "free_or_steady"
    respelled = {key: written[key] for key in said & set(written) if written[key] != settings[key]}
    return Saved(version, settings, frozenset(said), respelled)


def _to_020(settings: dict[str, Any], said: set[str], path: Path) -> None:
    """Bring the settings of 0.1.0 and before up to 0.2.0; `said` loses keys whose meaning is new."""
    for key in GONE:
        if settings.pop(key, False):
            raise ConfigError(f"{path} has {key}=true, which 0.2.0 does not know: go on with version 0.1.0")
        said.discard(key)
    if "dynamics" in settings:
        settings["model.dynamics"] = settings.pop("dynamics")
        said.remove("dynamics")
        said.add("model.dynamics")
    width = settings.get("model.decoder", 0)
    if isinstance(width, int):  # the encoder decided the kind of the decoder
        settings["model.decoder"] = "conv" if settings.get("model.encoder") == "conv" else "mlp"
        settings["model.decoder_width"] = width
        if "model.decoder" in said:
            said.remove("model.decoder")
            said.add("model.decoder_width")
    for key, value in BEFORE_020.items():
        settings.setdefault(key, value)
    if settings.setdefault("data.kind", "atari") == "atari":
        settings.setdefault("data.memory", 45)
        _look_up(settings)


def _to_030(settings: dict[str, Any], said: set[str]) -> None:
    """Bring the settings of 0.2.0 up to 0.3.0; `said` loses settings with the default of then, if it has changed."""
    _was(BEFORE_030, settings, said)
    if settings.get("data.memory") == "auto":  # it was measured; the model's `Source.memory` has the value
        settings["data.memory"] = Recording.memory
        said.discard("data.memory")


def _was(defaults: dict[str, Any], settings: dict[str, Any], said: set[str]) -> None:
    for key, value in defaults.items():
        if settings.setdefault(key, value) == value:
            said.discard(key)


def _look_up(settings: dict[str, Any]) -> None:
    """Write out what 0.1.0 looked up about a game; its default of stickiness is `auto` now."""
    game = str(settings.get("env"))
    if settings.setdefault("data.sticky", 0.0) == 0:
        settings["data.sticky"] = "auto"
    if game not in games():
        return
    if settings.setdefault("data.crop", "auto") in ("auto", None):
        settings["data.crop"] = list(FIELDS.get(game, WHOLE))
    if settings.setdefault("data.pool", "auto") in ("auto", None):
        settings["data.pool"] = 4 if game in FLICKERING else 2


def complete(saved: Saved, path: Path) -> DictConfig:
    """The whole configuration of a saved run, typed; settings that it lacks have this version's defaults.

    Raises:
        ConfigError: if it has settings that this version does not know.
    """
    config = schema(RunSettings)
    chosen = OmegaConf.create({})
    for key, value in saved.settings.items():
        OmegaConf.update(chosen, key, value)
    try:
        config.data = schema(kind_of(chosen).settings)
        whole = OmegaConf.merge(config, chosen)
    except (OmegaConfBaseException, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{path} was written by version {saved.version} and cannot be read by {VERSION}, or is damaged: "
            f"{in_one_line(error)}"
        ) from error
    assert isinstance(whole, DictConfig)
    return whole


def resume(config: DictConfig, saved: Saved, path: Path, named: Collection[str], free: Collection[str]) -> DictConfig:
    """The configuration with which a run is continued.

    A setting that the saved run lacks, and that is not asked for now, keeps the value that the code had then.

    Args:
        config: the configuration that is asked for now.
        saved: the configuration with which the run began.
        path: its file.
        named: keys to which the command line gives values.
        free: keys that may change.

    Raises:
        ConfigError: if any other setting has changed.
    """
    old, new = (flat(OmegaConf.to_container(c, resolve=True)) for c in (complete(saved, path), config))
    differ = [k for k in sorted(old.keys() | new.keys()) if k not in free and old.get(k) != new.get(k)]
    asked = {k for k in differ if any(k == name or k.startswith(f"{name}.") for name in named)}
    kept = [k for k in differ if saved.respelled.get(k, _NOTHING) == new.get(k) or not (k in saved.said or k in asked)]
    changed = [k for k in differ if k not in kept]
    if changed:
        listed = ", ".join(f"{k}: {old.get(k)} there, {new.get(k)} now" for k in changed[:5])
        raise ConfigError(
            f"{path.parent} is the run of another configuration ({listed}): choose another name=... or delete it"
        )
    resumed = config.copy()
    for key in kept:
        OmegaConf.update(resumed, key, old[key])
    return resumed


_NOTHING = object()


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Values by key, such as `training.batch`; lists are values."""
    if not isinstance(tree, dict):
        return {prefix[:-1]: tree}
    return {k: v for key, value in tree.items() for k, v in flat(value, f"{prefix}{key}.").items()}


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
