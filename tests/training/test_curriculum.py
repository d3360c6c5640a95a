import pytest

from sqair_wm.training.curriculum import TrainingConfig


def test_lengths_grow_at_their_iterations():
    config = TrainingConfig(lengths=[[0, 1], [10, 3]])
    assert [config.length(i) for i in (0, 9, 10, 999)] == [1, 1, 3, 3] and config.longest == 3


def test_every_other_step_may_be_brief_with_as_many_frames_in_all():
    config = TrainingConfig(batch=6, lengths=[[0, 1], [10, 2], [20, 8]], brief=3)
    assert [config.length(i) for i in (0, 1, 10, 11, 20, 21)] == [1, 1, 2, 2, 8, 3]
    assert [config.sequences(i) for i in (0, 1, 10, 11, 20, 21)] == [6, 6, 6, 6, 6, 16]
    assert {TrainingConfig(lengths=[[0, 5]]).length(i) for i in (0, 1)} == {5}


def test_annealing_ends_at_the_bound():
    config = TrainingConfig(warm_up=10, kl_start=0.5, keep=[5, 9], presence_margin=0.1)
    start, late = config.annealing(0), config.annealing(40)
    assert (start.kl_weight, start.presence_margin, start.discovery_dropout, start.keep) == (0.5, 0.1, 0.5, 1.0)
    assert config.annealing(7).keep == 0.5
    assert (late.kl_weight, late.presence_margin, late.discovery_dropout, late.keep) == (1.0, 0.0, 0.0, 0.0)


def test_the_learning_rate_falls_by_share_of_the_iterations():
    config = TrainingConfig(iterations=100, learning_rate=1.0, decay=[[0.2, 0.5], [0.5, 0.1]])
    assert [config.rate(i) for i in (0, 19, 20, 49, 50, 99)] == [1, 1, 0.5, 0.5, 0.1, 0.1]


def test_the_schedule_runs_ahead_where_the_minutes_are_too_short_for_its_iterations():
    config = TrainingConfig(iterations=100, minutes=10)
    assert [config.lead(10, minutes) for minutes in (0, 1, 2, 5, 10)] == [0, 0, 10, 40, 90]
    assert config.lead(60, 1) == 0, "a fast machine keeps to the iterations"
    assert TrainingConfig(iterations=100, minutes=0).lead(1, 1e6) == 0, "without minutes only the iterations count"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimator": "nvil"}, "choose vimco or released"),
        ({"optimizer": "sgd"}, "choose adam or rmsprop"),
        ({"particles": 1}, "at least 2"),
        ({"iterations": 0}, "at least 1"),
        ({"brief": -1}, "frames"),
        ({"rehearsal": -1}, "number of objects"),
        ({"lengths": [[5, 1]]}, "must start at iteration 0"),
    ],
)
def test_settings_that_cannot_work_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**changes)
