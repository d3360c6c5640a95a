"""The report of an agent's run."""

import json
import shutil

import numpy as np

from sqair_wm.agents import report
from sqair_wm.agents.kinds import open_run
from tests.agents.test_commands import command  # noqa: F401 (a fixture)
from tests.reporting.pages import album, check


def record(round_, **figures):
    times = {"seconds_playing": 1.0, "seconds_learning_the_world": 2.0, "seconds_dreaming": 7.0}
    counts = {"real_steps": 500 * round_, "imagined_steps": 1000 * round_, "minutes": 3.0}
    return counts | times | {"reward_a_step": 0.1, "dream_return": 0.5} | figures


def test_it_says_what_was_reached_and_how_the_time_was_spent(command, folder):  # noqa: F811
    command("agent=random")
    run = open_run(folder / "Bouncing-random")
    said = {number.title: number for number in report.numbers(run, [])}
    assert len(said) == 5 and "python -m agents.evaluate" in said["Score"].sentence
    result = {"mean": -20.7, "mean_95": [-21, -20.4], "episodes": [{}] * 8, "random_and_human": [-20.7, 14.6]}
    (run.path / "evaluation.json").write_text(json.dumps(result))
    said = {number.title: number for number in report.numbers(run, [record(1), record(2)])}
    assert said["Score"].value == "-20.70" and "8 whole real games" in said["Score"].sentence
    assert "-21.00 to -20.40" in said["Score"].sentence and "human 14.6" in said["Score"].sentence
    assert said["Time"].value == "3 min" and "1,000 real and 2,000 imagined" in said["Time"].sentence
    assert "playing 10%, training the world model 20%, learning in imagination 70%" in said["Time"].sentence


def test_objects_and_imagination_are_those_of_the_world_model_it_was_given(command, folder, tmp_path, model):  # noqa: F811
    command("agent=random")
    run = open_run(folder / "Bouncing-random")
    assert report.world_metrics(run) == {}
    shutil.copytree(model, tmp_path / "known")
    (tmp_path / "known" / "metrics.json").write_text(
        '{"f_moving": 0.75, "position_error_5": 0.5, "against_truth": 1.0}'
    )
    run.config.model = str(tmp_path / "known")
    said = {number.title: number.value for number in report.numbers(run, [])}
    assert said["Objects found"].startswith("75") and said["Imagined steps to trust"] == "5 or more"


def test_curves_are_means_of_the_last_rounds_and_only_of_what_is_known():
    assert np.allclose(report.averaged(np.arange(7.0)), [0, 0.5, 1, 1.5, 2, 3, 4])
    assert report.drawn([]) == report.drawn([record(1)]) == []
    assert [chart.title for chart in report.drawn([record(n) for n in range(3)])] == [
        "real reward a step", "imagined return (discounted)",
    ]  # fmt: skip
    # A first round without play has no reward.
    first = {k: v for k, v in record(0).items() if k != "reward_a_step"}
    reward, dreamt = report.drawn([first, record(1), record(2)])
    assert reward.xs == [500, 1000] and dreamt.xs == [0, 500, 1000]


def test_the_page_needs_nothing_else(command, folder, capsys):  # noqa: F811
    command("agent=random")
    path = folder / "Bouncing-random"
    report.main([str(path), "--shown", "3"])
    assert f"report: {path}/report.html" in capsys.readouterr().out
    page = (path / "report.html").read_text()
    found = album(page)
    assert check(page) and "kind: random" in page
    assert [film["frames"] for film in found["films"]] == [3] and len(found["films"][0]["panels"]) == 2
    report.main([str(path), "--shown", "0"])
    assert album((path / "report.html").read_text())["films"] == []
