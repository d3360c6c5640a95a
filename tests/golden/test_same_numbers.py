"""Regression test of numbers: losses, weights, observations and imagined steps stay the same to the bit.

`numbers.json` was recorded on one CPU thread of the kind of machine that it names; digits and the film are those of the
code of 0.1.0, as far as another machine can tell. Other kinds of processors round sums differently; there, the first
losses and the sizes of what is seen have to agree to three digits, and of what is imagined to two. If you change
numbers on purpose, record them again: `python -m tests.golden.record`.
"""

import json
from pathlib import Path

import pytest

from tests.golden.commands import CASES
from tests.golden.machine import fingerprint
from tests.golden.play import imagined, observed

NUMBERS = json.loads((Path(__file__).parent / "numbers.json").read_text())
GAMES = ("Pong", "Freeway", "MsPacman")
ROUGHLY = {"training_loss": 1e-3, "imagination_loss": 1e-3, "observed_sum": 1e-3, "imagined_sum": 1e-2}
"""By how much numbers may differ on another machine; imagination begins after play, in which differences add up."""


def compare(name, found):
    expected = NUMBERS["numbers"][name]
    if fingerprint() in NUMBERS["machines"]:
        assert found == expected
    for key in set(ROUGHLY) & set(expected):
        assert found[key] == pytest.approx(expected[key], rel=ROUGHLY[key]), key


@pytest.mark.parametrize("name", CASES)
def test_forty_iterations_are_those_of_before(name, golden):
    compare(name, golden(name).found)


@pytest.mark.parametrize("game", GAMES)
def test_committed_models_see_and_imagine_what_they_did(game):
    compare(f"play_{game}", observed(game) | imagined(game))
