"""All spellings of a game's name lead to the same game."""

import gymnasium as gym
import pytest

from sqair_wm.games.games import check_field, make_game
from sqair_wm.games.names import Game, find_game, games, settle
from tests.games.toys import MODULE, SPOT, write_game


@pytest.mark.parametrize("text", ["Pong", "pong", "PONG"])
def test_a_bare_name_asks_for_nothing(text):
    assert find_game(text) == Game("Pong", True) and settle(find_game(text), None) == (0.0, 4)


@pytest.mark.parametrize("text", ["ALE/Pong-v5", "ale_py:ALE/Pong-v5", "PongNoFrameskip-v4", "PongNoFrameskip-v0"])
def test_an_id_asks_for_what_gymnasium_registers(text):
    game, registered = find_game(text), gym.spec(text.rpartition(":")[2]).kwargs
    assert game.name == "Pong" and game.id == "ALE/Pong-v5"
    assert (game.sticky, game.frame_skip) == (registered["repeat_action_probability"], registered["frameskip"])


def test_ids_that_are_registered_no_more_are_understood():
    assert find_game("PongDeterministic-v4") == Game("Pong", True, 0.0, 4)
    assert find_game("PongDeterministic-v0") == Game("Pong", True, 0.25, 4)
    assert find_game("SpaceInvadersDeterministic-v4").frame_skip == 3


@pytest.mark.parametrize("text", ["Bouncing", "bouncing", "sqair_wm/Bouncing-v0", "sqair_wm:sqair_wm/Bouncing-v0"])
def test_our_own_game_has_one_name_too(text):
    assert find_game(text) == Game("Bouncing", False)


def test_a_random_frame_skip_is_refused_with_what_would_be_right():
    with pytest.raises(ValueError, match=r"random number of raw frames.*PongNoFrameskip-v4"):
        find_game("Pong-v4")


def test_settings_that_would_be_lost_are_refused():
    gym.register("HardPong-v0", "ale_py.env:AtariEnv", kwargs={"game": "pong", "difficulty": 1, "frameskip": 4})
    with pytest.raises(ValueError, match=r"\{'difficulty': 1\}.*use Pong"):
        find_game("HardPong-v0")


def test_what_the_user_asks_for_must_not_contradict_the_id():
    assert settle(find_game("Pong"), 0.1) == (0.1, 4) and settle(find_game("ALE/Pong-v5"), 0.25) == (0.25, 4)
    with pytest.raises(ValueError, match=r"sticky=0.0 contradicts .*asks for 0.25: leave sticky out"):
        settle(find_game("ALE/Pong-v5"), 0.0)


def test_unknown_games_are_answered_with_the_nearest():
    assert len(games()) > 90
    for text, hint in (
        ("mspacmn", "did you mean MsPacman"),
        ("ALE/Breakot-v5", "did you mean Breakout"),
        ("My/Game-v0", "env=module:My/Game-v0"),
        ("nowhere:My/Game-v0", "'nowhere'.*PYTHONPATH"),
        ("gymnasium:CartPole-v7", "did you mean gymnasium:CartPole-v1"),
    ):
        with pytest.raises(ValueError, match=hint):
            find_game(text)


def test_a_game_of_a_users_module_is_found_by_module_and_id(tmp_path, monkeypatch):
    name = write_game(tmp_path, monkeypatch)
    game = find_game(name)
    assert game == Game(name, False) and game.id == name.removeprefix(f"{MODULE}:")
    env = make_game(name, size=20)
    frame, _ = env.reset(seed=0)
    assert frame.shape == (20, 20, 3) and tuple(frame[10, 10]) == SPOT
    for asked in ({"sticky": 0.25}, {"frame_skip": 4}, {"crop": (0, 10)}, {"pool": 2}):
        with pytest.raises(ValueError, match=rf"{next(iter(asked))}=.* is for Atari games"):
            make_game(name, **asked)
    check_field(game, None, None)
