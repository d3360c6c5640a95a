"""The command that measures a finished run; and that training works without true boxes."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from sqair_wm import evaluate
from tests.reporting.pages import check


@pytest.fixture
def run(golden, tmp_path):
    """A copy of the finished run, which may be changed."""
    return golden("pong").copy(tmp_path)


@pytest.fixture(scope="module")
def figures(golden, tmp_path_factory):
    """What is measured of the finished run, but for decisions."""
    return evaluate.evaluate(golden("pong").copy(tmp_path_factory.mktemp("measured")), decisions=0)


def test_training_does_without_true_boxes(golden):
    assert golden("pong").stderr.splitlines()[-1] == "imported:"


def test_figures_are_added_to_a_finished_run(run, tmp_path, capsys):
    before = json.loads((run / "metrics.json").read_text())
    json_file = tmp_path / "results" / "Pong" / "seed0.json"
    evaluate.main([str(run), "--decisions", "1", "--json", str(json_file)])
    after, page = json.loads((run / "metrics.json").read_text()), (run / "report.html").read_text()
    assert check(page) and "<code>f_moving</code>" in page and "true boxes" in page, "the report is written again"
    assert set(before) <= set(after) and (before["against_truth"], after["against_truth"]) == (0, 1)
    assert before["unexplained_energy"] == after["unexplained_energy"]
    assert {"image_error_1", "image_error_still_20", "reward_ece", "ending_ece_imagined", "starts"} <= set(after)
    assert {"f_moving", "f_relevant", "ap_moving", "exact_count", "mota", "components_f_moving"} <= set(after)
    assert all(isinstance(v, int | float) and v == v for v in after.values())
    assert {"decision_states_24", "decision_states_24_better", "recall_worst_class"} <= set(after)
    result = json.loads(json_file.read_text())
    assert result["data"] == "Pong" and result["seed"] == 0 and result["inference"] == "guided"
    assert after.items() <= result.items()
    assert "steps ahead" in capsys.readouterr().out


def test_a_lost_recording_is_made_again_and_figures_are_the_same(run, tmp_path, figures):
    assert evaluate.evaluate(run, tmp_path / "elsewhere", decisions=0) == figures


def test_without_ocatari_errors_are_against_the_models_tracks(run, tmp_path, golden, monkeypatch, capsys):
    shutil.copytree(golden("pong").folder / "data", tmp_path / "data")
    for cache in (tmp_path / "data").rglob("truth.npz"):
        cache.unlink()
    monkeypatch.setitem(sys.modules, "ocatari.ram.extract_ram_info", None)
    assert evaluate.evaluate(run, tmp_path / "data", decisions=0)["against_truth"] == 0
    assert "pip install --no-deps ocatari" in capsys.readouterr().err


def test_without_trackeval_the_other_figures_are_there(run, monkeypatch, capsys, figures):
    monkeypatch.setitem(sys.modules, "trackeval", None)
    others = evaluate.evaluate(run, decisions=0)
    assert others["against_truth"] == 1 and "mota" in figures and "mota" not in others
    assert {"f_moving", "f_relevant", "ap_moving", "exact_count", "components_f_moving"} <= set(others)
    assert others.items() <= figures.items()
    assert capsys.readouterr().err.count("pip install --no-deps trackeval") == 1


def refusal(*arguments):
    with pytest.raises(SystemExit) as stopped:
        evaluate.main([str(a) for a in arguments])
    return str(stopped.value.code)


def test_what_cannot_be_evaluated_is_refused_in_one_line(run, tmp_path):
    assert "holds no run" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_text("in the way")
    assert "--data" in refusal(run, "--data", tmp_path / "file")
    (run / "model.safetensors").write_bytes(b"half")
    assert "damaged" in refusal(run)
    (run / "report.html").unlink()
    assert "not finished" in refusal(run)


def test_a_recording_of_another_game_version_is_refused(run, tmp_path, golden):
    shutil.copytree(golden("pong").folder / "data", tmp_path / "data")
    for path in filter(Path.is_dir, (tmp_path / "data").glob("*seed1000000*")):
        for name in ("truth.npz", "sums.json"):  # older versions recorded without checksums
            (path / name).unlink(missing_ok=True)
        frames = bytearray((path / "frames.npy").read_bytes())
        frames[-1] ^= 1
        (path / "frames.npy").write_bytes(frames)
    assert "differs from the recording at frame 59" in refusal(run, "--data", tmp_path / "data")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_does_not_exist_is_refused(run):
    assert "use --device cpu" in refusal(run, "--device", "cuda")
    assert "use cpu, cuda" in refusal(run, "--device", "gpu")
