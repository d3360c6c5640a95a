"""What a run's folder holds belongs to one run, and one process writes to it."""

import re
import sys

import pytest

from sqair_wm.common.locks import alone
from sqair_wm.runs.run_folder import begin_run
from tests.runs.test_older import composed


def test_parts_of_a_run_without_a_checkpoint_are_set_aside(tmp_path, capsys):
    """Else the imagination of the old run would be taken for that of the new one, which has another setting."""
    path = begin_run(composed("env=Pong", f"runs={tmp_path}")).path
    assert not capsys.readouterr().out
    for name in ("imagination.pt", "imagination.jsonl", "model.safetensors", "notes.txt"):
        (path / name).write_text(name)
    (path / "play").mkdir()
    begin_run(composed("env=Pong", f"runs={tmp_path}", "training.batch=3"))
    assert {p.name for p in path.iterdir()} == {"config.yaml", "notes.txt", "earlier-1"}
    kept = {p.name for p in (path / "earlier-1").iterdir()}
    assert kept == {"imagination.pt", "imagination.jsonl", "model.safetensors", "play", "config.yaml"}
    assert "batch: 3" in (path / "config.yaml").read_text()
    assert "they are in" in capsys.readouterr().out
    (path / "checkpoint.pt").touch()
    begin_run(composed("env=Pong", f"runs={tmp_path}", "training.batch=3"))
    assert not (path / "earlier-2").exists()


def test_a_run_that_another_process_trains_is_left_alone(refuse, train_wm):
    with alone(train_wm.folder / "runs" / "busy", "training", ""):
        answer = refuse("env=Bouncing", "name=busy")
    assert "busy is in use by process" in answer and "choose another name=..." in answer
    assert not (train_wm.folder / "runs" / "busy").exists()


def test_of_a_sweep_one_bad_job_is_reported_and_the_others_run(tmp_path, monkeypatch, capsys):
    from sqair_wm.common.command import run_command
    from sqair_wm.common.presets import presets_folder

    done = []

    def task(config):
        if config.env == "Pongg":
            raise ValueError("there is no such game")
        done.append(config.env)

    arguments = ["-m", "env=Bouncing,Pongg,Pong", f"hydra.sweep.dir={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["train_wm.py", *arguments])
    with pytest.raises(SystemExit, match=r"1 of the jobs failed.*\nenv=Pongg: there is no such game"):
        run_command(task, str(presets_folder()), "")
    assert done == ["Bouncing", "Pong"]
    assert "error: env=Pongg: there is no such game" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "ran", "said"),
    [
        (
            ("env=Pong", "seed=0,1", "training.batch=4,abc"),
            2,
            r"2 of the jobs.*\nenv=Pong seed=0 training.batch=abc: .*abc",
        ),
        (("data=atari,moving_mnst", "seed=3"), 1, "1 of the jobs failed.*data=moving_mnst seed=3: .*moving_mnst"),
        (("data=video,atari", "data.frames=100", "data.crop=[30,190]"), 1, "1 of the jobs failed.*data=video.*crop"),
        (("data=atari,moving_mnst", "training.batch=4,abc"), 1, "3 of the jobs failed"),
        (("env=Pong", "seed=0,1", "training.bach=4"), 0, "there is no setting 'training.bach': did you mean"),
        (("env=Pong", "seed=0,1", "training.batch=abc"), 0, "training.batch: Value 'abc'"),
        (("data=moving_mnst,atri",), 0, "no job of the sweep can run|Could not find 'data/"),
    ],
)
def test_jobs_of_a_sweep_that_cannot_be_composed_are_reported_and_the_others_run(
    tmp_path, monkeypatch, settings, ran, said
):
    from sqair_wm.common.command import run_command
    from sqair_wm.common.presets import presets_folder

    done = []
    monkeypatch.setattr(sys, "argv", ["train_wm.py", "-m", *settings, f"hydra.sweep.dir={tmp_path}"])
    with pytest.raises(SystemExit) as stopped:
        run_command(done.append, str(presets_folder()), "")
    assert re.search(said, str(stopped.value.code), re.DOTALL)
    assert len(done) == ran and "Traceback" not in str(stopped.value.code)
