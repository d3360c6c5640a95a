"""Rewards and endings called some steps ahead: known events, and probabilities that tell them or do not."""

import numpy as np
import pytest

from sqair_wm.evaluation.games.called import AHEAD, LENGTH, Calls, call_metrics
from sqair_wm.evaluation.games.outcomes import Steps
from sqair_wm.evaluation.games.world import world_metrics
from tests.evaluation.games.straight import ENDING, EPISODE, REWARDED, Foreseer, Paths

FRAMES = 60


def happened(rewarded=(), ended=(), late=()):
    """Steps to the frames 0 to 59, with events at these numbers."""
    marks = np.zeros((3, FRAMES), bool)
    for row, numbers in zip(marks, (rewarded, ended, late), strict=True):
        row[list(numbers)] = True
    nothing = np.zeros(FRAMES)
    return Steps(np.arange(FRAMES), *marks, *([nothing] * 6))


def calls(chance):
    """From every frame that has enough frames after it: the probability `chance(frame)` for the step to each frame."""
    number = np.arange(FRAMES - LENGTH)
    said = np.array([[chance(n + k) for k in range(1, LENGTH + 1)] for n in number])
    return Calls(number, said, said)


def test_events_that_are_called_where_they_come_are_told_from_none():
    found = call_metrics(calls(lambda frame: 0.8 if frame in (20, 40) else 0.1), happened(rewarded=[20, 40]))
    for steps in AHEAD:
        others = 1 - 0.9 ** (2 if steps == 1 else 3)  # the steps within the tolerance
        assert found[f"reward_called_{steps}"] == pytest.approx(1 - 0.2 * (1 - others) / 0.9)
        assert found[f"reward_called_elsewhere_{steps}"] == pytest.approx(others)
        assert found[f"reward_called_auc_{steps}"] == 1
    assert not any(name.startswith("ending") for name in found)


def test_a_call_may_be_one_step_late_and_not_two():
    for late, right in ((1, 1), (2, 0.5)):
        found = call_metrics(calls(lambda frame, late=late: float(frame == 30 + late)), happened(rewarded=[30]))
        assert found["reward_called_4"] == (late == 1)
        assert found["reward_called_auc_4"] == pytest.approx(right, abs=0.05)


def test_an_event_that_is_always_expected_alike_is_not_told():
    found = call_metrics(calls(lambda frame: 0.3), happened(ended=[30]))
    assert [found[f"ending_called_auc_{steps}"] for steps in AHEAD] == [0.5] * 3


def test_what_is_over_already_is_not_called_again():
    over = happened(ended=[30], late=range(31, 40))
    found = call_metrics(calls(lambda frame: float(31 <= frame < 40)), over)
    assert found["ending_called_8"] == 1 and found["ending_called_elsewhere_8"] == 0, "as from 39 on all goes on again"


def test_imagination_calls_what_its_actions_bring():
    paths = Paths(lambda t: (50.0, 50.0, True))
    for episode in range(2):
        for t in (20, 35, 50):
            paths.rewards[episode * EPISODE + t], paths.actions[episode * EPISODE + t] = 1, REWARDED
    paths.ends[[EPISODE - 1, 2 * EPISODE - 1]], paths.actions[[EPISODE - 1, 2 * EPISODE - 1]] = True, ENDING
    found = world_metrics(Foreseer(speed=0), paths)
    # With the right action 0.9, in each other step within the tolerance 0.2.
    assert found["reward_called_4"] == pytest.approx(1 - 0.1 * 0.8**2)
    assert found["reward_called_elsewhere_4"] == pytest.approx(1 - 0.8**3) and found["reward_called_auc_4"] == 1
