"""Planners in worlds with a few simple rules, in which the right choice is known."""

import numpy as np
import pytest
import torch

from sqair_wm.agents.imagined_returns import Counting, returns_of
from sqair_wm.agents.planning.cem import CEM, CEMSettings
from sqair_wm.agents.planning.mcts import MCTS, MCTSSettings
from sqair_wm.agents.planning.shooting import Shooting, ShootingSettings
from tests.agents.worlds import Corridor, TakeTurns, at, brought

PLANNERS = {
    "shooting": (Shooting, ShootingSettings, {"plans": 128}),
    "cem": (CEM, CEMSettings, {"plans": 64}),
    "mcts": (MCTS, MCTSSettings, {"simulations": 48}),
}


def choose(name, world, *places, actions=3, value=None, **settings):
    kind, settings_of, own = PLANNERS[name]
    planner = kind(world, actions, settings_of(**{"hold": 1, "horizon": 4, **own, **settings}), value)
    return planner.predict(at(*places))[0].tolist()


@pytest.mark.parametrize("name", PLANNERS)
def test_goes_where_the_reward_is(name):
    world = Corridor([0, 0, 0, 0, 1, 0, 0, 0, 0])
    assert choose(name, world, 2, 6, 4) == [1, 0, 2]


@pytest.mark.parametrize("name", PLANNERS)
def test_gives_up_a_small_reward_for_a_greater_one_that_is_within_reach(name):
    world = Corridor([0, 0.2, 0, 0, 0, 3, 0], ends=(1, 5))
    assert choose(name, world, 2, horizon=4) == [1]
    assert choose(name, world, 2, horizon=1, **({"simulations": 1} if name == "mcts" else {})) == [0]


@pytest.mark.parametrize("name", PLANNERS)
def test_nothing_counts_after_an_ending(name):
    # Place 3 ends the game; beyond it there would be 100, and in the other direction there is 1.
    world = Corridor([0, 1, 0, 0, 100, 0], ends=(3,))
    assert choose(name, world, 2) == [0]


@pytest.mark.parametrize("name", PLANNERS)
def test_credit_goes_to_the_action_of_the_step(name):
    now = at(0, 0)
    now.step[1] = 1
    kind, settings_of, own = PLANNERS[name]
    planner = kind(TakeTurns(), 2, settings_of(hold=1, horizon=3, **own))
    assert planner.predict(now)[0].tolist() == [0, 1]


@pytest.mark.parametrize("name", PLANNERS)
def test_the_value_of_what_lies_beyond_the_horizon_decides_where_nothing_else_does(name):
    world = Corridor([0.0] * 9)
    assert choose(name, world, 4, value=lambda scenes: scenes.place.float(), horizon=2) == [1]
    assert choose(name, world, 4, value=lambda scenes: -scenes.place.float(), horizon=2) == [0]


@pytest.mark.parametrize("name", PLANNERS)
def test_an_action_that_is_held_gets_further(name):
    world = Corridor([0, 0, 0, 0, 0, 0, 0, 0, 1])
    settings = {"simulations": 12} if name == "mcts" else {}
    assert choose(name, world, 2, horizon=2, hold=3, **settings) == [1]


class Gamble:
    """Action 0 brings 1 for certain; action 1 brings 4 with probability 0.2, and otherwise costs 1."""

    def step(self, slots, action):
        won = torch.where(torch.rand(len(action), generator=self.chance) < 0.2, 4.0, -1.0)
        return slots, brought(torch.where(action == 0, torch.ones(()), won))

    chance = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("name", ["shooting", "cem"])
def test_a_safe_plan_is_better_than_one_that_was_lucky_in_a_single_future(name):
    games = [0] * 50
    lucky, safe = (choose(name, Gamble(), *games, actions=2, horizon=1, samples=n) for n in (1, 256))
    assert sum(lucky) > 40 and sum(safe) == 0


def test_a_plan_is_worth_its_discounted_rewards_up_to_the_ending():
    world = Corridor([0, 0, 1, 4, 9], ends=(3,))
    actions = torch.tensor([[1, 1], [1, 2], [1, 2]])
    found = returns_of(world, at(1, 1), actions, Counting(discount=0.5))
    # 1 to 4: 1 now, 4 * 0.5 with the ending, then nothing. 1 to 2 and stay: 1 + 0.5 + 0.25.
    assert found.tolist() == [3.0, 1.75]
    assert returns_of(world, at(1, 1), actions, Counting(discount=0.5), lambda s: s.place * 8.0).tolist() == [3.0, 3.75]


def test_rewards_count_as_chosen():
    world = Corridor([0, 0, -4, 9])
    step = torch.tensor([[1]])
    for reward, wanted in (("raw", -4.0), ("sign", -1.0), ("symlog", -np.log(5.0))):
        assert returns_of(world, at(1), step, Counting(reward)).item() == pytest.approx(wanted)
    with pytest.raises(ValueError, match="choose one of raw, sign, symlog"):
        Counting("clipped")


def test_a_warm_start_remembers_the_plan_unless_a_game_has_begun():
    planner = CEM(
        Corridor([0, 0, 0, 0, 0, 1]), 3, CEMSettings(hold=1, horizon=4, iterations=6, plans=64, elite=8, samples=1)
    )
    _, memory = planner.predict(at(1, 1))
    assert memory.shape == (2, 4, 3) and memory[:, :, 1].min() > 0.5
    first = planner._start(memory, torch.tensor([False, True]))
    assert first[0, 0, 1] > 0.5
    assert (
        first[0, 3].tolist() == pytest.approx([1 / 3] * 3)
        and first[1].flatten().tolist() == [pytest.approx(1 / 3)] * 12
    )


def test_a_planner_needs_scenes():
    planner = Shooting(Corridor([0, 1]), 3, ShootingSettings())
    with pytest.raises(ValueError, match="give it the game that is played"):
        planner.predict(np.zeros((1, 3, 23), np.float32))


def test_the_game_that_is_played_has_the_scenes():
    class Game:
        slots = at(2, 6)

    planner = Shooting(Corridor([0, 0, 0, 0, 1, 0, 0]), 3, ShootingSettings(hold=1, horizon=3), scenes=Game())
    assert planner.predict(np.zeros((2, 3, 23), np.float32))[0].tolist() == [1, 0]
