"""From the text of a configuration to typed settings, with errors that help."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hydra import compose
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sqair_wm.common.limits import check_limits

Settings = TypeVar("Settings")


class ConfigError(ValueError):
    """A setting that cannot work; the message says which one, and what would work."""


GROUPS = ("model", "data", "training", "imagination", "agent")
SWEEPS = ("-m", "--multirun")
PLAIN = re.compile(r"\w[\w.]*=")
"""How an argument begins whose name Hydra checks; with `+` or `~` before it, it may be one that does not exist."""


def schema(kind: type) -> DictConfig:
    """The fields of a dataclass with their types and defaults, as a configuration that may be changed."""
    node = OmegaConf.structured(kind)
    _unlock(node)
    return node


def _unlock(node: Any) -> None:
    """Make a configuration of frozen dataclasses changeable: only the objects made from it are to be frozen."""
    if not OmegaConf.is_config(node):
        return
    OmegaConf.set_readonly(node, None)
    for child in node._content.values() if isinstance(node._content, dict) else ():
        _unlock(child)


def store(kind: type, name: str, group: str | None = None) -> None:
    """Register a dataclass with Hydra, under a name in a group: it gives the types and defaults of its settings."""
    ConfigStore.instance().store(name=name, node=schema(kind), group=group)


def check_command(arguments: list[str]) -> None:
    """Compose the configuration that a command line asks for, to find out what is wrong with it.

    Raises:
        ConfigError: for a setting that does not exist, a preset that cannot be read, or a value of the wrong type.
    """
    try:
        if not all(PLAIN.match(argument) for argument in arguments):
            _check_names(arguments)
        try:
            for overrides in _jobs(arguments):
                compose("config", overrides=overrides)
        except (HydraException, OmegaConfBaseException):
            _check_names(arguments)
            raise
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(in_one_line(error)) from error


def _check_names(arguments: list[str]) -> None:
    check_overrides(arguments, compose("config", overrides=chosen_groups(arguments)))


def chosen_groups(arguments: list[str]) -> list[str]:
    """The arguments that choose an option of a group, such as `data=moving_mnist`; of a sweep, the first choice."""
    chosen = [argument.partition("=") for argument in arguments]
    return [f"{key}={value.split(',')[0]}" for key, _, value in chosen if key in GROUPS]


def named_settings(overrides: list[str]) -> list[str]:
    """The keys to which a command line gives values, such as `training.batch`; choices of a group do not count."""
    keys = [override.partition("=")[0].lstrip("+~").strip() for override in overrides]
    return [key for key in keys if key not in GROUPS]


def _jobs(arguments: list[str]) -> list[list[str]]:
    """The overrides of the jobs of a command line; of a sweep, of so many jobs that every value occurs once."""
    overrides = [a for a in arguments if "=" in a and not a.startswith("-")]
    if not any(a in SWEEPS for a in arguments):
        return [overrides]
    parsed = OverridesParser.create().parse_overrides(overrides)
    choices = [
        [f"{o.get_key_element()}={value}" for value in o.sweep_string_iterator()]
        if o.is_sweep_override()
        else [str(o.input_line)]
        for o in parsed
    ]
    first = [values[0] for values in choices]
    others = [[*first[:i], value, *first[i + 1 :]] for i, values in enumerate(choices) for value in values[1:]]
    return [first, *others]


def check_overrides(overrides: list[str], config: DictConfig) -> None:
    """Raise ConfigError for a `key=value` whose key does not exist, naming the nearest ones."""
    keys = _keys(OmegaConf.to_container(config, resolve=False))
    for override in overrides:
        key = override.split("=")[0].lstrip("+~").strip()
        if override.startswith("-") or "=" not in override or key in keys or key.startswith("hydra."):
            continue
        near = difflib.get_close_matches(key, keys, 3, 0.5)
        near += [k for k in keys if k.split(".")[-1] == key.split(".")[-1] and k not in near]
        hint = f"did you mean {' or '.join(near[:3])}?" if near else "python train_wm.py --help lists them"
        raise ConfigError(f"there is no setting {key!r}: {hint}")


def _keys(tree: Any, prefix: str = "") -> list[str]:
    if not isinstance(tree, dict):
        return []
    found = []
    for key, value in tree.items():
        found += [f"{prefix}{key}", *_keys(value, f"{prefix}{key}.")]
    return found


def in_one_line(error: Exception) -> str:
    """The message of an error of Hydra or OmegaConf, in one line that names the setting."""
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    text = str(cause).partition("Config search path:")[0].partition("See https:")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    key = next((line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key:")), "")
    said = [line for line in lines if not line.startswith(("full_key:", "reference_type=", "object_type="))]
    place, _, why = said[0].partition(": ") if said and said[0].startswith("In '") else ("", "", "")
    if place:
        said = [f"{place.removeprefix('In ')}:", *said[1:]] if why.endswith("composing config:") else [why, *said[1:]]
    key = key or getattr(error, "override", None) or ""
    return f"{key}: {' '.join(said)}" if key else " ".join(said)


def typed(kind: type[Settings], values: Any, group: str) -> Settings:
    """A settings object from plain values; lists become tuples where the class has tuples.

    Raises:
        ConfigError: if a value has the wrong type or is invalid; the message names its key.
    """
    try:
        settings = OmegaConf.to_object(OmegaConf.merge(schema(kind), OmegaConf.create(dict(values))))
    except OmegaConfBaseException as error:
        message = str(error).splitlines()[0]
        raise ConfigError(f"{group}.{error.full_key}: {message}") from error
    assert isinstance(settings, kind)
    try:
        check_limits(kind, vars(settings), group)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    hints = get_type_hints(kind)
    tuples = [n for n, hint in hints.items() if any(get_origin(h) is tuple for h in (hint, *get_args(hint)))]
    lists = {name: getattr(settings, name) for name in tuples if isinstance(getattr(settings, name), list)}
    return replace(settings, **{name: tuple(value) for name, value in lists.items()})  # type: ignore[type-var]
