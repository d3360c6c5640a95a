"""Agents see the background where play changes it."""

import pytest
from omegaconf import OmegaConf

import sqair_wm
from sqair_wm.agents import surroundings
from sqair_wm.agents.surroundings import decide_around, random_play_changes
from tests.conftest import ROOT

PONG = str(ROOT / "pretrained" / "Pong")


@pytest.mark.parametrize(("game", "changes"), [("Pong", False), ("MsPacman", True), ("Breakout", True)])
def test_pellets_are_eaten_and_bricks_broken_while_the_field_of_pong_stays_as_it_is(game, changes, monkeypatch):
    monkeypatch.setattr(surroundings, "GAMES", 2)
    monkeypatch.setattr(surroundings, "STEPS", 150)
    assert random_play_changes(sqair_wm.load(str(ROOT / "pretrained" / game))) is changes


def run(folder, **agent):
    return OmegaConf.create({"runs": str(folder), "name": "a", "model": PONG, "agent": {"kind": "dream", **agent}})


def test_the_game_decides_only_what_is_left_open(tmp_path, monkeypatch):
    monkeypatch.setattr(surroundings, "random_play_changes", lambda world: True)
    for said, expected in ((None, True), (False, False), (True, True)):
        config = run(tmp_path, around=said)
        decide_around(config)
        assert config.agent.around is expected
    config = run(tmp_path)
    decide_around(config)
    assert "around" not in config.agent, "a kind that has no such setting"


@pytest.mark.parametrize(("before", "expected"), [({"around": False}, False), ({"around": True}, True), ({}, False)])
def test_a_run_goes_on_seeing_what_it_saw(tmp_path, monkeypatch, before, expected):
    monkeypatch.setattr(surroundings, "random_play_changes", lambda world: not expected)
    (tmp_path / "a").mkdir()
    OmegaConf.save(run(tmp_path, **before), tmp_path / "a" / "config.yaml")
    config = run(tmp_path, around=None)
    decide_around(config)
    assert config.agent.around is expected
