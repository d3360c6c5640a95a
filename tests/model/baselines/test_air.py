import pytest
import torch

from sqair_wm.data.single_frames import SingleFrames
from sqair_wm.evaluation.metrics.likelihood import estimate
from sqair_wm.model.baselines.air import AIR, link
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.where import to_where
from tests.conftest import MovingSquares, small

CPU = torch.device("cpu")


def scene(centres: list[tuple[float, float]], identities: list[int], last: int = 9) -> Slots:
    """One scene with objects at `centres` (y, x) in [-1, 1]."""
    slots = SQAIR(small()).initial(1)
    where, presence, identity = slots.where.clone(), slots.presence.clone(), slots.identity.clone()
    for i, (centre, number) in enumerate(zip(centres, identities, strict=True)):
        where[0, i] = to_where(torch.tensor([0.2, 0.2]), torch.tensor(centre))
        presence[0, i], identity[0, i] = 1, number
    return slots.replace(where=where, presence=presence, identity=identity, last_identity=torch.tensor([last]))


def linked(before, after, share=(0.2, 0.2)):
    return link(before, after, share).identity[0].tolist()


def test_identities_go_to_the_nearest_neighbour_whatever_the_slot():
    before = scene([(0.0, 0.0), (0.5, 0.5)], [3, 7])
    assert linked(before, scene([(0.45, 0.5), (0.1, 0.0)], [0, 1])) == [7, 3, -1]


def test_the_closest_pair_comes_first_and_nobody_is_taken_twice():
    before = scene([(0.0, 0.0), (0.0, 0.3)], [3, 7])
    assert linked(before, scene([(0.0, 0.2), (0.0, 0.28)], [0, 1])) == [3, 7, -1]


def test_what_is_out_of_reach_is_new():
    before = scene([(0.0, 0.0)], [3])
    after = link(before, scene([(0.0, 0.41), (0.9, 0.9)], [0, 1]), (0.2, 0.2))
    assert after.identity[0].tolist() == [10, 11, -1] and after.last_identity.tolist() == [11]
    assert linked(before, scene([(0.0, 0.39)], [0])) == [3, -1, -1]


def test_empty_scenes_link_to_nothing():
    assert linked(scene([], []), scene([(0.0, 0.0)], [0])) == [10, -1, -1]
    assert linked(scene([(0.0, 0.0)], [3]), scene([], [])) == [-1, -1, -1]


def test_frames_are_seen_as_if_they_were_the_first():
    model, frames = AIR(small()), MovingSquares().first(5, 2, CPU).frames
    plain = SQAIR(small())
    plain.load_state_dict(model.state_dict())
    slots, _ = model.observe(model.initial(5), frames[0])
    noise = Noise.draw(model.initial(5))
    second, terms = model.observe(slots, frames[1], noise=noise)
    alone, expected = plain.observe(plain.initial(5), frames[1], noise=noise)
    assert torch.equal(second.where, alone.where) and torch.equal(second.presence, alone.presence)
    assert torch.equal(terms.log_q, expected.log_q) and torch.equal(terms.log_likelihood, expected.log_likelihood)
    assert second.step.tolist() == [2] * 5


def test_the_likelihood_is_the_sum_of_its_frames():
    model, frames = AIR(small()), MovingSquares().first(40, 3, CPU).frames
    found = estimate(model, frames, samples=20).log_px
    alone = sum(estimate(model, frame[None], samples=20).log_px for frame in frames)
    assert float(found.mean()) == pytest.approx(float(alone.mean()), rel=0.02)


def test_imagined_scenes_forget_the_past():
    model = AIR(small())
    noise = Noise.draw(model.initial(1))
    a = model.imagine(scene([(0.0, 0.0)], [3]), noise=noise)
    b = model.imagine(model.initial(1), noise=noise)
    assert torch.equal(a.where * a.presence[..., None], b.where * b.presence[..., None])


def test_training_frames_are_of_any_time_and_each_of_a_sequence_of_its_own():
    data = MovingSquares()
    whole = data.sample(60, 10, torch.Generator().manual_seed(3), CPU).frames
    batch = SingleFrames(data).sample(60, 1, torch.Generator().manual_seed(3), CPU)
    same = (whole.foreground == batch.frames.foreground).flatten(2).all(2)
    assert same.any(0).all() and same.any(1).all() and batch.actions.shape == (1, 60)
    with pytest.raises(ValueError, match="lengths"):
        SingleFrames(data).sample(3, 2, torch.Generator(), CPU)
