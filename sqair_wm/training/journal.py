"""Records of a training: a progress bar, TensorBoard, and statistics for the report."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

SHOWN = ("loss", "objects", "discovered", "frames_per_second")
OnRecord = Callable[[int, dict[str, float]], None]


class Journal:
    """Means of the statistics every few steps; the device is waited for only then.

    Args:
        folder: of the run; None writes and shows nothing (all processes but the first).
        iteration: at which training starts or continues.
        iterations: at which it ends.
        every: steps between records.
        on_record: called with the iteration and the means.
        title: of the progress bar and of the curves in TensorBoard.
    """

    def __init__(
        self,
        folder: Path | None,
        iteration: int,
        iterations: int,
        every: int,
        on_record: OnRecord | None,
        title: str = "training",
    ):
        self.every, self.iteration, self._on_record, self._title = every, iteration, on_record, title
        self._steps: list[dict[str, Tensor]] = []
        self._frames, self._since = 0, -1.0
        self._log = None if folder is None else SummaryWriter(str(folder / "tensorboard"), purge_step=iteration + 1)
        interval = 0.2 if sys.stderr.isatty() else 30.0
        self._bar = tqdm(
            total=iterations,
            initial=iteration,
            desc=title,
            unit="it",
            mininterval=interval,
            disable=folder is None,
        )

    def add(self, statistics: dict[str, Tensor], frames: int, seconds: float) -> bool:
        """Take in one step that ended after `seconds` of training; returns whether it completed a record.

        Raises:
            FloatingPointError: if a mean is not finite.
        """
        self.iteration += 1
        self._bar.update()
        self._steps.append(statistics)
        self._frames += frames
        if len(self._steps) < self.every:
            return False
        means = {name: float(torch.stack([s[name] for s in self._steps]).mean()) for name in statistics}
        if self._since >= 0:
            means["frames_per_second"] = self._frames / max(seconds - self._since, 1e-9)
        self._steps, self._frames, self._since = [], 0, seconds
        check_finite(means, self.iteration - 1)
        self._write(means)
        return True

    def check(self) -> None:
        """Raise FloatingPointError if a step since the last record was not finite; to be called before saving."""
        if self._steps:
            totals = {name: float(torch.stack([s[name] for s in self._steps]).sum()) for name in self._steps[0]}
            check_finite(totals, self.iteration - 1)

    def _write(self, means: dict[str, float]) -> None:
        if self._log is None:
            return
        for name, value in means.items():
            self._log.add_scalar(f"{self._title}/{name}", value, self.iteration)
        self._bar.set_postfix({name: f"{means[name]:.4g}" for name in SHOWN if name in means})
        if self._on_record:
            self._on_record(self.iteration, means)

    def close(self) -> None:
        """Close the progress bar and the log."""
        self._bar.close()
        if self._log is not None:
            self._log.close()


def check_finite(statistics: dict[str, float], iteration: int) -> None:
    """Raise FloatingPointError with the names of the terms that are not finite, if there are any."""
    bad = [name for name, value in statistics.items() if not abs(value) < float("inf")]
    if bad:
        raise FloatingPointError(f"iteration {iteration}: {', '.join(bad)} not finite")
