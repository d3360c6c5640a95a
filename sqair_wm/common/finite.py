"""Numbers of a model that are no numbers are found before anybody acts on them."""

from __future__ import annotations

import numpy as np


def check_finite(values: np.ndarray, name: str) -> None:
    """Raise FloatingPointError if the model gave a value that is no number, naming the scenes."""
    if not np.isfinite(values).all():
        scenes = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1)).tolist()
        raise FloatingPointError(
            f"the model gave {name} that is not a finite number, in scenes {scenes}: its weights are damaged, or its "
            "training diverged"
        )
