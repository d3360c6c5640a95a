"""How the background changes in imagination, on hand-made scenes."""

import pytest
import torch

from sqair_wm.model.config import CELLS
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.scenery import HIDES, SceneryChange, changed, scenery_error
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, channels=4, actions=2, dynamics="interactive", object_size=(6.0, 6.0))


def test_what_is_added_lands_in_the_cells_around_the_object():
    slots = random_scene(CONFIG, 2, 1)
    slots.where[..., 2:] = 0
    features = SceneFeatures(slots.replace(scenery=torch.full_like(slots.scenery, 0.5)), CONFIG, dense=False)
    added = torch.zeros(2, CELLS**2, 3)
    added[1, 0, 2], added[1, -1, 0] = 0.25, 9.0
    after = changed(torch.full_like(slots.scenery, 0.5), features, added)
    assert (after[0] == 0.5).all() and int((after[1] != 0.5).sum()) == 2
    first, last = after[1].ne(0.5).any(-1).nonzero().tolist()
    assert [b - a for a, b in zip(first, last, strict=True)] == [CELLS - 1, CELLS - 1]
    assert after[1, first[0], first[1], 2] == 0.75 and after[1, last[0], last[1], 0] == 1.0  # no more than white


def test_the_error_is_zero_for_the_change_that_came_and_counts_every_cell_that_was_missed():
    slots = random_scene(CONFIG, 2, 1)
    features = SceneFeatures(slots, CONFIG, dense=False)
    added = 0.1 * torch.rand(2, CELLS**2, 3)
    after = (
        slots.scenery.flatten(0, 2)
        .index_add(0, features.cells.flatten(), added.flatten(0, 1))
        .view(slots.scenery.shape)
    )
    assert float(scenery_error(features, added, after).max()) < 1e-9
    torch.testing.assert_close(scenery_error(features, 0 * added, after), added.square().sum((1, 2)))


def test_empty_slots_change_nothing_where_all_are_computed():
    slots = random_scene(CONFIG, 2, 1)
    net = SceneryChange(CONFIG)
    packed, dense = (SceneFeatures(slots, CONFIG, way) for way in (False, True))
    after = [changed(slots.scenery, features, net(features, slots.prior)) for features in (packed, dense)]
    torch.testing.assert_close(after[0], after[1])


def test_an_object_that_clears_the_cell_beneath_it_is_learned():
    torch.manual_seed(0)
    net = SceneryChange(CONFIG, width=16)
    optimizer, middle = torch.optim.Adam(net.parameters(), 2e-2), CELLS**2 // 2
    for _ in range(150):
        slots = random_scene(CONFIG, 16, 1)
        slots = slots.replace(where=0.3 * slots.where, scenery=(slots.scenery > 0.5).float())
        features = SceneFeatures(slots, CONFIG, dense=False)
        after = slots.scenery.flatten(0, 2).clone()
        after[features.cells[:, middle]] = 0
        loss = scenery_error(features, net(features, slots.prior), after.view(slots.scenery.shape)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    left = changed(slots.scenery, features, net(features, slots.prior)).flatten(0, 2)
    assert float(left[features.cells[:, middle]].max()) < 0.3
    others = features.cells[:, :middle]
    assert float((left[others] - slots.scenery.flatten(0, 2)[others]).abs().mean()) < 0.05


@pytest.mark.parametrize(("logit", "near"), [(1.0, 0.25), (-1.0, 0.5)], ids=["likely", "unlikely"])
@pytest.mark.parametrize("dense", [False, True])
def test_near_an_object_the_background_is_what_it_made_of_it_and_elsewhere_what_is_seen(logit, near, dense):
    net, before = SceneryChange(CONFIG), random_scene(CONFIG, 2, 1)
    before.where[..., 2:] = 0
    before = before.replace(scenery=torch.full_like(before.scenery, 0.5), presence=before.presence * PRESENT)
    torch.nn.init.constant_(net.share.bias, logit)  # the whole cell changes if that is likelier
    torch.nn.init.zeros_(net.colour.weight)
    torch.nn.init.constant_(net.colour.bias, torch.tensor(0.25).logit())
    seen = before.replace(scenery=torch.full_like(before.scenery, 0.75))
    after = net.behind(before, before.prior, seen, dense).scenery
    assert (after[1] == 0.75).all(), "no object is there"
    torch.testing.assert_close(after[0].amin(), torch.tensor(near))
    rows, columns = (after[0, ..., 0] < 0.7).nonzero().unbind(1)
    assert len(rows) == (2 * HIDES + 1) ** 2 and int(rows.max() - rows.min()) == 2 * HIDES
    middle = SceneFeatures(before, CONFIG, dense=False).cells[0, CELLS**2 // 2]
    assert int(rows.float().mean()) * CONFIG.scenery_shape[1] + int(columns.float().mean()) == int(middle)


PRESENT = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
"""Objects in the first scene only."""
