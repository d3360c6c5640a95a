"""SQAIR and the models it is compared with; all have `initial`, `observe`, `filter`, `imagine` and `render`."""

from __future__ import annotations

from typing import cast

from sqair_wm.model.baselines.air import AIR
from sqair_wm.model.baselines.vrnn import VRNN
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.sqair import SQAIR


def build(config: ModelConfig, dense: bool | None = None) -> SQAIR:
    """A new model of the kind `config.architecture`; a `VRNN` is not a SQAIR but is used in the same way.

    For `dense` see `SQAIR`; a `VRNN` ignores it.
    """
    if config.architecture == "vrnn":
        return cast(SQAIR, VRNN(config))
    return {"sqair": SQAIR, "air": AIR}[config.architecture](config, dense)
