"""Runs side by side: what is shown, what is marked as better, and what is refused."""

import json
import re
import shutil
from pathlib import Path

import pytest

from sqair_wm.compare import main
from sqair_wm.reporting.comparison import compare
from sqair_wm.reporting.subjects import open_subject, open_subjects
from tests.conftest import ROOT

CONFIGS = ROOT / "tests" / "runs" / "older"
FIGURES = {"unexplained_energy": 0.1, "computing_minutes": 20.0, "iterations": 1000}


def world_model(folder: Path, config: str, figures: dict[str, float], change: tuple[str, str] = ("", "")) -> Path:
    """The files of a finished run; `change` replaces text in its configuration."""
    folder.mkdir()
    text = (CONFIGS / f"{config}.yaml").read_text()
    assert change[0] in text
    (folder / "config.yaml").write_text(text.replace(*change, 1) if change[0] else text)
    (folder / "metrics.json").write_text(json.dumps(FIGURES | figures))
    records = [{"iteration": i, "loss": 10.0 / (i + 1)} for i in range(3)]
    (folder / "training.jsonl").write_text("\n".join(map(json.dumps, records)))
    return folder


def agent(folder: Path, mean: float, limits: tuple[float, float], **protocol: object) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text(f"model: pretrained/Pong\nagent: {{kind: dream, width: {mean}}}\n")
    how = {"episodes": 16, "frame_skip": 4, "sticky": 0.0, "noop_steps": 7, "rewards": "unclipped", "episode": "whole"}
    result = {"game": "Pong", "agent": "dream", "protocol": how | protocol, "mean": mean, "mean_95": limits}
    (folder / "evaluation.json").write_text(json.dumps(result))
    rounds = [{"real_steps": 500 * i, "imagined_steps": 10, "minutes": i, "reward_a_step": i} for i in range(3)]
    (folder / "progress.jsonl").write_text("\n".join(map(json.dumps, rounds)) + '\n{"real_st')
    return folder


def best(comparison, figure: str) -> str | None:
    (line,) = [line for line in comparison.lines if line.figure == figure]
    return None if line.best is None else comparison.subjects[line.best].name


def test_digits_on_the_same_data_are_marked_and_differing_settings_shown(tmp_path, capsys):
    a = world_model(tmp_path / "a", "digits", {"counting_accuracy": 0.99, "log_px": 6700.0, "log_px_error": 9.0})
    b = world_model(
        tmp_path / "b", "digits", {"counting_accuracy": 0.97, "log_px": 6710.0, "log_px_error": 9.0},
        ("learning_rate: 0.002\n  decay", "learning_rate: 0.003\n  decay"),
    )  # fmt: skip
    comparison = compare(open_subjects([a, b]))
    assert best(comparison, "counting_accuracy") == "a"
    assert best(comparison, "log_px") is None, "within the error"
    assert best(comparison, "unexplained_energy") is None, "equal"
    assert comparison.differences == [("training.learning_rate", ["0.002", "0.003"])]
    assert any("overlap" in note for note in comparison.notes)
    main([str(a), str(b), "--page", str(tmp_path / "p" / "c.html"), "--json", str(tmp_path / "c.json")])
    said = " ".join(capsys.readouterr().out.split())
    assert "0.9900 *" in said and "Frames with the right" in said and "training.learning_rate" in said
    page = (tmp_path / "p" / "c.html").read_text()
    assert "data:image/png" in page and "width=device-width" in page and "0.9900 *" in page
    assert not re.search(r"(src|href)=.?https?://", page)
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["settings"] == {"training.learning_rate": ["0.002", "0.003"]}
    assert written["figures"][0]["best"] == 0


def test_other_data_are_shown_side_by_side_and_nothing_is_marked(tmp_path):
    a = world_model(tmp_path / "a", "digits", {"counting_accuracy": 0.99})
    b = world_model(tmp_path / "b", "digits", {"counting_accuracy": 0.5}, ("size: 50", "size: 60"))
    comparison = compare(open_subjects([a, b]))
    assert best(comparison, "counting_accuracy") is None
    assert any("not measured on the same data" in note for note in comparison.notes)


