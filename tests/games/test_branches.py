"""Futures branch off from a running game, which then goes on as if they had not been tried."""

import threading

import gymnasium as gym
import numpy as np
import pytest

from sqair_wm.games.branches import Branching, CopyKeeper, EmulatorKeeper, ReplayKeeper
from sqair_wm.games.games import make_game


class Drunk(gym.Env):
    """Walks along a line, by action and chance; place 3 gives a reward. It holds a lock, which can't be copied."""

    observation_space, action_space = gym.spaces.Box(-99, 99, (1,)), gym.spaces.Discrete(2)
    chance = "np_random"

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.lock = 0, threading.Lock()
        return np.array([0.0]), {}

    def step(self, action):
        draw = self.np_random.integers(-1, 2) if self.chance == "np_random" else np.random.randint(-9, 10)
        self.place += 2 * int(action) - 1 + int(draw)
        return np.array([float(self.place)]), float(self.place == 3), self.place <= -6, False, {}


def game(name: str) -> gym.Env:
    return Drunk() if name == "Drunk" else make_game(*name.split()[:1], **({"sticky": 0.25} if " " in name else {}))


@pytest.mark.parametrize(
    ("name", "keeper"),
    [
        ("Pong", EmulatorKeeper),
        ("MsPacman sticky", EmulatorKeeper),
        ("Bouncing", CopyKeeper),
        ("Drunk", ReplayKeeper),
    ],
)
def test_a_game_goes_on_as_its_twin_that_was_never_branched(name: str, keeper: type) -> None:
    one, other, random = Branching(game(name)), game(name), np.random.default_rng(1)
    actions = int(one.action_space.n)
    assert np.array_equal(one.reset(seed=3)[0], other.reset(seed=3)[0])
    assert isinstance(one._keeper, keeper)
    for t in range(140):
        if t % 35 == 20:
            one.try_out(random.integers(0, actions, (12, 3)))
        action = int(random.integers(actions))
        (seen, *said, _), (seen_too, *said_too, _) = one.step(action), other.step(action)
        assert np.array_equal(seen, seen_too) and said == said_too
        if said[1] or said[2]:
            assert np.array_equal(one.reset()[0], other.reset()[0])


@pytest.mark.parametrize("name", ["MsPacman", "Bouncing", "Drunk"])
def test_what_was_tried_out_is_what_happens(name: str) -> None:
    env, random = Branching(game(name)), np.random.default_rng(0)
    actions = int(env.action_space.n)
    env.reset(seed=7)
    for _ in range(80 if name == "MsPacman" else 3):
        env.step(0)
    plans = random.integers(0, actions, (40, 6)).repeat(2, 0)[:40]
    rewards = env.try_out(plans)
    assert rewards.any() and np.array_equal(rewards, env.try_out(plans))
    before = env.save()
    for c in range(plans.shape[1]):
        got = np.zeros(len(plans))
        for t, action in enumerate(plans[:, c]):
            _, got[t], over, *_ = env.step(action)
            if over:
                break
        assert np.array_equal(got, rewards[:, c])
        env.restore(before)


def test_an_action_lasts_as_many_raw_frames_as_through_the_wrappers() -> None:
    env = Branching(make_game("Pong", frame_skip=2))
    env.reset(seed=0)
    began = env.unwrapped.ale.getFrameNumber()
    env.step(0)
    through = env.unwrapped.ale.getFrameNumber() - began
    env._keeper.step(0)
    assert env.unwrapped.ale.getFrameNumber() - began == 2 * through == 4


def test_a_game_that_goes_another_way_each_time_is_refused() -> None:
    env = Drunk()
    env.chance = "global"
    with pytest.raises(RuntimeError, match="can't be branched"):
        Branching(env).reset(seed=1)


def test_nothing_to_branch_before_an_episode() -> None:
    with pytest.raises(RuntimeError, match=r"reset\(seed"):
        Branching(Drunk()).save()
