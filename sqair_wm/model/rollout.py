"""The loop of a rollout; no other module loops imagined steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

Said = TypeVar("Said")


class RolloutStep(NamedTuple):
    """One step of a rollout: the scenes `before` and `after` it, and the second value that `step` returned (`said`)."""

    before: Any
    after: Any
    said: Any


def roll_out(
    start: Any,
    length: int,
    step: Callable[[int, Any], tuple[Any, Said]],
    correct: Callable[[int, Any], Any] | None = None,
) -> Iterator[RolloutStep]:
    """Take `length` steps, each from the result of the last one.

    Args:
        start: scenes, such as `Slots`.
        length: number of steps.
        step: given the number of the step, from 0 on, and the scenes before it: the scenes after it, and anything else.
        correct: given the number of a step and the scenes after it, what the next step starts from instead.
    """
    before = start
    for number in range(length):
        after, said = step(number, before)
        yield RolloutStep(before, after, said)
        before = after if correct is None else correct(number, after)
