"""`python -m agents.play`: an agent's game as a video, with what it expects of each action."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sqair_wm.agents.expectations import look_ahead, picture
from sqair_wm.agents.imagined_returns import Counting, returns_of
from sqair_wm.agents.kinds import find_agent, open_run
from sqair_wm.agents.play import main
from sqair_wm.agents.playing.games import RealGames
from sqair_wm.agents.run import CONFIG
from sqair_wm.agents.saved import AGENT
from sqair_wm.games.games import action_names
from tests.agents.test_commands import command  # noqa: F401 (a fixture)
from tests.conftest import ROOT


@pytest.fixture
def games(world, short):
    playing = RealGames(world, 1)
    playing.begin(np.ones(1, bool), [0])
    for _ in range(3):
        playing.step(np.array([1]))
    return playing


def test_what_is_expected_of_an_action_is_what_a_plan_of_it_is_worth(world, games):
    counting = Counting("raw", 0.9)
    outlook = look_ahead(world, games.slots, 4, counting)
    plans = torch.arange(5).expand(4, 5)  # each action, held
    assert np.allclose(outlook.reward, returns_of(world, games.slots.repeat(5), plans, counting).numpy(), atol=1e-5)
    assert outlook.centres.shape == (4, 5, world.config.slots, 2) and outlook.identities.shape == (
        4,
        5,
        world.config.slots,
    )
    turned = look_ahead(world, games.slots, 4, counting, lambda scenes: torch.full((5,), 2))
    mixed = torch.cat([torch.arange(5)[None], torch.full((3, 5), 2)])
    assert np.allclose(turned.reward, returns_of(world, games.slots.repeat(5), mixed, counting).numpy(), atol=1e-5)


def test_the_picture_shows_the_game_and_one_future_for_each_action(world, games):
    outlook, names = look_ahead(world, games.slots, 4, Counting()), action_names(games.envs[0])
    assert len(names) == 5
    shown = picture(games, outlook, names, 3, "said", np.full(5, 0.2))
    side = 4 * world.config.frame_size[1]
    assert shown.dtype == np.uint8 and shown.shape[1] > side
    inner = shown[: 4 * world.config.frame_size[0], :side][2::4, 2::4]
    assert (inner == games.frames[0]).all(-1).mean() > 0.8, "the real frame, but for boxes"
    other = picture(games, outlook, names, 0, "said", np.full(5, 0.2))
    assert (shown != other).any() and (shown[:, :side] == other[:, :side]).all(), "only the choice differs"


def test_a_game_is_written_as_a_video(command, folder, capsys):  # noqa: F811
    command("agent=random")
    path = folder / "Bouncing-random"
    target = folder / "game.mp4"
    main([str(path), "--video", str(target)])
    assert f"{target}: 7 steps" in capsys.readouterr().out
    film = cv2.VideoCapture(str(target))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == 7
    main([str(path), "--video", str(folder / "game.gif"), "--steps", "2"])
    assert (folder / "game.gif").read_bytes().startswith(b"GIF89a")
    with pytest.raises(SystemExit, match=r"\.mp4 or \.gif"):
        main([str(path), "--video", str(folder / "game.txt")])
    with pytest.raises(SystemExit, match="holds no run of an agent"):
        main([str(folder / "nobody")])


def test_without_a_screen_the_first_minute_is_filmed_unless_more_is_asked_for(command, folder, capsys, monkeypatch):  # noqa: F811
    command("agent=random")
    path = folder / "Bouncing-random"
    monkeypatch.setattr("sqair_wm.agents.play.window", lambda title: None)
    monkeypatch.setattr("sqair_wm.agents.play.FILMED", 5)
    main([str(path)])
    assert f"{path / 'game.mp4'}: 5 steps, the first of the game; --steps 100000" in capsys.readouterr().out
    main([str(path), "--steps", "100000"])
    assert f"{path / 'game.mp4'}: 7 steps\n" in capsys.readouterr().out


def test_a_world_model_leads_to_the_agent_beside_it(tmp_path):
    model, agent = tmp_path / "Pong", tmp_path / "Pong-dream"
    for folder in (model, agent, tmp_path / "Pong-cem"):
        folder.mkdir()
    (agent / AGENT).write_text("")
    (agent / CONFIG).write_text("agent:\n  kind: dream\n")
    assert find_agent(model) == find_agent(agent) == agent
    (model / CONFIG).write_text("model:\n  slots: 4\n")
    assert find_agent(model) == agent


def test_an_agent_that_is_not_trained_yet_leads_to_no_other(tmp_path):
    first, second = tmp_path / "Pong-dream", tmp_path / "Pong-dream-seed1"
    for folder in (first, second):
        folder.mkdir()
        (folder / CONFIG).write_text("agent:\n  kind: dream\n")
    (second / AGENT).write_text("")
    assert find_agent(first) == first


def test_the_agent_that_comes_with_the_project_plays(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(ROOT)
    main(["pretrained/Pong", "--video", str(tmp_path / "game.mp4"), "--steps", "3"])
    assert "3 steps" in capsys.readouterr().out
    assert find_agent(Path("pretrained/Pong")) == Path("pretrained/Pong-dream")
    assert open_run(Path("pretrained/Pong")).settings.kind == "dream"
