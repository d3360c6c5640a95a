import numpy as np
import pytest

from sqair_wm.evaluation.games.outcomes import Steps, calibration_error, detection, endings_found, outcome_metrics
from sqair_wm.evaluation.games.world import world_metrics
from tests.evaluation.games.straight import ENDING, EPISODE, REWARDED, Foreseer, Paths


def test_precision_recall_and_f1_of_known_numbers():
    said = np.array([1, 1, 1, 0, 0, 0], bool)
    true = np.array([1, 0, 0, 1, 1, 0], bool)
    figures = detection("reward", said, true)
    assert figures == pytest.approx({"reward_precision": 1 / 3, "reward_recall": 1 / 3, "reward_f1": 1 / 3})


@pytest.mark.parametrize(("said", "true", "f1"), [([0, 0], [1, 0], 0), ([1, 0], [0, 0], 0), ([1, 0], [1, 0], 1)])
def test_f1_at_the_edges(said, true, f1):
    assert detection("x", np.array(said, bool), np.array(true, bool))["x_f1"] == f1


def test_what_neither_happens_nor_is_predicted_has_no_figures():
    assert detection("x", np.zeros(3, bool), np.zeros(3, bool)) == {}


def test_calibration_error_of_known_numbers():
    # Bins [0.2, 0.3) with 0.2, 0.2 (one happens) and [0.9, 1] with 0.9, 1.0 (both happen): (2 * 0.3 + 2 * 0.05) / 4.
    probability, happened = np.array([0.2, 0.2, 0.9, 1.0]), np.array([True, False, True, True])
    assert calibration_error(probability, happened) == pytest.approx(0.175)


def test_a_calibrated_prediction_has_no_calibration_error():
    assert calibration_error(np.full(10, 0.3), np.arange(10) < 3) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.3), np.arange(10) < 8) == pytest.approx(0.5)


def play():
    """Two episodes: four rewards, of which three are foreseen beside one false alarm; both endings are foreseen."""
    paths = Paths(lambda t: (5 + 0.0008 * t**3, 100.0, True))
    paths.rewards[[3, 20, 70, 100]] = [1, -1, 5, 1]
    paths.actions[[3, 20, 70, 90]] = REWARDED
    paths.ends[[EPISODE - 1, 2 * EPISODE - 1]] = True
    paths.actions[[EPISODE - 1, 2 * EPISODE - 1]] = ENDING
    return paths


def test_figures_of_known_play():
    metrics = world_metrics(Foreseer(speed=1), play())
    assert metrics["rewards_seen"] == 4 and metrics["endings_seen"] == 2
    for suffix in ("", "_imagined"):
        assert [metrics[f"reward_{f}{suffix}"] for f in ("precision", "recall", "f1")] == [0.75] * 3
        assert metrics[f"ending_f1{suffix}"] == 1 and metrics[f"ending_ece{suffix}"] == 0
        # 118 steps: 4 with 0.9 of which 3 bring a reward, 114 with 0.2 of which 1 does.
        assert metrics[f"reward_ece{suffix}"] == pytest.approx((4 * 0.15 + 114 * (0.2 - 1 / 114)) / 118, abs=1e-6)


def test_every_step_of_a_long_episode_counts_once():
    paths = Paths(lambda t: (50.0, 50.0, True), episodes=1, length=150)
    paths.rewards[:] = 1
    assert world_metrics(Foreseer(speed=1), paths)["rewards_seen"] == 149


def test_uncertainty_that_rises_with_the_error_correlates():
    # Both grow with time: velocity lags ever further behind the cube of time.
    assert world_metrics(Foreseer(speed=1), play())["uncertainty_correlation"] > 0.99


def test_undefined_correlation_is_left_out():
    half, none = np.full(4, 0.5), np.zeros(4, bool)
    steps = Steps(np.arange(4), none, none, none, half, half, half, half, half, np.array([1.0, 2, np.nan, 3]))
    assert "uncertainty_correlation" not in outcome_metrics(steps)


def test_a_model_without_heads_has_no_outcomes():
    model = Foreseer(speed=1)
    object.__setattr__(model.config, "actions", 0)
    assert not any(name.startswith(("reward", "ending")) for name in world_metrics(model, play()))


def endings(predicted, ended, late=()):
    """Precision, recall and F1 of endings; the arguments are numbers of steps, of 30."""
    said, true, after = (np.isin(np.arange(30), steps) for steps in (predicted, ended, late))
    half = np.full(30, 0.5)
    found = endings_found("x", said, Steps(np.arange(30), true, true, after, *([half] * 6)))
    return found and tuple(found[f"x_{name}"] for name in ("precision", "recall", "f1"))


def test_endings_may_be_predicted_two_steps_early_or_late():
    assert endings([8, 22], [10, 20], late=[21, 22]) == (1, 1, 1)
    assert endings([7, 20], [10, 20]) == (0.5, 0.5, 0.5)


def test_what_is_predicted_after_an_ending_does_not_count():
    assert endings([10, 11, 14, 15], [10], late=range(11, 20)) == (1, 1, 1)
    assert endings([15], [10], late=range(11, 20)) == (0, 0, 0)


def test_predictions_that_follow_one_another_are_one():
    assert endings([10, 11, 12, 14, 20, 21, 22, 23], [10]) == (0.5, 1, pytest.approx(2 / 3))


def test_without_any_ending_there_are_no_figures_of_it():
    assert endings([], []) == {}
    assert endings([3], []) == (0, 0, 0)
