"""Numbers that are not finite are found and named, and no weights of after them are saved."""

import pytest
import torch

from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.checkpoint import load_checkpoint
from sqair_wm.training.journal import Journal, check_finite
from sqair_wm.training.trainer import CHECKPOINT
from tests.conftest import MovingSquares, small
from tests.training.trainers import make


@pytest.mark.parametrize("inference", ["guided", "guided_discovery", "guided_tracking", "paper"])
def test_whatever_weight_is_not_a_number_the_terms_of_the_loss_say_so(inference):
    bound = SequenceBound(SQAIR(small(inference=inference)), particles=2)
    frames = MovingSquares().sample(3, 2, torch.Generator().manual_seed(0), torch.device("cpu")).frames
    told = 0
    every = list(bound.parameters())[::2]
    for parameter in every:
        weights = parameter.detach().clone()
        parameter.data.view(-1)[0] = float("nan")
        told += is_told(bound, frames)
        parameter.data.copy_(weights)
    assert told > 0.75 * len(every)


def is_told(bound, frames):
    """Whether a step ends in an error; gradients are only checked if all terms are finite."""
    bound.zero_grad()
    loss, statistics = bound(frames, None, Annealing())
    try:
        check_finite({name: float(x) for name, x in statistics.items()}, 0)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(bound.parameters(), torch.inf)
        check_finite({"gradient_norm": float(norm)}, 0)
    except FloatingPointError:
        return True
    return False


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


def test_divergence_says_what_is_saved_and_what_helps(tmp_path):
    """Before the first checkpoint nothing is saved; after it, another learning rate needs another run."""
    settings = {"learning_rate": 1e30, "clip": 0.0, "save_every": 100}
    with pytest.raises(FloatingPointError, match=r"nothing had been saved\. The same command with a smaller training"):
        make(tmp_path / "early", **settings).train()
    assert not (tmp_path / "early" / CHECKPOINT).exists()
    with pytest.raises(FloatingPointError, match=r"weights of iteration 1 are in .*checkpoint\.pt\. Another run"):
        make(tmp_path / "late", **(settings | {"save_every": 1})).train()
