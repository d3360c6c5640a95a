"""Learning in imagination: returns against hand-computed ones, and a problem whose best policy is known."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from sqair_wm.agents.dreaming.dream import Dream, DreamSettings
from sqair_wm.agents.dreaming.real_play import RealPlay, return_targets
from sqair_wm.agents.dreaming.returns import ReturnRange, lambda_returns
from sqair_wm.agents.networks import NetworkSettings, actor_critic
from sqair_wm.envs.layout import Layout
from tests.agents.worlds import Corridor, TakeTurns, at

LAYOUT = Layout(2, 1, (80, 80))
NETWORKS = NetworkSettings(features=32, width=16, hidden=32)


def look(scenes):
    """One object, whose place is the scene's, and whose code says whether the step is odd; the other row is empty."""
    seen = torch.zeros(len(scenes.place), 2, 8)
    seen[:, 0, 0], seen[:, 0, 1], seen[:, 0, 7] = 1, scenes.place / 4 - 1, scenes.step % 2
    return seen


def dream(world, actions=3, **settings):
    model = actor_critic(LAYOUT.space, gym.spaces.Discrete(actions), NETWORKS, seed=0)
    chosen = {
        "reward": "raw",
        "stochastic": False,
        "scenes": 64,
        "parts": 4,
        "passes": 1,
        "learning_rate": 3e-3,
        **settings,
    }
    return model, Dream(world, model.policy, look, DreamSettings(**chosen))


def test_lambda_returns_are_those_worked_out_by_hand():
    reward = torch.tensor([[1.0], [2.0], [4.0]])
    weight, value = torch.tensor([[0.5], [0.5], [0.5]]), torch.tensor([[99.0], [8.0], [16.0], [32.0]])
    # From the last step backwards: 4 + 0.5 * 32 = 20; 2 + 0.5 * (16 + 20) / 2 = 11; 1 + 0.5 * (8 + 11) / 2 = 5.75.
    assert lambda_returns(reward, weight, value, 0.5).flatten().tolist() == [5.75, 11.0, 20.0]
    # One step: 1 + 4, 2 + 8, 4 + 16. All steps: 20, 2 + 10, 1 + 6.
    assert lambda_returns(reward, weight, value, 0.0).flatten().tolist() == [5.0, 10.0, 20.0]
    assert lambda_returns(reward, weight, value, 1.0).flatten().tolist() == [7.0, 12.0, 20.0]


def test_nothing_is_returned_from_after_an_ending():
    reward, value = torch.tensor([[1.0], [2.0], [400.0]]), torch.full((4, 1), 1000.0)
    weight = torch.tensor([[1.0], [0.0], [1.0]])
    assert lambda_returns(reward, weight, value, 1.0)[:2].flatten().tolist() == [3.0, 2.0]


def test_the_range_of_returns_is_averaged_and_at_least_one():
    span = ReturnRange()
    assert span.update(torch.linspace(0, 100, 101)) == pytest.approx(90.0)
    assert span.update(torch.zeros(50)) == pytest.approx(90 * 0.99 / 1.99, rel=1e-3)
    assert ReturnRange().update(0.1 * torch.randn(50)) == 1.0


def test_what_is_imagined_gives_each_action_its_own_reward():
    _, learner = dream(TakeTurns(), 2, horizon=4, lam=1.0, discount=0.5)
    learner.policy.value_net.weight.data.zero_()
    imagined = learner.imagine(at(0))
    right = (imagined.action == torch.tensor([0, 1, 0, 1])[:, None]).float()
    assert torch.allclose(imagined.returns[0], right.T @ torch.tensor([1, 0.5, 0.25, 0.125]))
    assert torch.equal(imagined.returns[3], right[3])


def test_a_decision_that_is_held_brings_the_rewards_of_all_its_steps():
    _, learner = dream(TakeTurns(), 2, horizon=2, hold=3, lam=1.0, discount=0.5)
    learner.policy.value_net.weight.data.zero_()
    imagined = learner.imagine(at(0))
    # Action 0 brings a reward in even steps, action 1 in odd ones. The second decision begins with step 3.
    first, second = torch.tensor([1 + 0.25, 0.5]), torch.tensor([0.5, 1 + 0.25])
    assert torch.allclose(imagined.returns[1], second[imagined.action[1]])
    assert torch.allclose(imagined.returns[0], first[imagined.action[0]] + second[imagined.action[1]] / 8)
    assert learner.learn(at(0), 400)["steps"] == 64 * 2 * 3 * 2


def test_steps_after_an_ending_do_not_teach():
    _, learner = dream(Corridor([0, 0, 5, 5, 5, 5, 5], ends=(2, 3, 4, 5, 6)), horizon=6)
    imagined = learner.imagine(at(2, 1))
    moved = torch.stack([(imagined.seen[t, :, 0, 1] * 4 + 4).round() for t in range(6)])
    ended = torch.cat([torch.zeros(1, 64), (moved[1:] >= 2).float().cummax(0).values])
    assert torch.equal(imagined.alive, 1 - ended) and 0 < ended.mean() < 1
    before = [w.clone() for w in learner.policy.action_net.parameters()]
    learner._learn_from(imagined._replace(alive=torch.zeros_like(imagined.alive)))
    assert all(torch.equal(a, b) for a, b in zip(before, learner.policy.action_net.parameters(), strict=True))


