"""The agent that learns in imagination, with its networks."""

import torch

import sqair_wm
from sqair_wm.agents.dreaming.dreamer import Dreamer
from sqair_wm.agents.settings import DreamAgent


def weights(dreamer: Dreamer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in dreamer.model.policy.parameters()])


def test_an_agent_that_begins_anew_knows_nothing_of_before(model):
    settings = DreamAgent(width=16, features=16, hidden=16, scenes=4, horizon=2, parts=1, passes=1, around=False)
    dreamer = Dreamer(sqair_wm.load(model).eval(), settings)
    slots = dreamer.world.initial(4)
    first = weights(dreamer)
    dreamer.learn(slots, 8)
    learned, noted = weights(dreamer), dreamer.dream.optimizer.state_dict()["state"]
    assert noted and not torch.equal(first, learned)
    dreamer.begin_anew()
    assert not torch.equal(weights(dreamer), learned) and not torch.equal(weights(dreamer), first)
    assert not dreamer.dream.optimizer.state_dict()["state"] and dreamer.dream.range.average == 0
    assert dreamer.model.policy is dreamer.dream.averaged.module, "what plays is what learns"
