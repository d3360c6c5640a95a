"""A policy that reads what each action leads to: what it is shown, what it makes of it, and what it leaves alone."""

import io
import zipfile

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from sqair_wm.agents.networks import NetworkSettings
from sqair_wm.agents.playing.games import RealGames
from sqair_wm.agents.sb3.i2a import Distillation, RolloutEncoder, imagination_options, rollout_policy_of
from sqair_wm.agents.sb3.rollouts import (
    IMAGINED,
    REWARDS,
    SLOTS,
    Rollouts,
    RolloutSettings,
    RolloutSight,
    rollout_space,
)
from sqair_wm.agents.sb3.sb3_games import SB3Games
from sqair_wm.agents.sb3.sights import SightPolicy
from tests.agents.worlds import Corridor, Places, at, brought

ROWS = gym.spaces.Box(-np.inf, np.inf, (2, 8), np.float32)
ACTIONS, GAMES = 4, 64


def look(scenes):
    """One object, and where it is as its look."""
    rows = torch.zeros(len(scenes.place), *ROWS.shape)
    rows[:, 0, 0], rows[:, 0, 7] = 1, scenes.place.float()
    return rows


def corridor(ends=(), policy=1, **settings):
    world = Corridor([0.0, 0.0, 0.0, 1.0, 5.0], ends)
    rollouts = Rollouts(world, look, 3, RolloutSettings(**{"reward": "raw", "length": 3} | settings))
    rollouts.policy = lambda seen: torch.full((len(seen), 3), -1e9).index_fill(1, torch.tensor(policy), 0.0)
    return rollouts


def test_a_rollout_begins_with_each_action_and_goes_on_as_its_policy_says():
    seen, rewards = corridor().imagine(at(2, 0))
    assert seen[:, :, :, 0, 7].tolist() == [[[1, 2, 3], [3, 4, 4], [2, 3, 4]], [[0, 1, 2], [1, 2, 3], [0, 1, 2]]]
    assert rewards.tolist() == [[[0, 0, 1], [1, 5, 5], [0, 1, 5]], [[0, 0, 0], [0, 0, 1], [0, 0, 0]]]


def test_what_comes_after_an_ending_does_not_count():
    _, rewards = corridor(ends=(3,)).imagine(at(2))
    assert rewards.tolist() == [[[0, 0, 1], [1, 0, 0], [0, 1, 0]]]


def test_later_actions_are_drawn():
    rollouts = corridor(length=2)
    rollouts.policy = lambda seen: torch.tensor([0.75, 0.0, 0.25]).log().expand(len(seen), 3)
    seen, _ = rollouts.imagine(at(*[2] * 2000))
    assert (seen[:, 2, 1, 0, 7] == 1).float().mean().item() == pytest.approx(0.75, abs=0.04)
    again = corridor(length=2)
    again.policy = rollouts.policy
    assert torch.equal(again.imagine(at(*[2] * 2000))[0], seen), "the same seed, the same rollouts"


def test_a_copy_model_shows_the_scene_that_it_was_given_and_no_reward():
    seen, rewards = corridor(imagine=False).imagine(at(2, 4))
    assert torch.equal(seen, look(at(2, 4))[:, None, None].expand(2, 3, 3, 2, 8)) and not rewards.any()


def test_rollouts_are_read_from_their_last_step_to_their_first():
    encoder = RolloutEncoder(ROWS, code=8, width=8).eval()
    seen, rewards = corridor().imagine(at(2))
    read, code, memory = torch.nn.LSTMCell(9, 8), torch.zeros(1, 8), torch.zeros(1, 8)
    read.load_state_dict({name.removesuffix("_l0"): w for name, w in encoder.read.state_dict().items()})
    with torch.no_grad():
        codes = encoder(seen, rewards)
        for t in (2, 1, 0):
            features = encoder.look(seen[0, 1, t][None])
            code, memory = read(torch.cat([features, rewards[0, 1, t].view(1, 1)], 1), (code, memory))
    assert codes.shape == (1, 3, 8) and torch.allclose(codes[0, 1], code[0], atol=1e-6)


class Later:
    """Pays 1 in the second step for a first action that was the scene's number."""

    def step(self, slots, action):
        first = slots.step == 0
        right = torch.where(first, (action == slots.place).long(), slots.place)
        return Places(right, slots.step + 1), brought(~first & (right == 1))


class Guess(VecEnv):
    """Games of one step: name the number of the scene for a reward of 1. Only where it is `shown` can it be seen."""

    def __init__(self, imagine, shown=False):
        self.render_mode = None
        super().__init__(GAMES, rollout_space(ROWS, ACTIONS, 2), gym.spaces.Discrete(ACTIONS))
        self.random, self.won, self.shown = np.random.default_rng(0), [], shown
        self.rollouts = Rollouts(Later(), self.look, ACTIONS, RolloutSettings(length=2, imagine=imagine))

    def look(self, scenes):
        return look(scenes if self.shown else Places(torch.zeros_like(scenes.place), scenes.step))

    def reset(self):
        self.scenes = at(*self.random.integers(ACTIONS, size=GAMES).tolist())
        return self.rollouts.observe(self.scenes)

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        reward = (self.actions == self.scenes.place.numpy()).astype(np.float32)
        self.won.append(reward.mean())
        return self.reset(), reward, np.ones(GAMES, bool), [{} for _ in range(GAMES)]

    def close(self):
        """Nothing to close."""

    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name)] * GAMES

    def set_attr(self, attr_name, value, indices=None):
        raise NotImplementedError

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * GAMES


