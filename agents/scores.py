"""Statistics of scores: human-normalised scores, interquartile means, bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

RANDOM_AND_HUMAN: dict[str, tuple[float, float]] = {
    "Alien": (227.8, 7127.7),
    "Amidar": (5.8, 1719.5),
    "Assault": (222.4, 742.0),
    "Asterix": (210.0, 8503.3),
    "BankHeist": (14.2, 753.1),
    "BattleZone": (2360.0, 37187.5),
    "Boxing": (0.1, 12.1),
    "Breakout": (1.7, 30.5),
    "ChopperCommand": (811.0, 7387.8),
    "CrazyClimber": (10780.5, 35829.4),
    "DemonAttack": (152.1, 1971.0),
    "Freeway": (0.0, 29.6),
    "Frostbite": (65.2, 4334.7),
    "Gopher": (257.6, 2412.5),
    "Hero": (1027.0, 30826.4),
    "Jamesbond": (29.0, 302.8),
    "Kangaroo": (52.0, 3035.0),
    "Krull": (1598.0, 2665.5),
    "KungFuMaster": (258.5, 22736.3),
    "MsPacman": (307.3, 6951.6),
    "Pong": (-20.7, 14.6),
    "PrivateEye": (24.9, 69571.3),
    "Qbert": (163.9, 13455.0),
    "RoadRunner": (11.5, 7845.0),
    "Seaquest": (68.4, 42054.7),
    "UpNDown": (533.4, 11693.2),
}
"""Mean returns of a random player and of a human tester in the 26 games of Atari 100k (Wang et al. 2016, table 2, as
used in publications on Atari 100k)."""


def human_normalised(game: str, score: float) -> float | None:
    """A score with 0 for a random player and 1 for a human; None for games without reference scores."""
    if game not in RANDOM_AND_HUMAN:
        return None
    random, human = RANDOM_AND_HUMAN[game]
    return (score - random) / (human - random)


def interquartile_mean(values: np.ndarray) -> float:
    """Mean of the middle half of `values` `[N]` (Agarwal et al. 2021); values on its edges count in part."""
    ordered, share = np.sort(np.asarray(values, float)), len(values) / 4
    edges = np.arange(len(ordered) + 1)
    weight = np.clip(edges[1:], share, len(ordered) - share) - np.clip(edges[:-1], share, len(ordered) - share)
    return float((ordered * weight).sum() / weight.sum())


def interval(
    groups: Sequence[Sequence[float]],
    statistic: Callable[[np.ndarray], float] = lambda x: float(np.mean(x)),
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """A percentile bootstrap interval of `statistic` over all values.

    Each group is resampled by itself (stratified bootstrap, Agarwal et al. 2021), such as the games of each run.

    Args:
        groups: values, in groups that are resampled by themselves.
        statistic: of all values together, `[N]` to a number.
        draws: number of resamplings.
        level: confidence level.
        seed: of the resamplings.

    Returns:
        The ends of the interval.
    """
    random, parts = np.random.default_rng(seed), [np.asarray(g, float) for g in groups]
    found = [statistic(np.concatenate([random.choice(p, len(p)) for p in parts])) for _ in range(draws)]
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
