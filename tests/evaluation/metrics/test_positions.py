import torch

from sqair_wm.evaluation.metrics.positions import MARGIN, centres, displacements, match, pick, reach, same_objects
from sqair_wm.nn.where import to_where
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

SIZE = (24, 24)


def scene(*places, identity=(0, 1, 2), scale=0.25):
    slots = WorldModel(small()).initial(1)
    there = torch.tensor([[float(i < len(places)) for i in range(3)]])
    where = torch.zeros(1, 3, 4)
    for n, place in enumerate(places):
        centre = (torch.tensor(place) - 0.5) * 2 / 23 - 1
        where[0, n] = to_where(torch.full((2,), scale), centre)
    return slots.replace(where=where, presence=there, identity=torch.where(there > 0, torch.tensor([identity]), -1))


def test_a_centre_is_a_place_between_the_frames_edges():
    slots = scene((12.0, 0.8), (5.5, 20.0))
    assert torch.allclose(centres(slots, SIZE)[0, :2], torch.tensor([[12.0, 0.8], [5.5, 20.0]]), atol=1e-4)
    assert torch.allclose(reach(slots, SIZE)[0, 0], torch.full((2,), 3 + MARGIN), atol=1e-4)


def test_displacements_are_differences_of_centres():
    before, after = scene((10.0, 10.0)), scene((12.0, 9.0))
    moved = after.replace(velocity=torch.tanh(after.where[..., 2:]) - torch.tanh(before.where[..., 2:]))
    assert torch.allclose(displacements(moved, SIZE)[0, 0], torch.tensor([2.0, -1.0]), atol=1e-4)


def test_objects_are_followed_by_identity_not_by_row():
    later = scene((5.0, 5.0), (9.0, 9.0), identity=(4, 0, 2))
    place, there = same_objects(torch.tensor([[0, 4, 3, -1]]), later, centres(later, SIZE))
    assert torch.allclose(place[0, :2], torch.tensor([[9.0, 9.0], [5.0, 5.0]]), atol=1e-4)
    assert there.tolist() == [[True, True, False, False]]


def pair(places, others, half=4.0, allowed=None):
    a, b = torch.tensor([places]), torch.tensor([others])
    may = torch.ones(a.shape[:2], dtype=torch.bool) if allowed is None else torch.tensor([allowed])
    return match(a, torch.full_like(a, half), b, may, torch.ones(b.shape[:2], dtype=torch.bool))[0].tolist()


def test_pairs_are_the_best_in_all():
    assert pair([[0.0, 0.0], [0.0, 3.0]], [[0.0, 2.0], [0.0, 5.0]]) == [0, 1]


def test_more_pairs_are_better_than_a_short_distance():
    assert pair([[0.0, 0.0], [0.0, 3.0]], [[0.0, 3.0], [0.0, 6.9]]) == [0, 1]


def test_what_lies_outside_of_the_box_is_no_pair():
    assert pair([[0.0, 0.0], [20.0, 20.0]], [[4.1, 0.0], [20.0, 24.0]]) == [-1, 1]
    assert pair([[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0]], allowed=[False, True]) == [-1, 0]


def test_picking_others():
    others = torch.arange(12.0).view(2, 1, 3, 2)
    assert pick(others, torch.tensor([[2, -1]]))[1, 0].tolist() == [[10.0, 11.0], [6.0, 7.0]]
