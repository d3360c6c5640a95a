import math
from dataclasses import replace

import torch

from sqair_wm.model.interaction import Intent, Relation, Surroundings
from sqair_wm.model.scene_features import TOUCHING, SceneFeatures, touches
from sqair_wm.model.slots import Slots
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, actions=4, dynamics="interactive", object_size=(6.0, 6.0))


def scene(batch: int = 2, present: int = 3) -> Slots:
    return random_scene(CONFIG, batch, present)


def code(net: Surroundings, slots: Slots, action: torch.Tensor | None = None) -> torch.Tensor:
    features = SceneFeatures(slots, CONFIG, dense=False)
    return features.rows.put(net(features, action)).unflatten(0, slots.presence.shape)


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
    features = SceneFeatures(slots, CONFIG, dense=True)
    dense = features.rows.put(net(features, action)).unflatten(0, slots.presence.shape)
    torch.testing.assert_close(dense, code(net, slots, action))


def test_a_relation_is_a_sum_over_the_pairs_of_a_scene():
    config = replace(CONFIG, pairs="place")
    net, slots = Relation(config, 8), scene(present=3)
    slots.presence[0, 1] = 0
    features = SceneFeatures(slots, config, dense=False)
    got = features.rows.put(net(features)).unflatten(0, slots.presence.shape)
    for b, i in slots.presence.nonzero().tolist():
        own, expected = features.code[b, i], torch.zeros(8)
        for j in slots.presence[b].nonzero().flatten().tolist():
            if j != i:
                apart = (features.centre[b, j] - features.centre[b, i]) / sum(CONFIG.object_share)
                speed = (slots.velocity[b, j] - slots.velocity[b, i]) / sum(CONFIG.object_share)
                relation = torch.cat([apart.tanh(), (apart / 4).tanh(), speed.tanh()])
                expected += (net.receiver(own) + net.sender(features.code[b, j]) + net.between(relation)).relu()
        torch.testing.assert_close(got[b, i], expected)


def test_what_is_known_of_a_contact_is_worked_out_by_hand():
    """The other is 2 below and 0.5 to the left, and comes up by 2 a step; both are 1 high and 2 wide."""
    found = touches(torch.tensor([2.0, -0.5]), torch.tensor([-2.0, 0.0]), torch.tensor([1.0, 2.0]))
    now, later, beside = [1.0, -1.5], [-1.0, -1.5], [1.0, -1.5]
    gaps = torch.tensor([*now, *later, *beside])
    # They meet along y after half a step; along x they overlap from the start.
    assert torch.allclose(found, torch.cat([gaps.tanh(), (gaps / TOUCHING).tanh(), torch.tensor([0.5, 0.0])]))


def test_a_hit_and_a_miss_differ_by_the_gap_beside_when_the_other_closes():
    speed, reach = torch.tensor([-2.0, -1.0]), torch.tensor([1.0, 1.0])
    hit, miss = (touches(torch.tensor([2.0, x]), speed, reach) for x in (1.4, 1.6))
    # Half a step on they are 0.9 or 1.1 apart along x, of 1 that both reach.
    assert torch.allclose(hit[5], torch.tensor(-0.1).tanh()) and torch.allclose(miss[5], torch.tensor(0.1).tanh())


def test_where_a_ball_hits_a_paddle_is_told():
    """A paddle is 10 away along x, 4 high and 1 wide; a ball of size 1 nears it by 5 a step and falls by 1."""
    where, speed, reach = torch.tensor([0.5, 10.0]), torch.tensor([-1.0, -5.0]), torch.tensor([2.5, 1.0])
    found = touches(where, speed, reach, hit=True)
    # After 1.8 steps, counted as one, the middle of the paddle is 0.5 above the ball.
    assert torch.allclose(found[:14], touches(where, speed, reach))
    assert torch.allclose(found[14:], torch.tensor([-0.5 / 2.5, 2.0, math.tanh(-0.5), math.tanh(10.0)]))
    up, down = (touches(torch.tensor([y, 2.0]), torch.tensor([0.0, -5.0]), reach, hit=True) for y in (1.0, -1.0))
    assert torch.equal(up[:14], down[:14]) and up[14] == -down[14], "nothing else tells the ends of a paddle apart"


def test_a_relation_with_contact_sums_a_second_layer_over_the_others():
    net, slots = Relation(CONFIG, 8), scene(present=3)
    features = SceneFeatures(slots, CONFIG, dense=False)
    got = net(features)
    for row, (b, i) in enumerate(slots.presence.nonzero().tolist()):
        others = [j for j in slots.presence[b].nonzero().flatten().tolist() if j != i]
        hidden = [
            net.between(features.relation[row, j, :-1])
            + net.receiver(features.code[b, i])
            + net.sender(features.code[b, j])
            for j in others
        ]
        assert net.meeting is not None
        torch.testing.assert_close(got[row], sum(net.meeting(h.relu()).relu() for h in hidden))


def test_objects_touch_as_they_are_about_to_move_not_as_they_moved():
    config = replace(CONFIG, pairs="intent")
    slots, share = scene(present=2), sum(CONFIG.object_share)
    features, going = SceneFeatures(slots, config, dense=False), torch.randn(*slots.presence.shape, 2)
    usual, found = features.relation, features.relate(going)
    assert torch.equal(found[..., :6], usual[..., :6]), "place and velocity are as they were"
    for row, (b, i) in enumerate(slots.presence.nonzero().tolist()):
        for j in slots.presence[b].nonzero().flatten().tolist():
            where = (features.centre[b, j] - features.centre[b, i]) / share
            reach = (features.scale[b, j] + features.scale[b, i]) / share
            expected = touches(where, going[b, j] - going[b, i], reach)
            torch.testing.assert_close(found[row, j, 6:-1], expected)


def test_what_is_steered_is_about_to_move_by_the_action():
    config = replace(CONFIG, pairs="intent")
    net, slots, memory = Intent(config, 8), scene(present=2), torch.randn(4, 8)
    features = SceneFeatures(slots, config, dense=False)
    assert not net(features, memory, torch.tensor([1, 2])).any(), "at first everything goes on as it does"
    torch.nn.init.normal_(net.out[-1].weight)
    one, other = net(features, memory, torch.tensor([1, 2])), net(features, memory, torch.tensor([1, 3]))
    assert torch.equal(one[:2], other[:2]) and not torch.allclose(one[2:], other[2:])
    assert one.shape == (4, 2) and one.abs().max() <= 1
