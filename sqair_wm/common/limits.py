"""The limits of settings: one check for all of them, wherever their values come from.

A dataclass of settings gives the limits of its numbers in `LIMITS`, each as (least, most), None for no limit on that
side. In lists every number is checked. No number may be infinite or NaN.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

Limits = Mapping[str, tuple[float | None, float | None]]

TYPES: dict[str, type] = {"int": numbers.Integral, "float": numbers.Real, "bool": bool, "str": str}
"""The type that a field must have by its annotation; other annotations are not checked."""

LARGEST = 1e12
"""No number of a setting may be larger; small enough for all computations with settings."""


def limits_of(kind: type) -> Limits:
    """The limits of a class of settings, including those of its base classes."""
    found: dict[str, tuple[float | None, float | None]] = {}
    for base in reversed(kind.__mro__):
        found |= base.__dict__.get("LIMITS", {})
    return found


def check_limits(kind: type, values: Mapping[str, Any], group: str = "") -> None:
    """Raise ValueError for the first value that is out of the limits of its setting.

    Args:
        kind: class of the settings.
        values: by name; values that are not numbers are not checked.
        group: of the settings, for the message.
    """
    limits = limits_of(kind)
    for name, value in values.items():
        full = f"{group}.{name}" if group else name
        for number in _numbers(value):
            _check(full, value, number, *limits.get(name, (None, None)))


def check_settings(settings: Any, group: str = "") -> None:
    """Raise ValueError if a value in an object of settings has the wrong type or is out of its limits.

    It is needed for values from a file; Hydra checks the types of those from a command line.
    """
    for field in fields(settings):
        value, full = getattr(settings, field.name), f"{group}.{field.name}" if group else field.name
        wanted = TYPES.get(str(field.type))
        odd = isinstance(value, bool) and wanted is not bool
        if wanted and (odd or not isinstance(value, wanted)):
            raise ValueError(f"{full} is {value!r}: it has to be of type {field.type}")
    check_limits(type(settings), vars(settings), group)


def paired(*schedules: Sequence[Sequence[float]]) -> bool:
    """Whether all of these are lists of pairs of numbers."""
    return all(len(pair) == 2 for schedule in schedules for pair in schedule)


def _check(name: str, value: Any, number: float, least: float | None, most: float | None) -> None:
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value}: it takes finite numbers")
    if least is not None and most is not None and not least <= number <= most:
        raise ValueError(f"{name} is {value}: it has to lie between {least:g} and {most:g}")
    if least is not None and number < least:
        raise ValueError(f"{name} is {value}: it has to be at least {least:g}")
    if most is not None and number > most:
        raise ValueError(f"{name} is {value}: it can be at most {most:g}")
    if abs(number) > LARGEST:
        raise ValueError(f"{name} is {value}: no number of a setting is as large as that")


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, bool):
        return
    if isinstance(value, numbers.Real):
        yield float(value)
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        for part in value:
            yield from _numbers(part)
