"""Real games side by side show what the slot environment shows, and stay as they are when they have ended."""

import gymnasium as gym
import numpy as np
import pytest

from sqair_wm.agents.planning.planner import slots_of
from sqair_wm.agents.playing.games import LEARNT_SEEDS, RealGames
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint


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


def test_games_go_on_from_their_saved_state(world, short, tmp_path):
    random = np.random.default_rng(0)
    games = RealGames(world, 2, seed=3)
    games.begin(np.ones(2, bool))
    for _ in range(10):  # the games end after a few steps, and others begin
        games.advance(random.integers(5, size=2))
    save_checkpoint(tmp_path / "games.pt", {"iteration": 1, "games": games.state_dict()})
    later = RealGames(world, 2, seed=99)
    later.load_state_dict(load_checkpoint(tmp_path / "games.pt")["games"])
    for _ in range(12):
        assert (later.frames == games.frames).all() and (later.observation == games.observation).all()
        assert (later.backgrounds == games.backgrounds).all()
        action = random.integers(5, size=2)
        ticks = [x.advance(action) for x in (games, later)]
        assert all((a == b).all() for a, b in zip(*ticks, strict=True))
        assert (games.fresh == later.fresh).all() and (games.over == later.over).all()


def test_a_game_that_goes_differently_begins_anew_with_a_warning(world, short):
    games, later = RealGames(world, 2, seed=3), RealGames(world, 2, seed=3)
    games.begin(np.ones(2, bool))
    games.advance(np.zeros(2, int))
    state = games.state_dict()
    state["seed"][1] = 77  # as if the game did not heed its seed
    with pytest.warns(UserWarning, match="1 of 2 games went differently"):
        later.load_state_dict(state)
    assert later.fresh.tolist() == [False, True] and not later.over.any()
    assert (later.frames[0] == games.frames[0]).all()


def test_games_that_have_not_begun_begin_later_as_they_would_have(world, short, recwarn):
    games, later = RealGames(world, 2, seed=3), RealGames(world, 2, seed=9)
    later.load_state_dict(games.state_dict())
    assert not [w for w in recwarn if "differently" in str(w.message)] and later.over.all()
    for x in (games, later):
        x.begin(x.over)
    assert (later.frames == games.frames).all() and later.state_dict()["seed"] == games.state_dict()["seed"] == [3, 4]


def test_every_game_has_a_seed_of_its_own(world, short):
    games, seeds = RealGames(world, 2, seed=3), []
    for _ in range(30):
        games.begin(np.ones(2, bool))
        seeds += games.state_dict()["seed"]
    assert seeds[:2] == [3, 4] and len(set(seeds)) == 60 and max(seeds) < LEARNT_SEEDS
