import pytest
import torch

from sqair_wm.training.bound import Annealing
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint


def test_no_pickled_object_is_ever_loaded(tmp_path):
    torch.save({"iteration": 1, "evil": Annealing()}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="more than tensors and plain data"):
        load_checkpoint(tmp_path / "x.pt")


def test_writing_a_checkpoint_leaves_the_old_one_if_it_fails(tmp_path):
    path = tmp_path / "x.pt"
    save_checkpoint(path, {"iteration": 1})
    with pytest.raises(AttributeError):
        save_checkpoint(path, {"iteration": 2, "bad": lambda: None})
    assert load_checkpoint(path)["iteration"] == 1
