"""The quality of choices between action sequences by their predicted returns; see `Foresight`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

DRAWS = 2000
"""Bootstrap resamplings of the states, for the confidence interval of a share."""


class Choice(NamedTuple):
    """Returns of `C` sequences of actions from one state, `[H, C]` at each horizon: true and foreseen."""

    truth: np.ndarray
    guess: np.ndarray


@dataclass(frozen=True)
class Decisions:
    """The choices in some states.

    Attributes:
        choices: of all states, including those in which all true returns are equal.
        horizons: the steps after which returns are compared.
        main: the horizon whose figures have no number in their names.
    """

    choices: Sequence[Choice]
    horizons: tuple[int, ...]
    main: int

    def figures(self, suffix: str = "") -> dict[str, float]:
        """For each horizon N: `decision_share_N`, `..._low`, `..._high`, and `decision_correlation_N`, `..._amount_N`
        and `..._states_N`.

        The share is the gain of choosing by foresight divided by the gain of the best choice. A gain is a true return
        less the mean of all sequences, summed over the states: a share of 0 is choosing at random, 1 is perfect. `low`
        and `high` are the limits of its 95 % confidence interval, from `DRAWS` resamplings of the states. The
        correlation of true and foreseen returns is a mean over states. The amount is the sum of the absolute values of
        all foreseen returns, divided by that of the true ones: above 1, some rewards are foreseen that do not come, or
        come once and are foreseen several times. A state in which all sequences have the same true return does not
        count; if no state counts, there is only `decision_states_N`. Names without a number are those of the main
        horizon.

        Args:
            suffix: appended to all names.
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
        "decision_amount{}": float(sum(np.abs(c.guess).sum() for c in rows) / sum(np.abs(c.truth).sum() for c in rows)),
    }


def chosen(choice: Choice) -> float:
    """The true return of the sequence with the largest foreseen return, from returns `[C]`; the mean if several tie."""
    return float(choice.truth[choice.guess == choice.guess.max()].mean())


def correlation(choice: Choice) -> float:
    """The correlation of true and foreseen returns `[C]`; 0 if all foreseen returns are equal."""
    return float(np.corrcoef(*choice)[0, 1]) if choice.guess.std() > 1e-9 else 0.0
