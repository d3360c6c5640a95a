"""Guided inference on scenes whose truth is known, with weights that accept every proposal."""

from dataclasses import replace

import pytest
import torch

from benchmarks.scenes import ATARI, certain_model, moving_sprites
from sqair_wm.common.frame import Frame
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.inference.guided_tracking import corrected
from sqair_wm.model.inference.parts import limited
from sqair_wm.model.slots import Noise
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.distributions import Normal
from sqair_wm.nn.where import boxes, to_where
from tests.conftest import random_scene, small


def repeated(frames, times):
    return frames.map(lambda x: x.repeat(times, 1, 1, 1, 1))


def follow(frames, explore=None, config=ATARI):
    model = certain_model(config).requires_grad_(False)
    slots, states = model.initial(frames.batch), []
    for frame in frames:
        slots, terms = model.observe(slots, frame, noise=Noise.none(slots), explore=explore)
        states.append((slots, terms))
    return states


def test_fresh_weights_find_sprites_once_and_follow_them():
    states = follow(moving_sprites(ATARI, 3, 12, 4))
    assert all((slots.count == 4).all() for slots, _ in states)
    assert all((terms.discovered == 0).all() for _, terms in states[1:])
    first, last = states[0][0], states[-1][0]
    assert torch.equal(first.identity, last.identity)
    moved = boxes(last.where, (80, 80))[..., 0] - boxes(first.where, (80, 80))[..., 0]
    torch.testing.assert_close(moved[:, :4], torch.full((3, 4), 11.0), atol=1.5, rtol=0)


def test_a_steady_appearance_starts_as_the_prior_and_stays_what_it_was():
    model = certain_model(replace(ATARI, appearance="steady")).requires_grad_(False)
    first, second = moving_sprites(ATARI, 3, 2, 2)
    slots, _ = model.observe(model.initial(3), first, noise=Noise.none(model.initial(3)))
    expected = model.dynamics(slots, None, False).what
    after, _ = model.observe(slots, second, noise=Noise.none(slots))
    there = (slots.identity == after.identity) & (slots.presence > 0)
    assert there.any()
    torch.testing.assert_close(after.what[there], expected.mean[there])
    assert float(expected.std[there].max()) < 0.1


@pytest.mark.parametrize("appearance", ["gated", "steady"])
def test_what_is_drawn_does_not_teach_the_prediction_of_places(appearance):
    config = small(appearance=appearance, size="steady")
    model, slots = SQAIR(config), random_scene(config, 2, 3)
    _, terms = model.observe(slots, Frame(torch.rand(2, 1, 24, 24)))
    readout = model.dynamics.readout.bias
    drawn, expected = (
        torch.autograd.grad(x.sum(), readout, retain_graph=True)[0] for x in (terms.log_likelihood, terms.log_p)
    )
    assert not drawn[2:4].any() and drawn.any() and expected[2:4].all()


def test_a_steady_object_is_expected_as_large_as_it_was_and_looking_as_it_did_whatever_was_learned():
    kinds = [("steady", "steady"), ("gated", "free"), ("gated", "steady"), ("steady", "free"), ("gated", "held")]
    for appearance, size in kinds:
        model = SQAIR(small(appearance=appearance, size=size)).requires_grad_(False)
        torch.nn.init.normal_(model.dynamics.readout.weight, std=0.1)
        slots = random_scene(model.config, 2, 3)
        expected = model.dynamics(slots, None, False)
        there = slots.presence > 0
        same = [
            torch.equal(expected.what.mean[there], slots.what[there]),
            torch.equal(expected.where.mean[there][:, :2], slots.where[there][:, :2]),
        ]
        assert same == [appearance == "steady", size != "free"]
        assert not torch.equal(expected.where.mean[there][:, 2:], slots.where[there][:, 2:])


@pytest.mark.parametrize("size", ["free", "held"])
def test_where_sizes_are_held_the_dynamics_has_no_part_in_what_is_seen_of_them(size):
    model = certain_model(replace(ATARI, size=size)).requires_grad_(False)
    first, second = moving_sprites(ATARI, 3, 2, 2)
    slots, _ = model.observe(model.initial(3), first, noise=Noise.none(model.initial(3)))
    sizes = []
    for bias in (0.0, 2.0):  # of what the dynamics says of sizes
        model.dynamics.readout.bias.data[:2] = bias
        sizes.append(model.observe(slots, second, noise=Noise.none(slots))[0].where[..., :2])
    assert torch.equal(*sizes) == (size == "held")


