"""Whole games: every game counts, and the same seed gives the same game."""

import gymnasium as gym
import numpy as np

from sqair_wm.agents.evaluate import figures, play_whole
from sqair_wm.agents.playing.games import RealGames


class Upwards:
    """Goes up and left in turn, counting steps in its memory."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        count = np.where(episode_start, 0, 0 if state is None else state)
        return np.where(count % 2 == 0, 1, 3), count + 1


def alone(seed):
    env = gym.make("sqair_wm/Bouncing-v0")
    env.reset(seed=seed)
    total, steps, over = 0.0, 0, False
    while not over:
        _, reward, ended, cut, _ = env.step((1, 3)[steps % 2])
        total, steps, over = total + reward, steps + 1, ended or cut
    return seed, total, steps, cut


def test_games_side_by_side_are_those_played_one_by_one(world, monkeypatch):
    monkeypatch.setattr("sqair_wm.games.bouncing.Bouncing.longest", 40)
    found = play_whole(RealGames(world, 3), Upwards(), 7, seed=40)
    wanted = [alone(seed) for seed in range(40, 47)]
    assert [(e.seed, e.total, e.steps, e.cut) for e in found] == wanted
    assert len({steps for _, _, steps, _ in wanted}) > 1 and any(cut for *_, cut in wanted)


class Still:
    """Always goes down."""

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        return np.full(len(observation), 2), None


def test_a_game_begins_by_waiting_for_as_long_as_its_seed_says(world, monkeypatch):
    taken = []
    step = RealGames.step
    monkeypatch.setattr(RealGames, "step", lambda self, a, rows=None: taken.append(a.copy()) or step(self, a, rows))
    monkeypatch.setattr("sqair_wm.games.bouncing.Bouncing.longest", 12)
    play_whole(RealGames(world, 4), Still(), 4, seed=40, wait=7)
    waited = (np.array(taken) == 0).sum(0)
    assert waited.tolist() == [np.random.default_rng(40 + i).integers(8) for i in range(4)] and len(set(waited)) > 1
    for game, length in enumerate(waited):
        assert (np.array(taken)[length:, game] == 2).all()


def test_figures_say_what_a_human_made_of_it():
    pong = figures("Pong", [[-21.0, -20.4], [14.6]])
    assert abs(pong["mean"] + 8.933) < 1e-3 and abs(pong["human_normalised"] - (20.7 - 8.9333) / 35.3) < 1e-4
    assert pong["human_normalised_95"][0] < pong["human_normalised"] < pong["human_normalised_95"][1]
    assert "human_normalised" not in figures("Bouncing", [[1.0]])
