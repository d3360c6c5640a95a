"""Keys stand for actions."""

import ale_py
import gymnasium as gym
import pytest

from sqair_wm.playground.keys import KEYS, key_actions

gym.register_envs(ale_py)


def test_pong_goes_up_and_down_by_the_arrows():
    table = key_actions(["NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"])
    assert [table[k] for k in ("", "FIRE", "UP", "DOWN", "RIGHT", "LEFT", "UP+FIRE")] == [0, 1, 2, 3, 2, 3, 4]


@pytest.mark.parametrize("game", ["MsPacman", "Breakout", "Boxing"])
def test_every_action_of_a_game_has_its_keys(game):
    names = gym.make(f"ALE/{game}-v5").unwrapped.get_action_meanings()
    table = key_actions(names)
    assert len(table) == 2 ** len(KEYS) and set(table.values()) == set(range(len(names)))


def test_what_is_no_action_is_the_nearest_one():
    table = key_actions(["NOOP", "UP", "DOWN", "LEFT", "RIGHT"])
    assert table["UP+LEFT"] == 1 and table["FIRE"] == 0 and table["LEFT+FIRE"] == 3


def test_actions_with_other_names_leave_the_keys_to_the_first():
    assert set(key_actions(["action 0", "action 1"]).values()) == {0}
    assert set(key_actions(["next frame"]).values()) == {0}
