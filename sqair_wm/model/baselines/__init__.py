"""SQAIR and what it is compared with, by name; all have `initial`, `observe`, `imagine` and `render`."""

from __future__ import annotations

from typing import cast

from sqair_wm.model.baselines.air import AIR
from sqair_wm.model.baselines.vrnn import VRNN
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.sqair import SQAIR


def build(config: ModelConfig) -> SQAIR:
    """A fresh model of `config.architecture`; a `VRNN` is no SQAIR, but is used in the same way."""
    return cast(SQAIR, {"sqair": SQAIR, "air": AIR, "vrnn": VRNN}[config.architecture](config))
