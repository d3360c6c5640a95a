"""Models from versions that did not measure the field play as before."""

import json
from pathlib import Path

import pytest

from sqair_wm.games.legacy import completed
from sqair_wm.world.source import Source

MODELS = Path(__file__).parents[2] / "pretrained"


@pytest.mark.parametrize(
    ("game", "crop", "pool"), [("Pong", (21, 210), 1), ("MsPacman", (0, 173), 4), ("Freeway", (14, 210), 1)]
)
def test_committed_models_keep_the_fields_they_were_trained_on(game, crop, pool):
    source = Source(**completed(json.loads((MODELS / game / "model.json").read_text())["source"]))
    assert (source.game, source.crop, source.pool, source.frame_skip, source.sticky) == (game, crop, pool, 4, 0.0)


def test_a_model_of_010_keeps_the_field_of_the_table_of_then():
    old = {"game": "MsPacman", "size": 80, "crop": None, "pool": None, "sticky": 0.0, "memory": 45}
    source = Source(**completed(old))
    assert (source.crop, source.pool, source.frame_skip) == ((0, 172), 4, 4)


def test_a_description_that_says_its_frame_skip_is_taken_as_it_is():
    new = {"game": "Pong", "size": 80, "crop": None, "pool": 2, "sticky": 0.0, "memory": 45, "frame_skip": 4}
    assert completed(new) == new
    old = {name: new[name] for name in ("size", "crop", "sticky", "memory")} | {"game": "KingKong", "pool": None}
    assert completed(old) | {"game": "Pong"} == new | {"crop": (0, 210)}
    assert completed(old | {"game": "Bouncing"})["frame_skip"] is None


def test_reading_a_description_imports_no_module_of_others(tmp_path, monkeypatch):
    (tmp_path / "strange.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    source = Source(**completed({"game": "strange:My/Game-v0", "size": 80, "crop": None}))
    assert (source.game, source.crop, source.frame_skip) == ("strange:My/Game-v0", None, None)
    assert completed({"game": "ale_py:ALE/Pong-v5", "size": 80})["game"] == "Pong"