def test_games_are_compared_on_the_same_recording_against_the_same_truth(tmp_path):
    figures = {"position_error_10": 3.0, "reward_f1": 0.5, "against_truth": 1.0}
    a = world_model(tmp_path / "a", "game", figures)
    b = world_model(tmp_path / "b", "game", figures | {"position_error_10": 4.0})
    comparison = compare(open_subjects([a, b]))
    assert best(comparison, "position_error_10") == "a"
    tracked = world_model(tmp_path / "c", "game", {"position_error_10": 2.0, "against_truth": 0.0, "reward_f1": 0.9})
    comparison = compare(open_subjects([a, tracked]))
    assert best(comparison, "position_error_10") is None and best(comparison, "reward_f1") == "c"
    seed = world_model(tmp_path / "d", "game", figures, ("\nseed: 0", "\nseed: 1"))
    assert open_subject(seed).data != open_subject(a).data, "another seed plays another held-out game"


def test_different_kinds_of_data_have_little_in_common_and_agents_nothing(tmp_path):
    digits, game = (world_model(tmp_path / kind, kind, {}) for kind in ("digits", "game"))
    comparison = compare(open_subjects([digits, game]))
    assert {line.figure for line in comparison.lines} == {"unexplained_energy", "computing_minutes", "iterations"}
    assert any("different kinds" in note for note in comparison.notes)
    player = agent(tmp_path / "Pong-dream", -12.0, (-13.0, -11.0))
    with pytest.raises(SystemExit, match="agents and world models have no figure in common; compare agents"):
        main([str(game), str(player)])


def test_agents_are_told_by_their_files_and_marked_beyond_their_limits(tmp_path, capsys):
    a, b = agent(tmp_path / "a", -12.0, (-13.0, -11.0)), agent(tmp_path / "b", -8.0, (-10.0, -6.0))
    main([str(a), str(b), "--page", str(tmp_path / "c.html")])
    said = capsys.readouterr().out
    assert "-8 (-10 to -6) *" in said and "dream agent in Pong" in said and "agent.width" in said and "1000" in said
    assert "data:image/png" in (tmp_path / "c.html").read_text()
    close = agent(tmp_path / "close", -9.0, (-11.5, -6.0))
    assert best(compare(open_subjects([a, close])), "mean") is None
    other = agent(tmp_path / "other", -2.0, (-3.0, -1.0), sticky=0.25)
    assert best(compare(open_subjects([a, other])), "mean") is None, "another game"
    (other / "evaluation.json").unlink()
    assert "has not played whole games yet: python -m agents.evaluate" in open_subject(other).notes[0]


def test_committed_models_are_compared_by_name(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a run here that is named like a game would be taken instead
    main(["Pong", "Breakout", "--all"])
    said = capsys.readouterr().out
    assert "world model of Breakout" in said and "is not on record" in " ".join(said.split())
    assert "model.actions" in said and "image_error_still_1" in said


def test_mistakes_are_said(tmp_path, capsys):
    run = world_model(tmp_path / "a", "digits", {})
    for wanted, *runs in (
        ("is named twice", run, run),
        ("no run and no model", run, tmp_path / "nowhere"),
        (r"has no figures: metrics\.json is missing", run, tmp_path),
    ):
        with pytest.raises(SystemExit, match=wanted):
            main(list(map(str, runs)))
    with pytest.raises(SystemExit):
        main([str(run)])
    assert "can't be compared: name two or more" in capsys.readouterr().err
    shutil.copytree(run, tmp_path / "b" / "a")
    assert [s.name for s in open_subjects([run, tmp_path / "b" / "a"])] == [str(run), str(tmp_path / "b" / "a")]
    (run / "config.yaml").write_text("agent: [")
    with pytest.raises(SystemExit, match=r"config\.yaml is damaged"):
        main([str(run), "Pong"])
