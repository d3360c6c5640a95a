"""From the text of a configuration to typed settings, with errors that help."""

from __future__ import annotations

import difflib
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

Settings = TypeVar("Settings")


class ConfigError(ValueError):
    """A setting that cannot work; the message says which and what would."""


GROUPS = ("model", "data", "training", "imagination")


def chosen_groups(overrides: list[str]) -> list[str]:
    """Those of the command line that choose a group, such as `data=moving_mnist`; of a sweep, the first choice."""
    chosen = [override.partition("=") for override in overrides]
    return [f"{key}={value.split(',')[0]}" for key, _, value in chosen if key in GROUPS]


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


def typed(kind: type[Settings], values: Any, group: str) -> Settings:
    """A settings object from plain values.

    Raises:
        ConfigError: if a value has the wrong type; the message names its key.
    """
    try:
        settings = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.create(dict(values))))
    except OmegaConfBaseException as error:
        message = str(error).splitlines()[0]
        raise ConfigError(f"{group}.{error.full_key}: {message}") from error
    assert isinstance(settings, kind)
    return settings
