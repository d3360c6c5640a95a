import os
import signal

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_model

from sqair_wm.common.frame import Frame
from sqair_wm.model.baselines import build
from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.checkpoint import fingerprint, load_checkpoint
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.journal import Journal, check_finite
from sqair_wm.training.rehearsal import Rehearsal
from sqair_wm.training.trainer import CHECKPOINT, Trainer
from tests.conftest import CONV, PAPER, MovingSquares, no_data_from_host, small

GAME = dict(channels=4, scenery=3, actions=4, dynamics="interactive", size="steady", conditional_discovery=False)
QUICK = dict(
    iterations=8, batch=3, particles=2, log_every=2, save_every=3, lengths=[[0, 1], [2, 2], [5, 3]], warm_up=4,
    minutes=0, learning_rate=5e-4, decay=[], presence_margin=0.1, keep=[0, 0],
)  # fmt: skip


def make(folder, seed=0, model=None, data=None, **changes):
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    config = TrainingConfig(**(QUICK | changes))
    fabric = Fabric(accelerator="cpu", devices=1)
    return Trainer(model or SQAIR(small()), data or MovingSquares(), config, folder, fabric, seed)


def losses(trainer, until=None):
    found = []
    step = trainer.step

    def spy():
        statistics = step()
        found.append(float(statistics["loss"]))
        return statistics

    trainer.step = spy
    trainer.train(until)
    return found


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.loss.parameters()])


@pytest.mark.parametrize("settings", [{}, {"optimizer": "rmsprop", "estimator": "released", "clip": 0.0}])
def test_the_same_seed_gives_identical_losses_and_another_does_not(tmp_path, settings):
    first = losses(make(tmp_path / "a", **settings))
    assert first == losses(make(tmp_path / "b", **settings))
    assert first != losses(make(tmp_path / "c", seed=1, **settings))


@pytest.mark.parametrize("settings", [{}, {"optimizer": "rmsprop"}, {"rehearsal": 4}])
def test_stopping_and_continuing_equals_an_uninterrupted_run_to_the_bit(tmp_path, settings):
    whole = make(tmp_path / "whole", **settings)
    expected = losses(whole)
    first = losses(make(tmp_path / "halves", **settings), until=4)
    torch.rand(100)
    resumed = make(tmp_path / "halves", seed=0, **settings).begin()
    assert resumed.iteration == 4
    assert first + losses(resumed) == expected
    assert torch.equal(weights(whole), weights(resumed))


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


def test_a_run_begun_with_plain_adam_goes_on_as_it_was(tmp_path):
    trainer = make(tmp_path / "plain")
    plain = torch.optim.Adam(trainer.loss.parameters(), 1e-3, fused=True)
    trainer.loss(*trainer.arguments(trainer.batches.next(0), 0))[0].backward()
    plain.step()
    trainer.optimizer.load_state_dict(plain.state_dict())
    assert not any(group["amsgrad"] for group in trainer.optimizer.param_groups)
    trainer.step()


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_request_waits_for_the_step_and_continues_to_the_bit(tmp_path, number):
    whole, before = make(tmp_path / "whole"), signal.getsignal(number)
    whole.train()
    trainer = make(tmp_path / "stopped")
    step = trainer.step

    def interrupted():
        if trainer.iteration == 4:
            os.kill(os.getpid(), number)
        return step()

    trainer.step = interrupted
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert load_checkpoint(tmp_path / "stopped" / CHECKPOINT)["iteration"] == 5
    resumed = make(tmp_path / "stopped")
    resumed.train()
    assert torch.equal(weights(whole), weights(resumed))
    assert signal.getsignal(number) == before


def test_weights_that_went_bad_since_the_last_record_are_not_saved():
    journal = Journal(None, 0, 10, every=5, on_record=None)
    journal.add({"loss": torch.tensor(1.0)}, 1, 0.1)
    journal.check()
    journal.add({"loss": torch.tensor(float("nan"))}, 1, 0.2)
    with pytest.raises(FloatingPointError, match="loss not finite"):
        journal.check()


def test_a_term_that_is_not_finite_is_named_and_the_last_good_weights_stay(tmp_path):
    class Poisoned(MovingSquares):
        calls = 0

        def sample(self, batch, length, generator, device):
            self.calls += 1
            found = super().sample(batch, length, generator, device)
            if self.calls > 4:
                found.frames.foreground[0, 0, 0, 0, 0] = float("nan")
            return found

    trainer = make(tmp_path, data=Poisoned())
    with pytest.raises(FloatingPointError, match=r"iteration 4: .*log_likelihood"):
        trainer.train()
    saved = load_checkpoint(tmp_path / CHECKPOINT)
    assert saved["iteration"] == 3
    assert all(torch.isfinite(v).all() for v in saved["model"].values() if v.is_floating_point())


def test_only_terms_that_are_not_finite_are_named():
    with pytest.raises(FloatingPointError) as caught:
        check_finite({"loss": float("nan"), "log_q": 1.0, "log_p": float("inf")}, 7)
    assert "loss, log_p not finite" in str(caught.value)


def test_a_damaged_checkpoint_is_an_error_and_is_left_alone(tmp_path):
    make(tmp_path).train(until=3)
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is damaged"):
        make(tmp_path).begin()
    assert path.stat().st_size == 1000


def test_a_checkpoint_of_another_model_is_an_error(tmp_path):
    make(tmp_path).train(until=3)
    with pytest.raises(ValueError, match="does not fit this model"):
        make(tmp_path, model=SQAIR(small(hidden=16))).begin()


@pytest.mark.parametrize(
    ("config", "practised"),
    [
        (small(), 0),
        (small(), 4),
        (small(**PAPER), 0),
        (small(**PAPER, **CONV), 0),
        (small(**GAME), 0),
        (small(architecture="air"), 0),
        (small(architecture="vrnn", inference="paper"), 0),
        (small(architecture="vrnn", inference="paper", encoder="conv"), 0),
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
        iterations=150, batch=16, particles=2, learning_rate=3e-3, lengths=[[0, 1], [50, 2], [110, 3]], warm_up=40
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


def test_divergence_says_what_is_saved_and_what_helps(tmp_path):
    """Before the first checkpoint nothing is saved; after it, another learning rate needs another run."""
    settings = {"learning_rate": 1e30, "clip": 0.0, "save_every": 100}
    with pytest.raises(FloatingPointError, match=r"nothing had been saved\. The same command with a smaller training"):
        make(tmp_path / "early", **settings).train()
    assert not (tmp_path / "early" / CHECKPOINT).exists()
    with pytest.raises(FloatingPointError, match=r"weights of iteration 1 are in .*checkpoint\.pt\. Another run"):
        make(tmp_path / "late", **(settings | {"save_every": 1})).train()


def test_what_goes_on_from_other_weights_is_refused(tmp_path):
    first = make(tmp_path)
    first.follows = fingerprint(first.loss)
    first.train(until=3)
    again = make(tmp_path)
    again.follows = "other"
    with pytest.raises(ValueError, match=r"from other weights .* delete it, and training begins anew"):
        again.begin()
    assert make(tmp_path).begin().iteration == 3  # of versions before 0.6.0
