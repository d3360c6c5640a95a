"""Real games side by side show what the slot environment shows, and stay as they are when they have ended."""

import gymnasium as gym
import numpy as np

from sqair_wm.agents.games import RealGames
from sqair_wm.agents.planning.planner import slots_of


def test_each_game_is_seen_as_by_the_slot_environment(world, model):
    games = RealGames(world, 2, seed=3)
    games.begin(np.ones(2, bool))
    alone = [gym.make("sqair_wm/Slots-v0", model=model) for _ in range(2)]
    seen = [env.reset(seed=3 + i)[0] for i, env in enumerate(alone)]
    random = np.random.default_rng(0)
    for _ in range(6):
        assert np.allclose(games.observation, np.stack(seen), atol=1e-5) and games.observation[..., 0].any()
        action = random.integers(5, size=2)
        tick = games.step(action)
        steps = [env.step(a) for env, a in zip(alone, action, strict=True)]
        seen = [s[0] for s in steps]
        assert tick.reward.tolist() == [s[1] for s in steps] and tick.ended.tolist() == [s[2] for s in steps]


def test_a_game_that_is_over_waits_until_it_begins_anew(world, short):
    games = RealGames(world, 2, seed=5)
    games.begin(np.array([True, True]), [5, 6])
    games.step(np.zeros(2, int))
    games.begin(np.array([False, True]), [8])  # one step behind from now on
    for _ in range(6):
        tick = games.step(np.zeros(2, int))
    assert tick.truncated.tolist() == [True, False] and games.over.tolist() == [True, False]
    before = games.frames.copy()
    tick = games.advance(np.ones(2, int))
    assert tick.began.tolist() == [True, False] and tick.action.tolist() == [0, 1]
    assert games.fresh.tolist() == [True, False] and games.over.tolist() == [False, True]
    assert (before[0] != games.frames[0]).any()


def test_planners_find_the_scenes(world, model):
    games = RealGames(world, 2)
    games.begin(np.ones(2, bool))
    assert slots_of(games).presence.shape[0] == 2
    env = gym.make("sqair_wm/Slots-v0", model=model)
    env.reset(seed=0)
    assert slots_of(env).presence.shape[0] == 1
