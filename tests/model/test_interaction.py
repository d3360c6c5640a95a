import torch

from sqair_wm.model.interaction import Relation, Surroundings
from sqair_wm.model.sight import Sight
from sqair_wm.model.slots import Slots
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, actions=4, dynamics="interactive", object_size=(6.0, 6.0))


def scene(batch: int = 2, present: int = 3) -> Slots:
    return random_scene(CONFIG, batch, present)


def code(net: Surroundings, slots: Slots, action: torch.Tensor | None = None) -> torch.Tensor:
    sight = Sight(slots, CONFIG, dense=False)
    return sight.rows.put(net(sight, action)).unflatten(0, slots.presence.shape)


def test_surroundings_follow_a_permutation_of_the_objects():
    net, slots, order = Surroundings(CONFIG), scene(), torch.tensor([2, 0, 1])
    moved = slots.replace(
        **{n: getattr(slots, n)[:, order] for n in ("what", "where", "presence", "velocity", "unseen")}
    )
    torch.testing.assert_close(code(net, moved), code(net, slots)[:, order])


def test_an_object_sees_the_action_the_others_and_the_background_but_no_empty_slot():
    net, slots, action = Surroundings(CONFIG), scene(present=2), torch.tensor([1, 2])
    here = code(net, slots, action)
    assert not torch.allclose(code(net, slots, torch.tensor([1, 3])), here)
    torch.testing.assert_close(code(net, slots, torch.tensor([1, 3]))[0], here[0])
    elsewhere = slots.where.clone()
    elsewhere[:, 1] += 0.3
    assert not torch.allclose(code(net, slots.replace(where=elsewhere), action)[:, 0], here[:, 0])
    assert not torch.allclose(code(net, slots.replace(scenery=1 - slots.scenery), action), here)
    nobody = slots.where.clone()
    nobody[:, 2] += 0.3
    torch.testing.assert_close(code(net, slots.replace(where=nobody), action), here)


def test_dense_and_packed_give_the_same_codes():
    net, slots, action = Surroundings(CONFIG), scene(present=2), torch.tensor([0, 3])
    sight = Sight(slots, CONFIG, dense=True)
    dense = sight.rows.put(net(sight, action)).unflatten(0, slots.presence.shape)
    torch.testing.assert_close(dense, code(net, slots, action))


def test_a_relation_is_a_sum_over_the_pairs_of_a_scene():
    net, slots = Relation(CONFIG, 8), scene(present=3)
    slots.presence[0, 1] = 0
    sight = Sight(slots, CONFIG, dense=False)
    got = sight.rows.put(net(sight)).unflatten(0, slots.presence.shape)
    for b, i in slots.presence.nonzero().tolist():
        own, expected = sight.code[b, i], torch.zeros(8)
        for j in slots.presence[b].nonzero().flatten().tolist():
            if j != i:
                apart = (sight.centre[b, j] - sight.centre[b, i]) / sum(CONFIG.object_share)
                speed = (slots.velocity[b, j] - slots.velocity[b, i]) / sum(CONFIG.object_share)
                relation = torch.cat([apart.tanh(), (apart / 4).tanh(), speed.tanh()])
                expected += (net.receiver(own) + net.sender(sight.code[b, j]) + net.between(relation)).relu()
        torch.testing.assert_close(got[b, i], expected)
