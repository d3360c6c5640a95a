"""The report of an agent's run."""

import json

import numpy as np

from sqair_wm.agents import report
from sqair_wm.agents.kinds import open_run
from tests.agents.test_commands import command  # noqa: F401 (a fixture)


def record(round_, **figures):
    times = {"seconds_playing": 1.0, "seconds_learning_the_world": 2.0, "seconds_dreaming": 7.0}
    counts = {"real_steps": 500 * round_, "imagined_steps": 1000 * round_, "minutes": 3.0}
    return counts | times | {"reward_a_step": 0.1, "dream_return": 0.5} | figures


def test_it_says_what_was_reached_and_how_the_time_was_spent(command, folder):  # noqa: F811
    command("agent=random")
    run = open_run(folder / "Bouncing-random")
    said = dict(report.rows(run, []))
    assert said["agent"] == "random, seed 0" and "python -m agents.evaluate" in said["whole real games"]
    (run.path / "evaluation.json").write_text(
        json.dumps({"game": "Pong", "agent": "random", "mean": -20.7, "mean_95": [-21, -20.4], "episodes": [{}] * 8})
    )
    said = dict(report.rows(run, [record(1), record(2)]))
    assert "-20.70 (-21.00 to -20.40)" in said["whole real games"] and "8 games" in said["whole real games"]
    assert said["real steps"].startswith("1,000 in 3") and said["imagined steps"] == "2,000"
    assert said["time"] == "playing 10%, learning the world 20%, dreaming 70%"


def test_curves_are_means_of_the_last_rounds_and_only_of_what_is_known():
    assert np.allclose(report.averaged(np.arange(7.0)), [0, 0.5, 1, 1.5, 2, 3, 4])
    assert report.drawn([]) == b"" and report.drawn([record(1)]) == b""
    assert report.drawn([record(n) for n in range(3)]).startswith(b"\x89PNG")
    # A first round without play has no reward.
    first = {k: v for k, v in record(0).items() if k != "reward_a_step"}
    assert report.drawn([first, record(1), record(2)]).startswith(b"\x89PNG")


def test_the_page_needs_nothing_else(command, folder, capsys):  # noqa: F811
    command("agent=random")
    path = folder / "Bouncing-random"
    report.main([str(path), "--shown", "3"])
    assert f"report: {path}/report.html" in capsys.readouterr().out
    page = (path / "report.html").read_text()
    assert page.count("data:image/gif;base64") == 1 and "http" not in page and "kind: random" in page