def test_a_steady_object_grows_by_multiples_of_what_the_prior_allows():
    expected = Normal(torch.tensor([[0.5, -1.0]]), torch.tensor([[0.1, 0.02]]))
    move, raw = torch.tensor([[2.0, -3.0]]), torch.tensor([[50.0, -50.0]])
    q = corrected(expected, move, raw, torch.ones(1), 0.002)
    torch.testing.assert_close(q.mean, torch.tensor([[0.7, -1.06]]))
    torch.testing.assert_close(q.std, torch.tensor([[0.1, 0.002]]))
    half, outside = (corrected(expected, move, raw, torch.tensor([seen]), 0.002) for seen in (0.5, 0.0))
    torch.testing.assert_close(half.mean, torch.tensor([[0.55, -1.015]]))
    torch.testing.assert_close(outside.mean, expected.mean)


def test_an_object_that_vanishes_is_given_up_after_the_patience_and_not_before():
    frames = repeated(moving_sprites(ATARI, 1, 1, 2), 6 + ATARI.patience)
    frames.foreground[3:, :, :, :, :40] = 0
    counts = [int(slots.count) for slots, _ in follow(frames)]
    assert counts[: 2 + ATARI.patience] == [2] * (2 + ATARI.patience) and counts[-1] == 1


@pytest.mark.parametrize(("slots", "when_full", "kept"), [(2, 3, 3), (2, 100, ATARI.patience), (4, 3, ATARI.patience)])
def test_where_no_slot_is_free_an_object_that_vanished_makes_room_sooner(slots, when_full, kept):
    frames = repeated(moving_sprites(ATARI, 1, 1, 2), 6 + ATARI.patience)
    shown = frames.foreground[3:]
    moved = shown[..., :40].roll(30, 3)
    shown[..., :40] = moved  # one object vanishes, and another one appears elsewhere
    states = follow(frames, config=replace(ATARI, slots=slots, patience_when_full=when_full))
    names = [set(state.identity[0].tolist()) - {-1} for state, _ in states]
    gone, new = (
        [t for t, now in enumerate(names) if (name in now) == there] for name, there in ((0, False), (2, True))
    )
    assert gone[0] == 2 + kept and new[0] == (3 if slots == 4 else gone[0])


@pytest.mark.parametrize(("shrunk", "survivor"), [(None, 0), (0, 1), (1, 0)])
def test_of_two_windows_on_one_object_the_younger_or_much_smaller_is_given_up(shrunk, survivor):
    frames = repeated(moving_sprites(ATARI, 1, 1, 1), 3 + ATARI.patience)
    model = certain_model(ATARI).requires_grad_(False)
    slots, _ = model.observe(model.initial(1), frames[0], noise=Noise.none(model.initial(1)))
    double = {
        name: getattr(slots, name).index_copy(1, torch.tensor([1]), getattr(slots, name)[:, :1])
        for name in ("what", "where", "presence", "temporal", "prior")
    }
    if shrunk is not None:
        double["where"][0, shrunk, :2] -= 1.5
    slots = slots.replace(**double, identity=torch.tensor([[0, 1, -1, -1, -1, -1]]), last_identity=torch.tensor([1]))
    for frame in frames[1:]:
        slots, _ = model.observe(slots, frame, noise=Noise.none(slots))
    assert slots.identity[0, 0] == survivor and int(slots.count) == 1


def found_beside(aside, duplicates=True, dense=False):
    """What is discovered of a sprite whose own window is `aside` by that share of its size."""
    frame = moving_sprites(ATARI, 1, 1, 1)[0]
    model = certain_model(ATARI).requires_grad_(False)
    slots, _ = model.observe(model.initial(1), frame, noise=Noise.none(model.initial(1)))
    assert slots.count == 1 and slots.unseen[0, 0] == 0
    scale, centre = slots.window
    tracked = slots.replace(where=to_where(scale, centre - aside * scale * torch.tensor([0.0, 2.0])))
    noise, view = Noise.none(slots), FrameView(frame.foreground, 1)
    explore = Exploration(duplicates=duplicates)
    found, _, log_q, _ = model.inference.discover(tracked, view, model.set_encoder, noise, explore, dense)
    return found, log_q


def test_certainty_limits_logits_and_leaves_a_way_back():
    logit = torch.tensor([-900.0, -12.0, 0.0, 3.0, 900.0], requires_grad=True)
    bent = limited(logit, 12.0)
    assert torch.equal(limited(logit, 0.0), logit)
    torch.testing.assert_close(bent, torch.tensor([-11.842, -6.0, 0.0, 2.4, 11.842]), atol=1e-3, rtol=0)
    bent.sum().backward()
    assert logit.grad[2] == 1 and (logit.grad > 1e-4).all()