def agent_for(games, **options):
    networks = imagination_options(NetworkSettings(features=16, width=16), code=8) | {"net_arch": [16]}
    told = {"n_steps": 4, "batch_size": 64, "learning_rate": 5e-3, "ent_coef": 0.0, "gamma": 0.9, "seed": 0} | options
    agent = PPO("MultiInputPolicy", games, policy_kwargs=networks, device="cpu", **told)
    rollouts = games.rollouts if isinstance(games, Guess) else games.sight.rollouts
    rollouts.policy = rollout_policy_of(agent)
    return agent


def learned(imagine, shown=False, rounds=7):
    """How often the number is named in the last round of learning, and the agent."""
    games = Guess(imagine, shown)
    agent = agent_for(games, batch_size=128).learn(rounds * 4 * GAMES, Distillation())
    return np.mean(games.won[-4:]), agent, games


def test_ppo_learns_from_imagination_what_its_control_cannot():
    won, agent, games = learned(imagine=True)
    assert won > 0.9
    shown = agent.policy.obs_to_tensor(games.rollouts.observe(at(*range(ACTIONS))))[0]
    with torch.no_grad():
        codes = agent.policy.features_extractor.encoder(shown[IMAGINED], shown[REWARDS])
    right = torch.eye(ACTIONS, dtype=torch.bool)
    assert (codes[right] - codes[~right].mean(0)).norm(dim=-1).min() > 5 * codes[~right].std(0).norm()
    assert learned(imagine=False)[0] < 0.4, "one in four is right by chance"


def test_the_rollout_policy_comes_to_do_what_the_agent_does():
    won, agent, _ = learned(imagine=False, shown=True, rounds=8)
    assert won > 0.9, "here the scene itself tells"
    with torch.no_grad():
        likely = rollout_policy_of(agent)(look(at(*range(ACTIONS)))).softmax(-1)
    assert likely.diagonal().min() > 0.7


def test_what_teaches_the_rollout_policy_changes_nothing_else():
    games = Guess(imagine=True, shown=True)
    agent, teacher = agent_for(games), Distillation()
    teacher.init_callback(agent)
    agent.policy.set_training_mode(False)
    shown = agent.policy.obs_to_tensor(games.reset())[0]
    before = {name: w.clone() for name, w in agent.policy.state_dict().items()}
    chances = teacher.chances(shown)
    losses = [teacher.teach(shown[SLOTS], chances).item() for _ in range(30)]
    entropy = -(chances * chances.log()).sum(-1).mean().item()
    assert losses[-1] < losses[0] and losses[-1] == pytest.approx(entropy, abs=0.02), "no cross entropy is lower"
    changed = {name for name, w in agent.policy.state_dict().items() if not torch.equal(w, before[name])}
    assert changed and all("rollout_policy" in name for name in changed)
    assert all(w.grad is None for w in agent.policy.parameters())


def real_games(world):
    return SB3Games(RealGames(world, 2), RolloutSight(world, RolloutSettings(length=2), seed=5))


def test_an_agent_is_saved_without_the_world_model(world, short, tmp_path):
    games = real_games(world)
    agent = agent_for(games, batch_size=8, n_epochs=1)
    agent.learn(16, Distillation())  # games of seven steps are cut off, and PPO values what came last
    agent.save(tmp_path / "agent.zip")
    with zipfile.ZipFile(tmp_path / "agent.zip") as file:
        held = torch.load(io.BytesIO(file.read("policy.pth")), weights_only=True)
        assert b"WorldModel" not in file.read("data")
    assert len(held) == len(agent.policy.state_dict())
    learns = {id(w) for group in agent.policy.optimizer.param_groups for w in group["params"]}
    assert learns == {id(w) for w in agent.policy.parameters()}
    assert not learns & {id(w) for w in world.parameters()}
    known = {tuple(w.shape): w for w in world.state_dict().values() if w.numel() > 16}
    assert not any(torch.equal(w, known[tuple(w.shape)]) for w in held.values() if tuple(w.shape) in known)

    back, shown = PPO.load(tmp_path / "agent.zip"), games.reset()
    assert np.array_equal(back.predict(shown, deterministic=True)[0], agent.predict(shown, deterministic=True)[0])
    assert torch.equal(rollout_policy_of(back).choose.weight, rollout_policy_of(agent).choose.weight)


class Notes:
    """Writes down what it is shown and takes turns with the actions."""

    def __init__(self):
        self.shown = []

    def predict(self, observation, deterministic=False):
        self.shown.append(observation)
        return np.full(2, len(self.shown) % 5), None


def test_it_is_shown_the_same_in_evaluation_as_in_training(world, short):
    envs, games = real_games(world), RealGames(world, 2)
    agent = agent_for(real_games(world))
    policy, notes = SightPolicy(agent, games, RolloutSight(world, RolloutSettings(length=2), seed=5)), Notes()
    envs.sight.rollouts.policy, policy.agent = rollout_policy_of(agent), notes
    envs.seed(7)
    expected = [envs.reset()]
    games.begin(np.ones(2, bool), [7, 8])
    for _ in range(3):
        actions, _ = policy.predict(None)
        games.step(actions)
        expected.append(envs.step(actions)[0])
    policy.predict(None)
    assert len(notes.shown) == len(expected) == 4 and expected[0][IMAGINED].shape[:3] == (2, 5, 2)
    for one, other in zip(notes.shown, expected, strict=True):
        assert one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
    assert envs.observation_space.contains({name: values[0] for name, values in expected[-1].items()})


def test_what_ended_is_shown_with_its_rollouts(world, short):
    envs = real_games(world)
    envs.reset()
    infos = [envs.step(np.zeros(2, np.int64))[3] for _ in range(7)][-1]
    assert all(envs.observation_space.contains(info["terminal_observation"]) for info in infos)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="length"):
        RolloutSettings(length=0)
