"""Pauses: the time between the moment that costs a life and the moment at which the game counts it as lost.

In MsPacman everything stops when a ghost catches the player, and the number of lives falls 19 steps later. What happens
in between can't be changed by any action, so the ending that models learn is the beginning of the pause.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sqair_wm.model.slots import Slots

STILL = 0.1
"""Objects that move by less than this in a step stand still, in object sizes."""

ENOUGH, AROUND, LESS = 2, 2, 0.5
"""More moving objects than `ENOUGH` count as so many; it is quiet where the mean over a frame and the `AROUND` frames
before and after it is less than `LESS` times the mean over all frames."""

GAP = 3
"""It is quiet between two quiet frames that are at most this far before and after: where objects vanish in a pause,
others are taken for them and seem to move."""

LONGEST = 40
"""Frames of a pause that the mean over neighbouring frames finds at most."""

EDGE = 4
"""The mean over neighbouring frames finds a pause so many frames late at most."""


def moving(before: Slots, after: Slots, unit: float) -> Tensor:
    """How many objects move in a step, `[B]`: those that are seen before and after it, at another place.

    Args:
        before: the scenes before the step, `[B, N, ...]`.
        after: those after it; an object may be in another row.
        unit: size of a typical object, in units of half a frame.
    """
    there, here = ((s.presence > 0) & (s.unseen == 0) for s in (before, after))
    same = (before.identity[:, :, None] == after.identity[:, None]) & there[:, :, None] & here[:, None]
    went = (after.window[1][:, None] - before.window[1][:, :, None]).norm(dim=-1)
    return (same & (went > STILL * unit)).flatten(1).sum(1)


def pauses(moved: Tensor, part: Tensor, over: Tensor, rewards: Tensor) -> Tensor:
    """Frames in which the game or a life is over: those of `over`, and those of the pause before each, `[F]` bool.

    A pause begins with the last frame in which something moved: what happened with it is what costs the life.

    Args:
        moved: `[F]`, how many objects moved with each frame, see `moving`.
        part: `[F]` int64; frames with the same number follow one another.
        over: `[F]` bool, whether the game ended, or a life was counted as lost, with each frame.
        rewards: `[F]`; a pause begins after the last reward.
    """
    counted = moved.clamp(max=ENOUGH).double()
    still, nothing = counted < LESS * counted.mean(), rewards == 0
    quiet = _around(counted, part) < LESS * counted.mean()
    quiet = nearby(quiet, -GAP, 0) & nearby(quiet, 0, GAP) & nothing
    paused = _grown(over, quiet, part, LONGEST)
    paused = paused | _grown(paused & ~over, still & nothing, part, EDGE)
    return paused | _grown(paused & ~over, nothing, part, 1)


def _grown(paused: Tensor, more: Tensor, part: Tensor, most: int) -> Tensor:
    """The frames that are `paused`, and at most `most` right before each stretch of them in which there are `more`;
    all `[F]`."""
    follows = torch.zeros_like(paused)
    for _ in range(most):
        follows[:-1] = paused[1:] & (part[1:] == part[:-1])
        paused = paused | (follows & more)
    return paused


def ended(states: Slots, part: Tensor, over: Tensor, rewards: Tensor, unit: float) -> Tensor:
    """`pauses` of `F` frames of play whose scenes are `states`."""
    if not over.any():
        return over
    moved = moving(states.map(lambda x: x[:-1]), states.map(lambda x: x[1:]), unit) * (part[1:] == part[:-1])
    return pauses(torch.cat([moved.new_zeros(1), moved]), part, over, rewards)


def beginnings(over: Tensor, part: Tensor) -> Tensor:
    """The frames of `over` `[F]` bool before which it was not over, `[F]` bool; `part` as for `pauses`."""
    return over & ~(_shifted(over, -1) & (_shifted(part, -1, -1) == part))


def nearby(happens: Tensor, first: int, last: int) -> Tensor:
    """Where something `happens` `[F]` bool `first` to `last` frames later, `[F]` bool; negative numbers are earlier."""
    return torch.stack([_shifted(happens, k) for k in range(first, last + 1)]).any(0)


def _around(values: Tensor, part: Tensor) -> Tensor:
    """The mean of `values` `[F]` over the frames around each that belong to the same part."""
    shifts = range(-AROUND, AROUND + 1)
    same = torch.stack([_shifted(part, k, -1) == part for k in shifts])
    others = torch.stack([_shifted(values, k) for k in shifts])
    return torch.where(same, others, 0).sum(0) / same.sum(0)


def _shifted(values: Tensor, by: int, fill: float = 0) -> Tensor:
    """The value `by` frames later for each of `F` frames; `fill` where there is none."""
    shifted = torch.full_like(values, fill)
    kept = max(len(values) - abs(by), 0)
    shifted[max(-by, 0) :][:kept] = values[max(by, 0) :][:kept]
    return shifted
