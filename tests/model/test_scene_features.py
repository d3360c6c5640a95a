import pytest
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.model.config import CELLS
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.where import to_shift, window
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, actions=4, dynamics="interactive", object_size=(6.0, 6.0))


@pytest.mark.parametrize(("y", "x"), [(12, 12), (1, 22), (23, 0)])
def test_the_crop_is_centred_on_the_object(y: int, x: int):
    slots = random_scene(CONFIG, 1, 1)
    cell = CONFIG.scenery_cell
    assert cell == 2
    scenery = torch.zeros_like(slots.scenery)
    scenery[:, CELLS // 2 + y // cell, CELLS // 2 + x // cell, 1] = 1
    centre = torch.tensor([y, x]) / 11.5 - 1
    where = torch.zeros(1, 3, 4)
    where[..., 2:] = to_shift(centre)
    slots = slots.replace(scenery=scenery, where=where)
    crop = SceneFeatures(slots, CONFIG, dense=False).crops[0, :-2].view(CELLS, CELLS, 3)
    assert crop.nonzero().tolist() == [[CELLS // 2, CELLS // 2, 1]]


@pytest.mark.parametrize("dense", [False, True])
def test_a_crop_shows_the_cells_around_an_object_and_nothing_outside_the_frame(dense: bool):
    slots = random_scene(CONFIG, 4, 3)
    slots.where[..., 2:] *= 4
    slots.presence[1, 0] = 0
    features = SceneFeatures(slots, CONFIG, dense)
    size = torch.tensor(CONFIG.frame_size)
    for b, i in slots.presence.nonzero().tolist():
        pixel = 0.5 * (window(slots.where)[1][b, i] + 1) * (size - 1)
        cell = ((pixel + 0.5) / CONFIG.scenery_cell).long()
        y, x = cell.clamp(0, CONFIG.scenery_shape[0] - CELLS).tolist()
        expected = slots.scenery[b, y : y + CELLS, x : x + CELLS].flatten()
        crop = features.rows.put(features.crops).unflatten(0, features.shape)[b, i, :-2]
        torch.testing.assert_close(crop, expected)


@torch.no_grad()
def test_what_was_seen_is_kept_with_a_state():
    slots = random_scene(CONFIG, 2, 3)
    features = SceneFeatures.of(slots, CONFIG, dense=False)
    assert SceneFeatures.of(slots, CONFIG, dense=False) is features
    before = features.crops
    moved = slots.replace(where=slots.where + 0.4)
    fresh = moved.map(torch.clone)
    after = SceneFeatures.of(moved, CONFIG, dense=False).crops
    assert not torch.equal(before, after)
    torch.testing.assert_close(after, SceneFeatures.of(fresh, CONFIG, dense=False).crops)
    other = slots.replace(scenery=1 - slots.scenery)
    assert not torch.equal(SceneFeatures.of(other, CONFIG, dense=False).crops, before)


def test_nothing_is_kept_or_reused_where_gradients_flow():
    slots = random_scene(CONFIG, 2, 3)
    with torch.no_grad():
        SceneFeatures.of(slots, CONFIG, dense=False)
    slots = slots.replace(where=slots.where.requires_grad_())
    with torch.no_grad():
        kept = SceneFeatures.of(slots, CONFIG, dense=False)
    assert SceneFeatures.of(slots, CONFIG, dense=False) is not kept
    slots = slots.replace()
    features = SceneFeatures.of(slots, CONFIG, dense=False)
    assert features.code.requires_grad and features.relation.requires_grad and not features.crops.requires_grad
    assert not slots.memo


def test_the_scenery_is_the_mean_of_its_cells_with_nothing_around():
    frame = Frame(torch.rand(2, 1, *CONFIG.frame_size), torch.rand(2, 3, *CONFIG.frame_size))
    scenery = SQAIR(CONFIG).view(frame, 2).scenery
    assert scenery.shape[1:] == CONFIG.scenery_shape
    first, cell = CELLS // 2, CONFIG.scenery_cell
    inside = scenery[:, first : first + 12, first : first + 12]
    torch.testing.assert_close(
        inside[1, 3, 5], frame.background[1, :, 3 * cell : 4 * cell, 5 * cell : 6 * cell].mean((1, 2))
    )
    assert (scenery.sum() - inside.sum()).abs() < 1e-3
