"""Errors of imagined positions, on paths for which they are known."""

import math

import pytest
import torch

from sqair_wm.evaluation.games.futures import HORIZONS, choose, count_fates, forecast, gather
from sqair_wm.evaluation.games.held_out import observe_play, rows_of
from sqair_wm.evaluation.games.world import world_metrics
from sqair_wm.nn.where import to_where
from tests.evaluation.games.straight import EPISODE, SIZE, Foreseer, Paths

SPEED = (1.5, -0.5)


def line(t):
    return 10 + SPEED[0] * t, 190 + SPEED[1] * t, True


def parabola(t):
    return 5 + 0.05 * t * t, 100.0, True


@pytest.mark.parametrize("horizon", HORIZONS)
def test_errors_of_a_straight_path_are_known(horizon):
    paths = Paths(line)
    metrics = world_metrics(Foreseer(speed=0), paths, paths.truth())
    far = horizon * math.hypot(*SPEED)
    assert metrics[f"position_error_{horizon}"] == pytest.approx(far, abs=1e-3)
    assert metrics[f"position_error_still_{horizon}"] == metrics[f"position_error_{horizon}"]
    assert metrics[f"position_error_velocity_{horizon}"] == pytest.approx(0, abs=1e-3)
    assert metrics[f"position_error_still_median_{horizon}"] == pytest.approx(far, abs=1e-3)
    assert metrics[f"position_error_all_{horizon}"] == pytest.approx(far / 2, abs=1e-3)
    assert metrics[f"tracked_error_{horizon}"] == pytest.approx(far, abs=1e-3)
    assert metrics["against_truth"] == metrics["moving_matched"] == 1


@pytest.mark.parametrize(("speed", "baseline"), [(0, "still"), (1, "velocity")])
def test_a_model_that_does_what_a_baseline_does_has_its_errors(speed, baseline):
    paths = Paths(parabola)
    metrics = world_metrics(Foreseer(speed), paths, paths.truth())
    for h in HORIZONS:
        for name in ("position_error", "tracked_error"):
            assert metrics[f"{name}_{h}"] == pytest.approx(metrics[f"{name}_{baseline}_{h}"], abs=2e-3)
        # From t on: 0.05 ((t + h)^2 - t^2) minus h times the last displacement, 0.05 (2 t - 1).
        assert metrics[f"position_error_velocity_{h}"] == pytest.approx(0.05 * (h * h + h), abs=2e-3)


def test_without_truth_the_models_own_tracks_take_its_place():
    metrics = world_metrics(Foreseer(speed=0), Paths(parabola))
    assert metrics["against_truth"] == 0 and "moving_matched" not in metrics
    assert metrics["position_error_10"] == metrics["tracked_error_10"] > 5
    assert not any(name.startswith("position_error_all") for name in metrics)


def test_what_is_gone_is_not_counted_and_a_kept_one_is_invented():
    paths = Paths(lambda t: (*line(t)[:2], t < 40))
    metrics = world_metrics(Foreseer(speed=1), paths, paths.truth())
    starts = [t for t in range(9, EPISODE - 20, 5)]
    for h in HORIZONS:
        assert metrics[f"position_error_objects_{h}"] == 2 * sum(t + h < 40 for t in starts)
        gone = sum(t + h >= 40 for t in starts)
        assert metrics[f"invented_{h}"] == pytest.approx(gone / (2 * len(starts)))
        assert metrics[f"lost_{h}"] == 0


def test_lost_and_invented_objects_are_counted():
    metrics = world_metrics(Foreseer(speed=1, drop_after=3, invent_after=6), Paths(line))
    assert [metrics[f"lost_{h}"] for h in HORIZONS] == [0, 0, 0.5, 0.5, 0.5]
    assert [metrics[f"invented_{h}"] for h in HORIZONS] == [0, 0, 0, 0.5, 0.5]


@pytest.mark.parametrize(("place", "invented"), [((100.0, 100.0), 0), ((150.0, 100.0), 1)])
def test_a_discovery_is_not_invented_if_something_new_is_there(place, invented):
    def scene(*objects):
        slots = Foreseer(speed=1).initial(1).replace(last_identity=torch.tensor([0]))
        centre = (torch.tensor([[p for _, p in objects]]) - 0.5) * 2 / (SIZE - 1) - 1
        n = len(objects)
        slots.where[:, :n], slots.presence[:, :n] = to_where(torch.full((1, n, 2), 0.04), centre), 1
        slots.identity[:, :n] = torch.tensor([i for i, _ in objects])
        return slots

    known = (0, (20.0, 20.0))
    imagined, seen = scene(known, (1, (102.0, 99.0))), scene((2, place), known)
    assert count_fates(scene(known), imagined, seen, (SIZE, SIZE)).tolist() == [[0, 1, invented, 2]]


def test_an_object_that_imagination_lets_go_stays_where_it_was():
    model, paths = Foreseer(speed=1, drop_after=1), Paths(line)
    play = rows_of(paths.episodes)
    starts = gather(choose(play), play, observe_play(model, paths, play))
    futures = list(model.imagined(starts.slots, torch.zeros(20, len(starts.index), dtype=torch.int64)))
    paths_ahead = forecast(starts.slots, futures, (SIZE, SIZE))
    assert torch.allclose(paths_ahead[:, 0, :, 1], paths_ahead[:, 1, :, 1])


def test_the_constant_velocity_stays_in_the_frame():
    model, paths = Foreseer(speed=1), Paths(lambda t: (3.0 * t + 5, 100.0, True))
    play = rows_of(paths.episodes)
    starts = gather(choose(play), play, observe_play(model, paths, play))
    ahead = forecast(starts.slots, [starts.slots] * 60, (SIZE, SIZE))
    assert ahead[:, 2].max() == SIZE and ahead[:, 2, -1, 0, 0].min() == SIZE


def test_image_errors_are_shares_of_the_foreground():
    metrics = world_metrics(Foreseer(speed=1), Paths(line))
    assert all(metrics[f"image_error{b}_{h}"] == 0.25 for b in ("", "_still", "_velocity") for h in HORIZONS)


def test_starts_are_spread_and_have_frames_on_both_sides():
    play = rows_of(Paths(line, episodes=9).episodes)
    chosen = choose(play, most=20)
    assert len(chosen) == 20 and set(chosen[:, 1]) == set(range(9))
    assert chosen[:, 0].min() >= 9 and chosen[:, 0].max() <= EPISODE - 21


def test_figures_without_data_are_left_out():
    paths = Paths(lambda t: (0.0, 0.0, False))
    metrics = world_metrics(Foreseer(speed=1), paths, paths.truth())
    assert not any(name.startswith(("position_error_5", "tracked_error")) for name in metrics)
    assert metrics["position_error_all_5"] == pytest.approx(0, abs=1e-3)
    assert all(math.isfinite(value) for value in metrics.values())


def test_a_short_recording_gives_no_rollouts():
    paths = Paths(line, episodes=1)
    paths.episodes = paths.episodes[:25]
    metrics = world_metrics(Foreseer(speed=1), paths)
    assert "starts" not in metrics and "reward_ece" in metrics
