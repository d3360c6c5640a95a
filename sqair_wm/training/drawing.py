"""Which stretches of a recording are learned from: any, those with an event, those that are imagined wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

UNKNOWN, WORST, LEAST = 0.3, 2.0, 0.02
"""Errors of frames, in object sizes: of one that was never imagined; the largest that counts; what is added to each, so
that a frame that was imagined well is drawn again some time."""


class FrameErrors:
    """How far off each frame of some recordings was imagined when it was last learned from.

    A network needs to see a rare event many times, such as a ball that bounces. So stretches in which imagination was
    wrong are drawn more often (prioritized replay, Schaul et al. 2016; by a world model's error, Kauvar et al. 2023).

    Attributes:
        errors: by name of the recording, `[F]` in object sizes; recordings may grow at their end.
    """

    def __init__(self) -> None:
        self.errors: dict[str, Tensor] = {}

    def of(self, name: str, frames: int) -> Tensor:
        """The errors of the first `frames` frames of a recording, `[frames]`; `note` changes them."""
        known = self.errors.get(name, torch.zeros(0))
        if len(known) < frames:
            known = torch.cat([known, torch.full((frames - len(known),), UNKNOWN)])
            self.errors[name] = known
        return known[:frames]

    def note(self, name: str, frame: Tensor, error: Tensor) -> None:
        """Frames of a recording, int64, were imagined with an `error` of the same shape; it has to be known to `of`."""
        self.errors[name][frame] = error.clamp(max=WORST)

    def state_dict(self) -> dict[str, Tensor]:
        """What is needed to continue."""
        return self.errors

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state_dict` gave."""
        self.errors = {name: errors.clone() for name, errors in state.items()}


class Drawn(NamedTuple):
    """Which stretches were drawn: numbers of their first frames, and how much each counts, see `Play.weight`; `[B]`."""

    starts: Tensor
    weight: Tensor


@dataclass(frozen=True)
class Shares:
    """How stretches are drawn; the others are drawn at random.

    Attributes:
        eventful: share that is drawn from those with an event, if fewer than this share of all have one. Each kind of
            event is drawn in proportion to the square root of its number, so that rare ones are seen.
        wrong: share that is drawn in proportion to the sum of the errors of its frames.
    """

    eventful: float = 0.0
    wrong: float = 0.0


EVENLY = Shares()
"""All stretches are drawn at random."""


def draw(
    starts: Tensor,
    happens: Tensor | None,
    error: Tensor | None,
    shares: Shares,
    batch: int,
    generator: torch.Generator,
) -> Drawn:
    """Draw `batch` of `S` stretches.

    Args:
        starts: `[S]` int64, the first frame of each.
        happens: `[K, S]` bool, which kinds of events happen in each; None to draw none by events.
        error: `[S]`, the sum of the errors of its frames; None to draw none by errors.
        shares: see `Shares`.
        batch: number of stretches to draw.
        generator: of the random numbers.
    """
    chosen = torch.randint(len(starts), (batch,), generator=generator)
    density, others, first = torch.zeros(batch, dtype=torch.float64), 1.0, 0
    chances: list[tuple[float, Tensor]] = []
    if error is not None:
        first = round(batch * shares.wrong)
        chance = error.double() / error.double().sum()
        chosen[:first] = torch.multinomial(chance, first, replacement=True, generator=generator)
        chances.append((shares.wrong, chance))
    if happens is not None and 0 < int(happens.any(0).sum()) < shares.eventful * len(starts):
        last = first + round(batch * shares.eventful)
        kinds, chance = _kinds(happens)
        _draw_events(chosen[first:last], happens, kinds, generator)
        chances.append((shares.eventful, chance))
    for share, chance in chances:
        others -= share
        density += share * chance[chosen] * len(starts)
    return Drawn(starts[chosen], (1 / (others + density)).float())


def _kinds(happens: Tensor) -> tuple[Tensor, Tensor]:
    """The chance `[K]` of each kind of event, and that of each stretch `[S]` to be drawn for one of them."""
    numbers = happens.sum(1).double()
    kinds = numbers.sqrt() / numbers.sqrt().sum()
    return kinds, (kinds / numbers.clamp(min=1)) @ happens.double()


def _draw_events(chosen: Tensor, happens: Tensor, kinds: Tensor, generator: torch.Generator) -> None:
    """Fill `chosen` with numbers of stretches in which a kind of event happens that is drawn first."""
    drawn = torch.multinomial(kinds, len(chosen), replacement=True, generator=generator)
    for kind in drawn.unique().tolist():
        rows, lively = (drawn == kind).nonzero().squeeze(1), happens[kind].nonzero().squeeze(1)
        chosen[rows] = lively[torch.randint(len(lively), (len(rows),), generator=generator)]


def sums(values: Tensor, starts: Tensor, first: int, length: int) -> Tensor:
    """The sums of `values` `[..., F]` over the frames `first` to `length` of the stretches at `starts`, `[..., S]`."""
    so_far = F.pad(values.cumsum(-1), (1, 0))
    return so_far[..., starts + length] - so_far[..., starts + first]
