"""The rules of Bouncing in tensors are those of the game, and planners that know them play it well."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from sqair_wm.agents.evaluate import play_whole
from sqair_wm.agents.planning.cem import CEM, CEMSettings
from sqair_wm.agents.planning.mcts import MCTS, MCTSSettings
from sqair_wm.agents.planning.shooting import Shooting, ShootingSettings
from sqair_wm.agents.playing.truth import LAYOUT, BouncingGames, BouncingRules, look
from sqair_wm.games.policies import RandomPolicy


def test_games_by_the_rules_go_as_the_games_do(monkeypatch):
    monkeypatch.setattr("sqair_wm.games.bouncing.Bouncing.longest", 60)
    envs, games = [gym.make("sqair_wm/Bouncing-v0") for _ in range(6)], BouncingGames(6)
    boxes = [env.reset(seed=i)[1]["boxes"] for i, env in enumerate(envs)]
    games.begin(np.ones(6, bool), list(range(6)))
    random, over = np.random.default_rng(0), np.zeros(6, bool)
    for _ in range(60):
        action = random.integers(5, size=6)
        tick = games.step(action)
        for i in np.flatnonzero(~over):
            _, reward, ended, cut, info = envs[i].step(action[i])
            assert (tick.reward[i], tick.ended[i], tick.truncated[i]) == (reward, ended, cut and not ended)
            over[i], boxes[i] = ended or cut, info["boxes"]
        places = torch.stack([games.slots.bouncer, games.slots.steered], 1).numpy()
        assert np.allclose(places, np.stack(boxes)[..., :2], atol=1e-4) and (games.over == over).all()
    assert over.all()


def test_observations_lie_in_the_space_and_say_where_the_sprites_are():
    games = BouncingGames(3)
    games.begin(np.ones(3, bool), [1, 2, 3])
    seen = games.observation
    assert all(LAYOUT.space.contains(x) for x in seen) and (seen[..., 0] == 1).all()
    pixels = (seen[:, 1, 1:3] + 1) / 2 * 79 - 3.5
    assert np.allclose(pixels, games.slots.steered, atol=1e-4)
    after, _ = games.rules.step(games.slots, torch.zeros(3, dtype=torch.int64))
    moved = look(after)[:, 0, 1:3].numpy() - seen[:, 0, 1:3]
    assert np.allclose(moved, seen[:, 0, 5:7], atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (Shooting, ShootingSettings(horizon=4, hold=4, plans=64)),
        (CEM, CEMSettings(horizon=4, hold=4, plans=32)),
        (MCTS, MCTSSettings(horizon=3, hold=4, simulations=16)),
    ],
)
def test_planners_that_know_the_rules_play_far_better_than_at_random(kind, settings, monkeypatch):
    monkeypatch.setattr("sqair_wm.games.bouncing.Bouncing.longest", 60)
    games = BouncingGames(4)
    planned = play_whole(games, kind(BouncingRules(), 5, settings, scenes=games), 4, seed=0)
    drawn = play_whole(games, RandomPolicy(4, 5, 0), 4, seed=0)
    assert np.mean([e.total for e in planned]) > np.mean([e.total for e in drawn]) + 20
