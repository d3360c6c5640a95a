"""The five numbers of a report."""

import pytest
import torch

from sqair_wm.reporting.numbers import UNKNOWN, duration, five_numbers, share
from sqair_wm.reporting.trust import bound_of, measured, shown, steps_within
from tests.conftest import random_scene, small

GAME = {"f_moving": 0.99, "recall_moving": 0.98, "precision_moving": 1.0, "idf1": 0.5, "decision_share": 0.56,
        "decision_share_low": 0.4, "decision_share_high": 0.71, "decision_share_24": 0.56, "wall_minutes": 28.3,
        "computing_minutes": 20.2, "iterations": 1399, "imagination_iterations": 1142}  # fmt: skip
ERRORS = {"position_error": {1: 0.5, 5: 1.5, 10: 3.5}, "position_error_still": {1: 4.0}, "position_error_velocity": {}}


def values(metrics, trust=None, plays=True):
    return {number.title: (number.value.replace("\N{NO-BREAK SPACE}", " "), number.sentence)
            for number in five_numbers(metrics, trust, plays)}  # fmt: skip


def test_a_measured_game_says_all_five():
    found = values(GAME, measured(ERRORS, (3.0, 4.0), True))
    assert [value for value, _ in found.values()] == ["99.0 %", "50 %", "56 %", "7", "28 min"]
    assert "after 24 steps" in found["Decisions"][1] and "game has them" in found["Imagined steps to trust"][1]
    assert "2.5 pixels" in found["Imagined steps to trust"][1] and "no motion 0" in found["Imagined steps to trust"][1]
    assert "20 min" in found["Time"][1] and "1,399 steps of object training and 1,142" in found["Time"][1]


def test_what_is_not_measured_yet_is_said_with_the_command_that_does():
    found = values({"objects_per_frame": 2.72, "identity_survival_8": 0.9, "rewards_seen": 9.0, "reward_recall": 0.5})
    assert found["Objects found"][0] == "2.7 a frame" and "sqair_wm.evaluate" in found["Objects found"][1]
    assert found["Identities kept"][0] == "90 %" and found["Decisions"][0] == UNKNOWN
    assert "sqair_wm.evaluate" in found["Decisions"][1] and "50" in found["Decisions"][1]


def test_other_horizons_stand_in_where_nothing_could_be_chosen_at_the_main_one():
    states = {"decision_states_24": 0.0}
    assert "no difference" in values(states)["Decisions"][1]
    found = values(states | {"decision_share_48": 1.0, "decision_share_48_low": 0.9, "decision_share_48_high": 1.0})
    assert found["Decisions"][0] == "100 %" and "after 48 steps" in found["Decisions"][1]


def test_without_actions_objects_are_counted_or_at_least_explained():
    assert values({"counting_accuracy": 0.997, "mota": 0.95}, plays=False)["Counted right"][0] == "99.7 %"
    assert values({"unexplained_energy": 0.25, "objects_per_frame": 0.0}, plays=False)["Explained"][0] == "75 %"
    nothing = values({}, plays=False)
    assert {value for value, _ in nothing.values()} == {UNKNOWN}


def test_steps_are_counted_until_the_error_passes_the_bound():
    assert bound_of((3.0, 4.0)) == 2.5
    assert steps_within({1: 0.5, 5: 1.5, 10: 3.5}, 2.5) == "7"
    assert steps_within({1: 3.0}, 2.5) == "0" and steps_within({1: 0.1, 20: 2.4}, 2.5) == "20 or more"
    assert measured({}, (3.0, 4.0), True) is None


def test_without_figures_the_sequences_shown_are_compared():
    config = small()
    start = random_scene(config, 2, 2)
    moved = start.replace(where=start.where + 10.0)
    near = shown([start, start, start], [start, start], (24, 24), (5.0, 5.0))
    far = shown([start, start, moved], [start, start], (24, 24), (5.0, 5.0))
    assert near.steps == "2 or more" and far.steps == "1" and "sequences of this page" in far.where
    gone = start.replace(presence=torch.zeros_like(start.presence))
    assert shown([start, gone], [start], (24, 24), (5.0, 5.0)) is None


@pytest.mark.parametrize(("minutes", "said"), [(0.5, "30 s"), (28.3, "28 min"), (119, "119 min"), (180, "3.0 h")])
def test_times_are_readable(minutes, said):
    assert duration(minutes) == said


def test_shares_near_one_keep_a_decimal():
    said = [share(x).replace("\N{NO-BREAK SPACE}", " ") for x in (0.5, 0.997, 1.0, -0.04, float("nan"))]
    assert said == ["50 %", "99.7 %", "100 %", "-4 %", UNKNOWN]
