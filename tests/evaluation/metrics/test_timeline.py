"""Figures of the weights that were saved during training."""

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_model

from sqair_wm.evaluation.metrics.timeline import over_time
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.rehearsal import Rehearsal
from sqair_wm.training.trainer import Trainer
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small


def scale(model: WorldModel) -> dict[str, float]:
    return {"scale": float(model.sqair.appearance.output_scale.detach()), "other": 0.0}


def test_every_snapshot_is_measured_and_the_model_stays_as_it_is(tmp_path):
    model = WorldModel(small())
    (tmp_path / "snapshots").mkdir()
    for minutes in (10, 2.5):
        torch.nn.init.constant_(model.sqair.appearance.output_scale, minutes)
        save_model(SequenceBound(model.sqair), str(tmp_path / "snapshots" / f"training-{minutes:g}.safetensors"))
    torch.nn.init.constant_(model.sqair.appearance.output_scale, 0.5)
    assert over_time(model, tmp_path, scale, ("scale",)) == {"scale_after_2.5": 2.5, "scale_after_10": 10.0}
    assert scale(model)["scale"] == 0.5


def test_figures_that_a_model_does_not_have_are_left_out(tmp_path):
    (tmp_path / "snapshots").mkdir()
    model = WorldModel(small())
    save_model(SequenceBound(model.sqair), str(tmp_path / "snapshots" / "training-5.safetensors"))
    assert over_time(model, tmp_path, scale, ("counting", "scale")) == {"scale_after_5": scale(model)["scale"]}


def test_snapshots_of_a_training_with_rehearsal_hold_the_model_alone(tmp_path, squares):
    model = WorldModel(small())
    config = TrainingConfig(rehearsal=4, particles=2, iterations=1, lengths=[[0, 1]], snapshots=[1e-5])
    trainer = Trainer(model.sqair, squares, config, tmp_path, Fabric(accelerator="cpu", devices=1))
    trainer.train()
    assert trainer.loss.module.rehearsal is not None
    assert over_time(model, tmp_path, scale, ("scale",)) == {"scale_after_1e-05": scale(model)["scale"]}


@pytest.mark.parametrize("other", ["less", "more"])
def test_a_snapshot_must_hold_all_of_the_model_and_nothing_else(tmp_path, other):
    (tmp_path / "snapshots").mkdir()
    model, path = WorldModel(small()), tmp_path / "snapshots" / "training-5.safetensors"
    more = SequenceBound(model.sqair, rehearsal=Rehearsal(model.sqair, 4, 10))
    save_model(more if other == "more" else model.sqair.appearance, str(path))
    with pytest.raises(ValueError, match=r"training-5\.safetensors holds the weights of another model"):
        over_time(model, tmp_path, scale, ("scale",))


def test_a_run_without_snapshots_has_no_timeline(tmp_path):
    assert over_time(WorldModel(small()), tmp_path, scale, ("scale",)) == {}


def test_a_damaged_snapshot_is_named(tmp_path):
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "training-5.safetensors").write_bytes(b"something")
    with pytest.raises(ValueError, match=r"training-5\.safetensors is damaged"):
        over_time(WorldModel(small()), tmp_path, scale, ("scale",))
