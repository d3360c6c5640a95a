"""Checks that the numbers of a model are finite before they are used."""

from __future__ import annotations

import numpy as np
from torch import nn


def broken_weights(module: nn.Module) -> list[str]:
    """The names of the weights of a module that are not all finite."""
    return [name for name, weight in module.named_parameters() if not weight.isfinite().all()]


def check_finite(values: np.ndarray, name: str) -> None:
    """Raise FloatingPointError if `values` `[B, ...]` of a model are not all finite, naming the scenes.

    Args:
        values: one row for each scene.
        name: of the values, for the message, such as `an outcome`.
    """
    if not np.isfinite(values).all():
        scenes = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1)).tolist()
        raise FloatingPointError(
            f"the model gave {name} that is not a finite number, in scenes {scenes}: its weights are damaged, or its "
            "training diverged"
        )
