"""The error message of a training whose numbers are no longer finite: what is saved, and what may help."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqair_wm.training.schedule import Schedule


@contextmanager
def telling(schedule: Schedule, checkpoint: Path, saved: Callable[[], int | None]) -> Iterator[None]:
    """A context in which a FloatingPointError of a training also says what is saved and what to do.

    Args:
        schedule: of the training.
        checkpoint: its file.
        saved: gives the iteration whose weights are in it; None if there is none.

    Raises:
        FloatingPointError: with the original message and this advice.
    """
    try:
        yield
    except FloatingPointError as error:
        rate, last = f"a smaller {schedule.group}.learning_rate than {schedule.learning_rate:g} may help", saved()
        if last is None and schedule.group == "training":
            raise FloatingPointError(f"{error}; nothing had been saved. The same command with {rate}") from error
        left = (
            "nothing of it had been saved" if last is None else f"the weights of iteration {last} are in {checkpoint}"
        )
        raise FloatingPointError(f"{error}; {left}. Another run (name=...) with {rate}") from error
