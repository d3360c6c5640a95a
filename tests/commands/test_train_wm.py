"""The command a user types, from typing errors to the finished report."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import sqair_wm
from sqair_wm.agents.dreaming.recorded import recordings_of
from tests.conftest import in_this_process
from tests.reporting.pages import album, check


@pytest.fixture(scope="module")
def tiny(train_wm, golden):
    """A finished run with its recordings, where commands find them, and its figures."""
    shared = golden("pong")
    shutil.copytree(shared.folder / "data", train_wm.folder / "data", dirs_exist_ok=True)
    return shared.copy(train_wm.folder / "runs"), shared


def test_settings_are_completed_in_the_shell(monkeypatch):
    assert "complete -o nospace" in in_this_process(["train_wm.py", "-sc", "install=bash"]).stdout
    line = "python train_wm.py data=moving_mnist training.learn"
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert in_this_process(["train_wm.py", "-sc", "query=bash"]).stdout.split() == ["training.learning_rate="]


def test_a_run_leaves_everything_behind(tiny):
    folder, run = tiny
    metrics = json.loads((folder / "metrics.json").read_text())
    names = {"unexplained_energy", "identity_survival_8", "objects_per_frame", "discovered_per_frame", "wall_minutes"}
    assert names <= set(metrics) and (metrics["iterations"], metrics["imagination_iterations"]) == (40, 40)
    assert all(isinstance(v, int | float) and v == v for v in metrics.values())
    assert "unexplained_energy" in run.stdout and "pong/report.html" in run.stdout.replace("\n", "")
    assert (folder / "config.yaml").exists() and list((folder / "tensorboard").iterdir())
    assert not list(folder.glob("*.partial"))


def test_the_report_needs_no_other_file_and_moves(tiny):
    page = (tiny[0] / "report.html").read_text()
    check(page)
    found = album(page)
    assert len(found["films"]) == 4 and all(film["frames"] == 10 for film in found["films"])
    assert (
        "unexplained_energy" in page and "env: Pong" in page and (tiny[0] / "machine.txt").read_text().strip() in page
    )


def test_the_trained_model_loads_by_one_call(tiny):
    model = sqair_wm.load(tiny[0])
    assert model.source.game == "Pong" and "sqair.appearance.output_scale" in load_file(tiny[0] / "model.safetensors")
    env, preprocess = model.make_env(), model.preprocessor()
    with torch.no_grad():
        slots, _ = model.observe(model.initial(1), preprocess(env.reset(seed=0)[0]))
    assert slots.what.shape[0] == 1


def test_a_finished_run_says_so_and_changes_nothing(tiny, train_wm):
    folder, run = tiny
    before = {p.name: p.stat().st_mtime_ns for p in folder.rglob("*")}
    result = train_wm(*run.settings)
    assert result.returncode == 0 and "is finished" in result.stdout
    assert before == {p.name: p.stat().st_mtime_ns for p in folder.rglob("*")}


def test_an_agent_follows_the_world_model_that_is_there(tiny, train_wm):
    folder, run = tiny
    result = train_wm(*run.settings, "agent=random", "steps=77")
    assert result.returncode == 0 and "is finished" in result.stdout
    agent = folder.with_name("pong-random")
    assert f"python -m agents.evaluate {agent}" in result.stdout
    config = (agent / "config.yaml").read_text()
    assert config.count(f"model: {folder}\n") == 1 and config.count("steps: 77\n") == 1


def test_an_agent_finds_what_its_world_model_was_trained_on(tiny, train_wm, monkeypatch):
    monkeypatch.chdir(train_wm.folder)
    assert [len(recording) for recording in recordings_of(tiny[0])] == [250]


def test_a_run_of_another_configuration_is_refused(tiny, refuse):
    weights = (tiny[0] / "model.safetensors").read_bytes()
    assert "training.batch: 2 there, 3 now" in refuse(*tiny[1].settings, "training.batch=3")
    assert (tiny[0] / "model.safetensors").read_bytes() == weights


def test_an_interrupted_command_continues(train_wm, tiny):
    settings = [s for s in tiny[1].settings if not s.startswith("name")]
    folder = train_wm.folder / "runs" / "again"
    folder.mkdir()
    source = train_wm.folder / "runs" / "pong"
    text = (source / "config.yaml").read_text().replace("name: pong", "name: again")
    (folder / "config.yaml").write_text(text)
    (folder / "checkpoint.pt").write_bytes((source / "checkpoint.pt").read_bytes())
    result = train_wm(*settings, "name=again")
    assert result.returncode == 0 and (folder / "report.html").exists()
    again, first = load_file(folder / "model.safetensors"), load_file(source / "model.safetensors")
    assert all(torch.equal(again[k], first[k]) for k in first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["env=MsPacmn"], "did you mean MsPacman"),
        ([], "name a game"),
        (["env=Pong", "trainning.batch=3"], "did you mean training.batch"),
        (["env=Pong", "iterations=3"], "training.iterations"),
        (["env=Pong", "sed=1"], "did you mean seed"),
        (["env=Pong", "data.frames=0"], "at least one frame"),
        (["env=Pong", "training.estimator=nvil"], "choose vimco or released"),
        (["env=Pong", "model.inference=magic"], "choose one of guided, paper"),
        (["env=Pong", "model.certainty=-1"], "model.certainty is -1"),
        (["env=Pong", "device=cuda:9", "name=x"], "device"),
        (["env=Pong", "model=gided"], "guided"),
        (["env=Pong", "agent=dreem"], "agent/dreem"),
        (["env=null", "data=moving_mnist", "agent=dream"], "a game (env=...)"),
        (["env=Pong", "steps=100"], "steps=100 are real steps of an agent"),
        (["env=Pong", "agent=dream", "steps=0"], "steps is 0"),
        (["env=Pong", "training.batch=many"], "training.batch"),
    ],
)  # fmt: skip
def test_bad_settings_end_in_one_helpful_line(refuse, settings, message):
    if "device=cuda:9" in settings and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    answer = refuse(*settings)
    assert message in answer and "Traceback" not in answer


def test_a_folder_that_cannot_be_written_to_is_an_error(refuse, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot write to the run's folder" in refuse("env=Pong", "data.frames=50", f"runs={tmp_path}/file")


def test_a_half_written_run_is_an_error_and_is_left_alone(train_wm, refuse):
    folder = train_wm.folder / "runs" / "half"
    folder.mkdir(parents=True)
    (folder / "checkpoint.pt").write_bytes(b"something")
    assert "without config.yaml" in refuse("env=Pong", "name=half", "data.frames=50")
    assert (folder / "checkpoint.pt").read_bytes() == b"something"


def test_a_corrupt_checkpoint_is_an_error_and_is_left_alone(train_wm, refuse, tiny):
    settings = [s for s in tiny[1].settings if not s.startswith("name")]
    folder = train_wm.folder / "runs" / "corrupt"
    folder.mkdir()
    text = (tiny[0] / "config.yaml").read_text().replace("name: pong", "name: corrupt")
    (folder / "config.yaml").write_text(text)
    (folder / "checkpoint.pt").write_bytes(b"something")
    answer = refuse(*settings, "name=corrupt")
    assert "is damaged" in answer and "Traceback" not in answer
    assert (folder / "checkpoint.pt").read_bytes() == b"something"


def test_help_fits_a_screen_and_explains_the_keys(train_wm):
    result = train_wm("--help")
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and len(lines) <= 45 and max(map(len, lines)) <= 120
    for key in ("env=", "device=", "model.slots", "training.minutes", "data.frames", "processes"):
        assert key in result.stdout
