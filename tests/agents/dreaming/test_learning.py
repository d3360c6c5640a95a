"""How the world model goes on learning while agents play."""

import pytest

from sqair_wm.agents.dreaming.learning import InRounds


def test_the_learning_rate_falls_in_every_round_and_begins_anew():
    rounds = InRounds(iterations=10**9, minutes=0.0, learning_rate=1.0, decay=[], cycle=10)
    assert [rounds.rate(n) for n in (0, 5, 9, 10, 19, 1_000_005)] == pytest.approx([1, 0.55, 0.19, 1, 0.19, 0.55])
