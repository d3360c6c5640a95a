"""Learning that diverges is told as such, before its round is saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from sqair_wm.common.finite import broken_weights

INVALID = "found invalid values"
"""What distributions of PyTorch say of parameters that are not finite."""


def check_weights(module: nn.Module, what: str, setting: str) -> None:
    """Raise FloatingPointError unless all weights are finite.

    Args:
        module: that has learned.
        what: its name, for the message.
        setting: its learning rate, for the message.
    """
    if broken_weights(module):
        raise FloatingPointError(_advice(what, setting))


@contextmanager
def told_if_diverged(what: str, setting: str) -> Iterator[None]:
    """A context in which numbers that are not finite raise the error of `check_weights`."""
    try:
        yield
    except ValueError as error:
        if INVALID not in str(error):
            raise
        raise FloatingPointError(_advice(what, setting)) from error


def _advice(what: str, setting: str) -> str:
    return (
        f"{what} diverged: numbers are not finite. The run still holds its last whole round, if there is one; choose a "
        f"smaller {setting} and another name=..."
    )
