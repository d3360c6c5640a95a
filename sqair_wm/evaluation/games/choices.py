"""How good choices are that foresight makes: figures of true and foreseen returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

DRAWS = 2000
"""Resamplings of the states, for the limits of a share."""


class Choice(NamedTuple):
    """A state in which something can be chosen: returns `[H, C]` at each horizon, true and foreseen."""

    truth: np.ndarray
    guess: np.ndarray


@dataclass(frozen=True)
class Decisions:
    """What was found in some states.

    Attributes:
        choices: the states, also those in which nothing can be chosen.
        horizons: the steps after which returns are compared; main: the one that stands for all.
    """

    choices: Sequence[Choice]
    horizons: tuple[int, ...]
    main: int

    def figures(self, suffix: str = "") -> dict[str, float]:
        """For each horizon N: `decision_share_N`, `..._low`, `..._high`, `decision_correlation_N`, `decision_states_N`.

        The share is what choosing by foresight gains, of what choosing best gains, both beyond the mean of the
        sequences, over all states: 0 is choosing blindly, 1 is perfect. `low` and `high` are its limits, 95 % of
        `DRAWS` resamplings of the states. The correlation of true and foreseen returns is a mean over states. A state
        in which all sequences have the same true return does not count; where none counts, only `decision_states_N`
        is there. Names without a number are those of the main horizon.

        Args:
            suffix: of all names.
        """
        figures: dict[str, float] = {}
        for h, steps in enumerate(self.horizons):
            rows = [c for c in self.choices if np.ptp(c.truth[h]) > 0]
            figures[f"decision_states_{steps}{suffix}"] = float(len(rows))
            if not rows:
                continue
            found = _figures([Choice(c.truth[h], c.guess[h]) for c in rows])
            figures |= {name.format(f"_{steps}") + suffix: value for name, value in found.items()}
            if steps == self.main:
                figures = {name.format("") + suffix: value for name, value in found.items()} | figures
        return figures


def _figures(rows: list[Choice]) -> dict[str, float]:
    """The figures of one horizon, from returns `[C]` of states in which the true ones differ."""
    gain = np.array([chosen(c) - c.truth.mean() for c in rows])
    most = np.array([c.truth.max() - c.truth.mean() for c in rows])
    drawn = np.random.default_rng(0).integers(0, len(rows), (DRAWS, len(rows)))
    low, high = np.quantile(gain[drawn].sum(1) / most[drawn].sum(1), (0.025, 0.975))
    return {
        "decision_share{}": float(gain.sum() / most.sum()),
        "decision_share{}_low": float(low),
        "decision_share{}_high": float(high),
        "decision_correlation{}": float(np.mean([correlation(c) for c in rows])),
    }


def chosen(choice: Choice) -> float:
    """The true return of what foresight likes best, from returns `[C]`; of what it likes equally well, the mean."""
    return float(choice.truth[choice.guess == choice.guess.max()].mean())


def correlation(choice: Choice) -> float:
    """Of true and foreseen returns `[C]`; 0 if foresight sees no difference."""
    return float(np.corrcoef(*choice)[0, 1]) if choice.guess.std() > 1e-9 else 0.0
