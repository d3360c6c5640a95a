"""Statistics of returns against numbers computed by hand."""

import numpy as np
import pytest

from sqair_wm.agents.scores import RANDOM_AND_HUMAN, human_normalised, interquartile_mean, interval


def test_a_random_player_has_zero_and_a_human_one():
    for game, (random, human) in RANDOM_AND_HUMAN.items():
        assert human_normalised(game, random) == 0 and human_normalised(game, human) == 1
    assert human_normalised("Pong", 14.6 + 35.3) == pytest.approx(2.0)
    assert human_normalised("Bouncing", 3.0) is None and len(RANDOM_AND_HUMAN) == 26


def test_the_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert interquartile_mean(np.array([100, 1, 2, 3, 4, 5, 6, -900])) == 3.5
    # A quarter of five values is 1.25 values: 2 and 4 count three quarters, 3 counts in full.
    assert interquartile_mean(np.array([9.0, 2, 3, 4, 0])) == pytest.approx((0.75 * 2 + 3 + 0.75 * 4) / 2.5)
    assert interquartile_mean(np.array([7.0])) == 7.0


def test_an_interval_holds_the_mean_as_often_as_it_says():
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        low, high = interval([random.normal(5, 2, 40).tolist()], draws=100)
        hits += low <= 5 <= high
    assert 0.85 <= hits / 100 <= 0.99


def test_values_are_drawn_from_their_own_group():
    assert interval([[1.0] * 5, [3.0] * 5]) == (2.0, 2.0)
    low, high = interval([[1.0, 3.0] * 5])
    assert low < 2 < high
