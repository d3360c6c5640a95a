import torch

from sqair_wm.model.row_assignment import keep_rows
from sqair_wm.model.slots import Slots
from sqair_wm.model.sqair import SQAIR
from tests.conftest import small


def scene(*identities: int) -> Slots:
    """One scene of three slots; an object's what-code is its identity."""
    identity = torch.tensor([list(identities)])
    there = (identity >= 0).float()
    slots = SQAIR(small()).initial(1)
    return slots.replace(identity=identity, presence=there, what=(identity * there)[..., None].expand(1, 3, 4).clone())


def test_an_object_keeps_its_row_while_it_lives_and_new_ones_take_free_rows():
    previous = torch.full((1, 3), -1)
    for given, expected in (
        ((4, 2, -1), [4, 2, -1]),
        ((2, 4, -1), [4, 2, -1]),
        ((2, 7, -1), [7, 2, -1]),
        ((9, 7, 2), [7, 2, 9]),
        ((5, 6, 8), [5, 6, 8]),
        ((-1, -1, -1), [-1, -1, -1]),
    ):
        arranged = keep_rows(scene(*given), previous)
        previous = arranged.identity
        assert previous.tolist() == [expected]
        assert arranged.presence.tolist() == [[float(i >= 0) for i in expected]]
        assert arranged.what[0, :, 0].tolist() == [float(max(i, 0)) for i in expected]


def test_scenes_of_a_batch_do_not_mix():
    both = Slots.cat([scene(1, 2, -1), scene(3, -1, -1)])
    arranged = keep_rows(both, torch.tensor([[2, -1, -1], [-1, -1, 3]]))
    assert arranged.identity.tolist() == [[2, 1, -1], [-1, -1, 3]]