def test_what_is_learned_of_presence_stays_within_the_certainty():
    frames = moving_sprites(ATARI, 2, 3, 2)
    for certainty in (0.0, 5.0):
        model = certain_model(replace(ATARI, certainty=certainty))
        nets = [model.inference.discovery.presence, model.inference.tracking.presence]
        for net in nets:
            torch.nn.init.constant_(net[-1].bias, 50.0)
        slots, log_q = model.initial(2), []
        for frame in frames:
            slots, terms = model.observe(slots, frame, noise=Noise.none(slots))
            log_q.append(terms.log_q_discrete)
        assert (slots.count > 0).all()
        torch.stack(log_q).sum().backward()
        assert all((net[-1].bias.grad.abs().max() > 1e-8) == (certainty > 0) for net in nets)


@pytest.mark.parametrize("conditional", [True, False])
def test_new_objects_depend_on_what_others_are_only_in_conditional_discovery(conditional):
    frame = moving_sprites(ATARI, 1, 1, 2)[0]
    model = certain_model(replace(ATARI, conditional_discovery=conditional)).requires_grad_(False)
    torch.nn.init.normal_(model.inference.discovery.where[-1].weight, std=0.1)
    slots = model.initial(1)
    slots, _ = model.observe(slots, frame, noise=Noise.none(slots))
    first = torch.arange(slots.presence.shape[1]) < 1
    one = slots.replace(presence=slots.presence * first)
    other = one.replace(what=one.what + 3 * first[:, None])
    new = []
    for tracked in (one, other):
        noise, view = Noise.none(tracked), FrameView(frame.foreground, 1)
        found, *_ = model.inference.discover(tracked, view, model.set_encoder, noise, Exploration(), False)
        assert found.presence[0, 0] == 1
        new.append(found)
    assert torch.equal(new[0].where, new[1].where) == (not conditional)


@pytest.mark.parametrize(("aside", "unseen"), [(0.3, 1), (0.7, 0)])
def test_a_new_object_is_seen_if_most_of_its_window_is_not_explained_by_those_before(aside, unseen):
    found, _ = found_beside(aside)
    assert found.presence[0, 0] == 1 and found.unseen[0, 0] == unseen


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize(("aside", "training", "count"), [(0.3, True, 1), (0.3, False, 0), (0.7, False, 1)])
def test_what_others_explain_is_no_new_object_but_in_training(aside, training, count, dense):
    found, log_q = found_beside(aside, training, dense)
    assert int(found.count) == count and bool(log_q.abs() < 1e-30) == (count == 0)


def test_a_window_that_shrank_to_a_point_is_given_up_though_its_point_is_bright():
    frames = repeated(moving_sprites(ATARI, 1, 1, 1), 3 + ATARI.patience)
    model = certain_model(ATARI).requires_grad_(False)
    slots, _ = model.observe(model.initial(1), frames[0], noise=Noise.none(model.initial(1)))
    where = slots.where.clone()
    where[..., :2] -= 8
    slots, alone = slots.replace(where=where), Exploration(may_discover=torch.tensor([False]))
    for frame in frames[1:]:
        slots, _ = model.observe(slots, frame, noise=Noise.none(slots), explore=alone)
    assert int(slots.count) == 0


def test_exploration_can_forbid_discovery_and_leaving():
    frames = moving_sprites(ATARI, 2, 2, 3)
    frames.foreground[0, :, :, :, 27:] = 0
    explore = Exploration(may_discover=torch.tensor([True, False]))
    last, _ = follow(frames, explore)[-1]
    assert last.count.tolist() == [3, 1]
    model = certain_model(ATARI).requires_grad_(False)
    torch.nn.init.zeros_(list(model.inference.tracking.presence.children())[-1].bias)
    slots = model.initial(2)
    slots, _ = model.observe(slots, frames[0], noise=Noise.none(slots))
    noise = Noise.none(slots)
    noise.presence = torch.full_like(noise.presence, 0.999999)
    keep = Exploration(may_leave=torch.tensor([False, True]), may_discover=torch.tensor([False, False]))
    after, _ = model.observe(slots, frames[0], noise=noise, explore=keep)
    assert after.count.tolist() == [1, 0]


@pytest.mark.parametrize(("scenery", "count"), [(3, 1), (0, 2)])
def test_a_speck_is_no_object_where_frames_have_opacity(scenery, count):
    frame = Frame(torch.zeros(1, 4, 80, 80), torch.zeros(1, scenery, 80, 80))
    frame.foreground[0, :, 20:26, 30:35] = 0.6
    frame.foreground[0, :, 60, 50:52] = 0.8
    model = certain_model(replace(ATARI, scenery=scenery)).requires_grad_(False)
    slots, explore = model.initial(1), Exploration(duplicates=True)
    slots, _ = model.observe(slots, frame, noise=Noise.none(slots), explore=explore)
    assert slots.count == count