def test_a_policy_finds_the_way_within_seconds():
    model, learner = dream(Corridor([0, 0, 0, 0, 0, 0, 0, 0, 1]), discount=0.9, entropy=1e-2)
    starts = at(*range(8))
    before = learner.imagine(starts).returns.mean()
    statistics = learner.learn(starts, 40_000)
    assert statistics["steps"] >= 40_000 and learner.imagine(starts).returns.mean() > before + 2
    assert model.predict(look(at(*range(8))).numpy(), deterministic=True)[0].tolist() == [1] * 8
    with torch.no_grad():
        value = model.policy.predict_values(look(at(8, 0)))
    assert value[:, 0].tolist() == pytest.approx([10.0, 10 * 0.9**7], abs=1.0)  # 1 / (1 - 0.9), and seven steps before


def test_credit_is_not_off_by_one():
    model, learner = dream(TakeTurns(), 2, discount=0.9)
    starts = at(0, 0)
    starts.step[1] = 1
    learner.learn(starts, 15_000)
    assert model.predict(look(starts).numpy(), deterministic=True)[0].tolist() == [0, 1]


def test_a_policy_is_saved_loaded_and_asked_by_stable_baselines3(tmp_path):
    model, learner = dream(Corridor([0.0, 0, 1]))
    learner.learn(at(0, 1), 2000)
    model.save(tmp_path / "agent.zip")
    again = PPO.load(tmp_path / "agent.zip", device="cpu")
    seen = look(at(*range(8))).numpy()
    assert np.array_equal(again.predict(seen, deterministic=True)[0], model.predict(seen, deterministic=True)[0])
    fresh = actor_critic(LAYOUT.space, gym.spaces.Discrete(3), NETWORKS)
    fresh.set_parameters(tmp_path / "agent.zip")
    with torch.no_grad():
        values = [m.policy.predict_values(torch.from_numpy(seen)) for m in (model, again, fresh)]
    assert torch.equal(values[0], values[1]) and torch.equal(values[0], values[2])


def test_returns_of_real_play_are_those_worked_out_by_hand():
    model, _ = dream(Corridor([0.0, 1]))
    seen = look(at(0, 1, 2, 3, 4, 5)).unflatten(0, (3, 2))  # three frames of two stretches
    reward = torch.tensor([[9.0, 9], [1, 0], [0, 2]])
    ends = torch.tensor([[True, True], [False, False], [False, True]])
    with torch.no_grad():
        value = model.policy.predict_values(seen.flatten(0, 1))[:, 0].unflatten(0, (3, 2))
    # The first frame's reward is of the step before. The game of the second stretch ends with its last frame.
    last = torch.stack([0 + 0.5 * value[2, 0], torch.tensor(2.0)])
    first = torch.tensor([1.0, 0]) + 0.5 * (0.5 * value[1] + 0.5 * last)
    known = return_targets(RealPlay(seen, reward, ends), model.policy, 0.5, 0.5)
    order = known.seen[:, 0, 1].argsort()
    assert torch.allclose(known.returns[order], torch.cat([first, last]))


def test_a_critic_learns_from_real_play_what_the_world_does_not_imagine():
    seen = look(at(*range(4))).unflatten(0, (4, 1)).expand(4, 8, 2, 8)
    reward = torch.tensor([0.0, 0, 0, 1])[:, None].expand(4, 8)

    def value(real):
        model, learner = dream(Corridor([0.0] * 4), discount=0.5, replay=1.0)
        learner.learn(at(0, 1, 2), 8000, real)
        with torch.no_grad():
            return model.policy.predict_values(look(at(0, 1, 2)))[:, 0]

    real = RealPlay(seen, reward, torch.tensor([False, False, False, True])[:, None].expand(4, 8))
    blind, told = value(None), value(lambda: real)
    assert (blind.abs() < 0.05).all() and (told > blind).all() and told[2] > 0.3


def test_what_plays_is_the_moving_average_of_what_learns():
    model, learner = dream(Corridor([0.0, 0, 0, 1]), average=0.75)
    weight, known = model.policy.action_net.weight, []
    learner.optimizer.register_step_post_hook(lambda *_: known.append(weight.detach().clone()))
    learner.learn(at(0, 1), 64 * 15)
    expected = known[0]
    for step in known[1:]:
        expected = 0.75 * expected + 0.25 * step
    assert len(known) == 4 and torch.allclose(learner.averaged.module.action_net.weight, expected, atol=1e-7)
    _, plain = dream(Corridor([0.0, 0, 0, 1]), average=0.0)
    plain.learn(at(0, 1), 64 * 15)
    pairs = zip(plain.policy.parameters(), plain.averaged.module.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_only_the_policy_is_in_the_optimiser():
    world = torch.nn.Linear(3, 3)
    model, learner = dream(Corridor([0.0, 1]))
    learner.world.weights = world
    held = {id(w) for group in learner.optimizer.param_groups for w in group["params"]}
    assert held == {id(w) for w in model.policy.parameters()}


def test_learning_goes_on_to_the_bit():
    def run(*parts):
        torch.manual_seed(0)
        model, learner = dream(Corridor([0.0, 0, 0, 1]))
        torch.manual_seed(1)
        for part in parts:
            random, state, averaged = torch.get_rng_state(), learner.state_dict(), learner.averaged.module
            model, learner = dream(Corridor([0.0, 0, 0, 1]))
            learner.averaged.module.load_state_dict(averaged.state_dict())
            learner.load_state_dict(state)
            torch.set_rng_state(random)
            learner.learn(at(0, 1, 2), part)
        weights = [*model.policy.parameters(), *learner.averaged.module.parameters()]
        return torch.cat([w.flatten() for w in weights])

    steps = 64 * 15
    assert torch.equal(run(4 * steps), run(2 * steps, 2 * steps))
