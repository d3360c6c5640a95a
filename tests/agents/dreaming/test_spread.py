"""The noise of imagination is chosen so that it brings as many rewards and endings as the game."""

from types import SimpleNamespace

import pytest
import torch

from sqair_wm.agents.dreaming.dreamer import Dreamer
from sqair_wm.agents.dreaming.spread import FIRST, SPREADS, SpreadMatch, deviance, real_futures
from sqair_wm.agents.imagined_returns import Counting, Sampled
from sqair_wm.agents.settings import DreamAgent
from sqair_wm.training.encoded import EncodedPlay, reduced
from tests.agents.worlds import brought

SIGNS = Counting(reward="sign")
FRAMES, STEPS = 400, 3


def play(world, losses, frames=FRAMES):
    """Play in which a step brings a loss with the frequency `losses`."""
    rewards = -(torch.rand(frames, generator=torch.Generator().manual_seed(0)) < losses).float()
    calm = torch.zeros(frames, dtype=torch.int64)
    return Frames(states=reduced(world.initial(frames)), part=calm, over=calm > 0, rewards=rewards)


class Frames(SimpleNamespace):
    """Frames of play, of which no more is told than is asked for."""

    starts = EncodedPlay.starts


class Unlucky(Sampled):
    """A world in which a step brings a loss with the probability 0.2, times the scale of the noise."""

    def step(self, slots, action):
        loss = torch.full_like(slots.presence[:, 0], 0.2 * self.spread)
        return slots, brought(-loss)._replace(sign=-loss)


def test_what_play_brings_is_counted_up_to_an_ending():
    #  frame             0  1  2  3  4  5   6  7  8
    rewards = torch.tensor([0, 5, 0, 1, 0, -7, 0, 1, 0.0])
    part, over = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 1]), torch.tensor([0, 0, 0, 0, 1, 1, 0, 0, 0]) > 0
    chosen, sums = real_futures(Frames(rewards=rewards, part=part, over=over), SIGNS, 2)
    assert chosen.tolist() == [0, 1, 2, 3, 6]
    # After 0: a gain. After 1: a gain. After 2: a gain and the end. After 3: the end. After 6: a gain.
    assert sums.tolist() == [4, 0, 2]


def test_play_that_is_too_short_is_not_compared():
    short = Frames(rewards=torch.ones(3), part=torch.zeros(3), over=torch.zeros(3) > 0)
    assert not len(real_futures(short, SIGNS, 5)[0])


def test_a_deviance_is_lowest_for_what_happened():
    true = torch.tensor([4.0, 0.0, 12.0])
    assert deviance(true, true) == 0 and deviance(true, 1.2 * true) > 0 and deviance(true, torch.zeros(3)) > 10


@pytest.mark.parametrize(("losses", "best"), [(0.0, 0.0), (0.1, 0.5), (0.2, 1.0)])
def test_the_noise_that_brings_as_many_losses_as_the_game_is_chosen(world, losses, best):
    match, drawn = SpreadMatch(), Unlucky(world, torch.Generator(), spread=FIRST)
    agent = Dreamer(world, DreamAgent(width=8, features=8, hidden=8, around=False))
    figures = match.update(drawn, agent.model.policy, agent.layout.features, play(world, losses), SIGNS, STEPS)
    assert match.best == drawn.spread == best
    assert figures["losses_imagined"] == pytest.approx(STEPS * 0.2 * best, rel=1e-4)
    assert figures["losses_real"] == pytest.approx(STEPS * losses, rel=0.3) and figures["gains_real"] == 0


def test_where_rewards_are_few_the_noise_stays_as_it_is(world):
    match, drawn = SpreadMatch(), Unlucky(world, torch.Generator(), spread=FIRST)
    agent = Dreamer(world, DreamAgent(width=8, features=8, hidden=8, around=False))
    few = play(world, 0.0, 120)
    few.rewards[::24] = -1  # 0.125 stands for a loss in 40 steps, 0.25 for one in 20
    for _ in range(9):
        match.update(drawn, agent.model.policy, agent.layout.features, few, SIGNS, STEPS)
        assert drawn.spread == FIRST
    assert SPREADS[int(match.misses.argmin())] < FIRST


def test_later_play_counts_more_than_earlier_play(world):
    match, drawn = SpreadMatch(), Unlucky(world, torch.Generator(), spread=FIRST)
    agent = Dreamer(world, DreamAgent(width=8, features=8, hidden=8, around=False))
    found = []
    for losses in (0.2, 0.2, 0.0, 0.0, 0.0, 0.0):
        match.update(drawn, agent.model.policy, agent.layout.features, play(world, losses), SIGNS, STEPS)
        found.append(match.best)
    assert found[1] == 1 and found[-1] < 0.5 and found == sorted(found[:2]) + sorted(found[2:], reverse=True)


def test_an_agent_begins_with_the_first_scale_and_keeps_what_it_found(world):
    settings = DreamAgent(width=8, features=8, hidden=8, around=False)
    agent, other = Dreamer(world, settings), Dreamer(world, settings)
    assert agent.drawn.spread == FIRST and agent.dream.world is agent.drawn
    agent.match.misses, agent.match.best = torch.tensor([float(x != 0.5) for x in SPREADS]), 0.75
    other.load_state_dict(agent.state_dict())
    assert other.drawn.spread == 0.75 and torch.equal(other.match.misses, agent.match.misses)
    older = agent.state_dict() | {"match": agent.match.misses}  # of versions up to 0.19.0
    other.load_state_dict(older)
    assert other.drawn.spread == 0.5
    assert Dreamer(world, DreamAgent(spread=0.5, around=False)).drawn.spread == 0.5
