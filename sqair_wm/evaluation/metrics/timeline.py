"""Figures over the course of training, from the snapshots of a run."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

from sqair_wm.common.tensor_files import read_weights
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.loop import SNAPSHOTS
from sqair_wm.training.trainer import Trainer
from sqair_wm.world.world_model import WorldModel

Measure = Callable[[WorldModel], dict[str, float]]


def over_time(model: WorldModel, run: Path, measure: Measure, names: tuple[str, ...]) -> dict[str, float]:
    """Figures of every snapshot in a run's folder (see `Schedule.snapshots`).

    Args:
        model: of the run; it is left as it is.
        run: folder of the run.
        measure: gives the figures of a model.
        names: the figures to keep.

    Returns:
        `NAME_after_MINUTES` for each of `names` that `measure` gives, and each snapshot.

    Raises:
        ValueError: if a snapshot is damaged or of another model.
    """
    found: dict[str, float] = {}
    early = deepcopy(model)
    for path in sorted((run / SNAPSHOTS).glob(f"{Trainer.title}-*.safetensors"), key=_minutes):
        read_weights(path, SequenceBound(early.sqair), "delete it to go on without")
        figures = measure(early)
        found |= {f"{name}_after_{_minutes(path):g}": figures[name] for name in names if name in figures}
    return found


def _minutes(path: Path) -> float:
    return float(path.stem.removeprefix(f"{Trainer.title}-"))
