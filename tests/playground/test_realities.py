"""Games other than Atari's, games that end, films, and agents that play."""

from pathlib import Path

import numpy as np
import pytest

from sqair_wm.agents.train import train
from sqair_wm.common.settings import schema
from sqair_wm.games.bouncing import GROUND, Bouncing
from sqair_wm.games.names import BOUNCING
from sqair_wm.playground.playables import drawn_films, open_agent, open_playable
from sqair_wm.playground.realities import FilmReality
from sqair_wm.playground.session import Session
from tests.envs.conftest import SIZE, save_model


@pytest.fixture(scope="module")
def bouncing(tmp_path_factory):
    place = tmp_path_factory.mktemp("models") / "Bouncing"
    place.mkdir()
    return Path(save_model(BOUNCING, 5, np.full((SIZE, SIZE, 3), GROUND, np.uint8), place))


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(Bouncing, "longest", 7)


def test_a_game_that_is_copied_goes_on_from_its_past(bouncing):
    session = Session(open_playable(bouncing))
    assert session.introduction["keys"]["UP"] == 1 and session.introduction["fps"] == 15
    for action in (1, 2, 3, 4, 1, 2):
        session.act(action)
    session.seek(2)
    for action in (3, 4, 1, 2):
        session.act(action)
    one, other = (b.moments[-1] for b in session.history.branches)
    assert one.picture == other.picture and one.real.score == other.real.score


def test_after_its_end_the_next_game_begins_but_a_dream_goes_on(bouncing, short):
    session = Session(open_playable(bouncing))
    for _ in range(7):
        session.act(0)
    assert session.now.real.over
    session.toggle_dream()
    session.act(1)
    session.act(1)
    assert session.now.real.over and session.now.real.reward == 0 and session.now.dream is not None
    session.toggle_dream()
    session.act(1)
    now = session.now
    assert now.action is None and not now.real.over and now.real.score == 0 and now.number == 10
    session.seek(3)
    session.act(0)
    assert not session.now.real.over and session.now.number == 4


def test_films_follow_one_another_and_are_dreamt_on(film):
    session = Session(film)
    assert session.introduction["actions"] == ["next frame"] and session.introduction["game"] is None
    for _ in range(3):
        session.act(0)
    assert session.now.real.over
    first = session.now.picture
    session.act(0)
    assert session.now.action is None and session.now.picture != first
    session.seek(1)
    session.toggle_dream()
    session.act(0)
    seen = session.snapshot()
    assert seen["dream"]["reward"] == 0 and seen["dream_from"] == 1
    (future,) = session.futures(3)
    assert "reward" not in future and future["picture"].startswith("data:image/png")
    again = session.history.branches[0].moments[2]
    assert session.now.picture == again.picture


def test_a_model_without_data_shows_films_that_it_draws(film, tmp_path, capsys):
    film.world.save(tmp_path)
    playable = open_playable(tmp_path)
    assert "held-out data can't be read" in capsys.readouterr().out
    assert isinstance(playable.reality(0), FilmReality)
    frames = drawn_films(film.world)
    assert frames.foreground.shape[:2] == (30, 8) and frames.foreground.equal(drawn_films(film.world).foreground)


LEARNING = {"games": 1, "n_steps": 8, "batch_size": 8, "n_epochs": 1, "width": 16, "features": 16, "hidden": 16}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("shooting", {}),
        ("random", {}),
        ("i2a", LEARNING | {"length": 1, "code": 8, "around": True}),
    ],
)
def test_an_agent_plays_in_the_game_and_in_the_dream(bouncing, short, tmp_path, kind, settings):
    from omegaconf import OmegaConf

    from sqair_wm.agents.settings import AgentRunSettings

    places = {"model": str(bouncing), "runs": str(tmp_path), "name": kind, "agent": {"kind": kind} | settings}
    train(OmegaConf.merge(schema(AgentRunSettings), {"steps": 8}, places))
    session = Session(open_agent(tmp_path / kind))
    assert session.introduction["players"] == ["you", *dict.fromkeys([kind, "random"])]
    session.play(kind)
    for _ in range(3):
        session.act()
    session.toggle_dream()
    for _ in range(3):
        session.act()
    assert session.now.number == 6 and session.now.dream is not None
