"""The parts of the tree search against numbers computed by hand."""

import pytest
import torch

from sqair_wm.agents.planning.tree import Forest, Leaf, improved
from tests.agents.worlds import Corridor, at


def test_actions_that_were_not_tried_are_worth_what_is_known_of_the_scene():
    logits, q = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0]])
    better = improved(logits, torch.tensor([0.0]), q, torch.tensor([[1.0, 0.0, 0.0]]))
    # The scene: (0 + 1 visit * 1) / 2 = 0.5, the lowest there is; the tried action 1, the highest: (50 + 1) * 0.1.
    assert better.tolist() == [pytest.approx([5.1, 0.0, 0.0])]
    better = improved(logits, torch.tensor([4.0]), q, torch.tensor([[2.0, 1.0, 0.0]]))
    # Tried: 1 and 0, mean 0.5. Not tried, the value of the scene: (4 + 3 * 0.5) / 4 = 1.375, the highest.
    assert better.tolist() == [pytest.approx([5.2 / 1.375, 0.0, 5.2])]


def test_values_are_backed_up_discounted_and_stop_at_endings():
    world = Corridor([0, 0, 2, 4, 0], ends=(3,))

    def grow(scenes, action):
        after, outcome = world.step(scenes, action)
        value = 16 * torch.ones(len(action))
        logits = torch.tensor([[0.0, 20.0, 0.0]]).expand(len(action), 3)  # upwards
        return Leaf(after, outcome.reward, 0.5 * (1 - outcome.ends), value, logits)

    forest = Forest(grow(at(0, 1), torch.tensor([1, 1])), 4, grow)
    assert forest.q.tolist() == [8.0, 10.0]  # 0 + 0.5 * 16 and 2 + 0.5 * 16
    forest.simulate(torch.tensor([1]))
    # From 2 to 3: 4 and the end. The mean of 16 and 4 after the reward of 2: 2 + 0.5 * 10.
    assert forest.q.tolist() == [8.0, 7.0] and forest.visits[:, 0].tolist() == [1, 2]
    forest.simulate(torch.tensor([0]))
    # From 1 to 2: 2 + 0.5 * 16 = 10. The mean of 16 and 10.
    assert forest.q.tolist() == [6.5, 7.0] and forest.visits[:, 0].tolist() == [2, 2]
