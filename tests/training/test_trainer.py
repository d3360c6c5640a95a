from functools import partial

import pytest
import torch
from safetensors.torch import load_model

from sqair_wm.common.frame import Frame
from sqair_wm.model.baselines import build
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.rehearsal import Rehearsal
from tests.conftest import CONV, PAPER, MovingSquares, no_data_from_host, small
from tests.training.trainers import losses, make, weights

GAME = dict(channels=4, scenery=3, actions=4, dynamics="interactive", size="steady", conditional_discovery=False)
few = partial(small, slots=2)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "rmsprop", "estimator": "released", "clip": 0.0}])
def test_the_same_seed_gives_identical_losses_and_another_does_not(tmp_path, settings):
    first = losses(make(tmp_path / "a", **settings))
    assert first == losses(make(tmp_path / "b", **settings))
    assert first != losses(make(tmp_path / "c", seed=1, **settings))


def test_a_gradient_out_of_nowhere_moves_weights_little(tmp_path):
    trainer = make(tmp_path / "calm")
    optimizer, (weight, *_) = trainer.optimizer, trainer.loss.parameters()
    rate = optimizer.param_groups[0]["lr"]
    for step in range(2200):
        weight.grad = torch.randn_like(weight) if step < 200 else torch.zeros_like(weight)
        if step == 2190:
            before = weight.detach().clone()
            weight.grad += 1
        optimizer.step()
    assert 0 < float((weight - before).detach().abs().max()) < 3 * rate


def test_where_minutes_are_short_the_whole_schedule_is_gone_through_in_fewer_iterations(tmp_path):
    settings = dict(iterations=200, minutes=0.02, lengths=[[0, 1], [100, 2]], decay=[[0.6, 0.5], [0.95, 0.1]])
    trainer = make(tmp_path / "short", **settings)
    lengths, step = [], trainer.step

    def spy():
        lengths.append(trainer.config.length(trainer.position))
        return step()

    trainer.step = spy
    trainer.train()
    assert trainer.finished and 2 < trainer.iteration < 200 and set(lengths) == {1, 2}
    assert trainer.position >= 200
    again = make(tmp_path / "short", **settings).begin()
    assert again.finished and again.position == trainer.position


@pytest.mark.parametrize(
    ("config", "practised"),
    [
        (few(), 0),
        (few(), 4),
        (few(**PAPER), 0),
        (few(**PAPER, **CONV), 0),
        (few(**GAME), 0),
        (few(architecture="air"), 0),
        (few(architecture="vrnn", inference="paper"), 0),
        (few(architecture="vrnn", inference="paper", encoder="conv"), 0),
    ],
    ids=["guided", "with rehearsal", "paper", "conv", "game", "air", "vrnn", "vrnn conv"],
)
def test_a_dense_training_step_runs_on_the_meta_device(config, practised):
    """The meta device has no data: anything that waits for a value would raise."""
    with torch.device("meta"):
        model = build(config)
        rehearsal = Rehearsal(model, practised, 10) if practised else None
        bound = SequenceBound(model, particles=3, rehearsal=rehearsal)
        optimizer = torch.optim.Adam(bound.parameters(), 1e-3)
        frames = Frame(*(torch.rand(2, 2, n, 24, 24) for n in (config.channels, config.scenery)))
        annealing = Annealing(0.5, 0.1, 0.5, 0.5).on(torch.device("meta"))
        with no_data_from_host():
            loss, statistics = bound(frames, torch.zeros(2, 2).long(), annealing)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(bound.parameters(), 10.0)
        optimizer.step()
    assert loss.is_meta and all(s.is_meta for s in statistics.values())


def test_guided_training_finds_the_squares(tmp_path):
    schedule = dict(
        iterations=100, batch=16, particles=2, learning_rate=3e-3, lengths=[[0, 1], [40, 2], [80, 3]], warm_up=30
    )
    trainer = make(tmp_path, **schedule, keep=[0, 0], save_every=1000, log_every=20)
    history = []
    trainer.train(on_record=lambda _, record: history.append(record))
    data = MovingSquares().first(64, 4, torch.device("cpu"))
    model, right = trainer.loss.module.model, []
    slots = model.initial(64)
    with torch.no_grad():
        for frame in data.frames:
            slots, _ = model.observe(slots, frame)
            squares = 1 + (frame.foreground.sum((1, 2, 3)) > 40).float()
            right.append((slots.count == squares).float().mean())
    assert history[-1]["log_likelihood"] > history[0]["log_likelihood"] + 100
    assert float(torch.stack(right).mean()) > 0.8


def test_weights_are_kept_at_the_moments_asked_for(tmp_path):
    trainer = make(tmp_path, snapshots=[0.00001, 900.0], iterations=2)
    trainer.train()
    assert [p.name for p in (tmp_path / "snapshots").iterdir()] == ["training-1e-05.safetensors"]
    last = weights(trainer).clone()
    load_model(trainer.loss.module, tmp_path / "snapshots" / "training-1e-05.safetensors")
    assert (weights(trainer) != last).any()
