"""A training that was stopped goes on as if nobody had stopped it, or is refused."""

import os
import signal

import pytest
import torch

from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.checkpoint import fingerprint, load_checkpoint
from sqair_wm.training.trainer import CHECKPOINT
from tests.conftest import small
from tests.training.trainers import losses, make, weights


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


def test_a_run_begun_with_plain_adam_goes_on_as_it_was(tmp_path):
    trainer = make(tmp_path / "plain")
    plain = torch.optim.Adam(trainer.loss.parameters(), 1e-3, fused=True)
    trainer.loss(*trainer.arguments(trainer.batches.next(0), 0))[0].backward()
    plain.step()
    trainer.optimizer.load_state_dict(plain.state_dict())
    assert not any(group["amsgrad"] for group in trainer.optimizer.param_groups)
    trainer.step()


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


def test_what_goes_on_from_other_weights_is_refused(tmp_path):
    first = make(tmp_path)
    first.follows = fingerprint(first.loss)
    first.train(until=3)
    again = make(tmp_path)
    again.follows = "other"
    with pytest.raises(ValueError, match=r"from other weights .* delete it, and training begins anew"):
        again.begin()
    assert make(tmp_path).begin().iteration == 3  # of versions before 0.6.0
