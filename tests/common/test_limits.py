"""Every numeric setting has limits, wherever its value comes from, and is checked before it is used."""

import json
import re

import pytest

import sqair_wm
from sqair_wm.common.limits import check_limits, limits_of
from sqair_wm.games.play import Recording
from sqair_wm.model.config import ModelConfig
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import DESCRIPTION, WorldModel
from tests.conftest import small


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("output_std", float("nan"), "takes finite numbers"),
        ("object_size", [1e-9, 4.0], "at least 0.25 each way"),
        ("patience", -1, "has to lie between 1 and"),
        ("hidden", 30_000, "has to lie between 1 and"),
        ("hidden", "many", "has to be of type int"),
        ("hidden", 32.5, "has to be of type int"),
        ("residual", 3, "has to be of type bool"),
        ("frame_size", [10**9, 10**9], "can be at most"),
        ("search_radius", 1e300, "has to lie between"),
    ],
)
def test_a_description_that_cannot_be_is_refused_at_once(tmp_path, name, value, message):
    WorldModel(small()).save(tmp_path)
    path = tmp_path / DESCRIPTION
    note = json.loads(path.read_text())
    del note["checksum"]
    note["model"][name] = value
    path.write_text(json.dumps(note))
    with pytest.raises(ValueError, match=rf"model\.json is damaged.* model\.{name} .*{message}"):
        sqair_wm.load(tmp_path)


def test_a_source_that_cannot_be_is_refused():
    for changes in ({"sticky": 2.0}, {"sticky": float("nan")}, {"size": 0}, {"memory": -1}, {"frame_skip": 0}):
        with pytest.raises(ValueError, match=rf"source\.{next(iter(changes))} is"):
            Source(**({"game": "Pong", "size": 40} | changes))
        with pytest.raises(ValueError, match=rf"data\.{next(iter(changes))} is"):
            Recording(**({"game": "Pong"} | changes))


def test_limits_are_inherited_and_lists_are_checked_number_by_number():
    assert limits_of(TrainingConfig)["batch"] == (1, 1e6)
    check_limits(TrainingConfig, {"lengths": [[0, 1]], "estimator": "vimco", "recompute": True})
    with pytest.raises(ValueError, match=re.escape("training.lengths is [[0, -1]]: it has to lie between 0 and 1e+09")):
        check_limits(TrainingConfig, {"lengths": [[0, -1]]}, "training")


def test_every_number_of_a_model_has_a_limit():
    numbers = {n for n, f in ModelConfig.__dataclass_fields__.items() if str(f.type) in ("int", "float")}
    assert numbers <= set(limits_of(ModelConfig)) | {"speck"}
