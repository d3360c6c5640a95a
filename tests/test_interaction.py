import pytest
import torch

from sqair_wm.interaction import CELLS, Surroundings
from sqair_wm.packing import Rows
from sqair_wm.slots import Slots
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, actions=4, dynamics="interactive", object_size=(6.0, 6.0))


def scene(batch: int = 2, present: int = 3) -> Slots:
    return random_scene(CONFIG, batch, present)


def code(net: Surroundings, slots: Slots, action: torch.Tensor | None = None) -> torch.Tensor:
    rows = Rows(slots.presence.flatten() > 0, dense=False)
    return rows.put(net(slots, action, rows)).unflatten(0, slots.presence.shape)


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


@pytest.mark.parametrize(("y", "x"), [(12, 12), (1, 22), (23, 0)])
def test_the_crop_is_centred_on_the_object(y: int, x: int):
    net, slots = Surroundings(CONFIG), scene(1, 1)
    cell = CONFIG.scenery_cell
    assert cell == 2
    scenery = torch.zeros_like(slots.scenery)
    scenery[:, 1, y // cell, x // cell] = 1
    centre = torch.tensor([y, x]) / 11.5 - 1
    where = torch.zeros(1, 3, 4)
    where[..., 2:] = torch.atanh(centre.clamp(-0.99999, 0.99999))
    slots = slots.replace(scenery=scenery, where=where)
    crop = net._crops(slots, Rows(slots.presence.flatten() > 0, dense=False))[0, :-2].view(CELLS, CELLS, 3)
    assert crop.nonzero().tolist() == [[CELLS // 2, CELLS // 2, 1]]


def test_dense_and_packed_give_the_same_codes():
    net, slots, action = Surroundings(CONFIG), scene(present=2), torch.tensor([0, 3])
    rows = Rows(slots.presence.flatten() > 0, dense=True)
    dense = rows.put(net(slots, action, rows)).unflatten(0, slots.presence.shape)
    torch.testing.assert_close(dense, code(net, slots, action))
