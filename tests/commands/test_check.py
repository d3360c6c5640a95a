"""`python -m sqair_wm.check` names what is damaged, with what can be done about it, and counts what is whole."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sqair_wm.check import main
from sqair_wm.data.atari import record
from sqair_wm.games.play import Recording
from sqair_wm.runs.checks import DAMAGED, LEFT, OLDER, WHOLE, check_path
from sqair_wm.training.checkpoint import save_checkpoint
from sqair_wm.world.world_model import WorldModel
from tests.conftest import ROOT, small
from tests.faults.damage import one_bit


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with what a run may leave."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    model = WorldModel(small())
    (folder / "play" / "model-1").mkdir(parents=True)
    for place in (folder, folder / "play" / "model-1"):
        model.save(place)
    save_checkpoint(folder / "imagination.pt", {"iteration": 3, "model": model.state_dict()})
    record(Recording("Bouncing", frames=20, size=40), folder / "play" / "1", np.zeros((40, 40, 3), np.uint8))
    (folder / "training.jsonl").write_text(json.dumps({"iteration": 1, "loss": 2.0}) + "\n")
    (folder / "metrics.json").write_text("{}")
    return folder


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def states(path):
    return {f.path.name: f.state for f in check_path(path)}


def test_what_is_whole_is_told_from_what_has_no_checksum(run, capsys):
    assert states(run) == {
        "imagination.pt": WHOLE, "model.json": WHOLE, "model.safetensors": WHOLE, "1": WHOLE, "training.jsonl": OLDER,
        "metrics.json": OLDER,
    }  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main([str(run)])
    assert not ended.value.code
    assert "6 whole by their checksums, 2 readable without one, 0 damaged, 0 left over" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("imagination.pt", "learns imagination anew; the training of objects is not lost"),
        ("model.safetensors", "writes it again"),
        ("play/model-1/model.safetensors", "goes on with the model as it is, though not to the bit"),
        ("play/1/frames.npy", "delete its folder and imagination.pt"),
        ("play/1/rewards.npy", "delete its folder and imagination.pt"),
    ],
)
def test_what_is_damaged_is_named_with_what_can_be_done(run, capsys, name, advice):
    path = run / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    (run / f"model.json.there-1-01234567{'.partial'}").touch()
    with pytest.raises(SystemExit) as ended:
        main([str(run)])
    said = capsys.readouterr().out
    assert ended.value.code == 1 and "DAMAGED: " in said and path.name in said and advice in said
    assert f"{LEFT}: " in said and ", 1 left over" in said


def test_weights_that_are_no_numbers_are_found(run):
    model = WorldModel(small())
    next(model.parameters()).data.fill_(torch.nan)
    model.save(run)
    (found,) = [f for f in check_path(run) if f.state == DAMAGED]
    assert "not finite" in found.why and found.path == run


def test_lines_of_a_journal_that_are_damaged_are_numbered(run):
    path = run / "training.jsonl"
    path.write_bytes(path.read_bytes() + b'{"iteration": 2, "lo\xff\n')
    (found,) = [f for f in check_path(run) if f.state == DAMAGED]
    assert "lines 2 are not JSON" in found.why and "curves" in found.remedy


def test_models_of_older_versions_pass_and_nothing_is_an_error(tmp_path):
    pong = ROOT / "pretrained" / "Pong"
    description = json.loads((pong / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({k: v for k, v in description.items() if k != "checksum"}))
    save_file(load_file(pong / "model.safetensors"), tmp_path / "model.safetensors")
    assert {f.state for f in check_path(tmp_path)} == {OLDER}
    assert WHOLE in {f.state for f in check_path(pong)} <= {WHOLE, OLDER}
    with pytest.raises(SystemExit, match="nowhere holds nothing to check"):
        main(["nowhere"])


def test_no_damage_ends_in_a_traceback(run):
    for path in [p for p in run.rglob("*") if p.is_file()]:
        data, what = path.read_bytes(), path if path.parent == run else path.parent
        for seed in range(3):
            path.write_bytes(one_bit(data, seed))
            check_path(what)
            path.write_bytes(data[: seed * len(data) // 3])
            check_path(what)
        path.write_bytes(data)
