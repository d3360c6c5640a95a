"""Backgrounds in bytes: they mean the same to everything that reads them, and are never joined with numbers."""

from dataclasses import replace

import pytest
import torch

from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Slots
from sqair_wm.nn.light import in_bytes, light
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination_loss import ImaginationLoss
from sqair_wm.world.world_model import WorldModel
from tests.conftest import random_scene, small
from tests.training.steering import CONFIG, QUICK, steered

VIEW = small(scenery=3, channels=4, actions=2, dynamics="interactive", object_size=(6.0, 6.0))


def test_bytes_keep_values_to_half_a_grey_level_and_numbers_stay_as_they_are():
    x = torch.rand(1000)
    assert in_bytes(torch.tensor([0.0, 0.5, 1.0])).tolist() == [0, 128, 255]
    assert float((light(in_bytes(x), x.dtype) - x).abs().max()) <= 0.5 / 255 + 1e-6
    assert light(x, x.dtype) is x


def test_scenes_with_bytes_and_with_numbers_are_not_joined():
    scenes = random_scene(VIEW, 2, 1)
    stored = scenes.replace(scenery=in_bytes(scenes.scenery))
    assert Slots.cat([stored, stored]).scenery.dtype == torch.uint8
    for join in (Slots.cat, Slots.stack):
        with pytest.raises(TypeError, match="different dtypes"):
            join([scenes, stored])


def test_the_view_of_an_object_is_the_same_from_bytes():
    scenes = random_scene(VIEW, 3, 2)
    stored = scenes.replace(scenery=in_bytes(scenes.scenery))
    plain = scenes.replace(scenery=light(stored.scenery, torch.float32))
    assert torch.equal(*(SceneFeatures(x, VIEW, dense=False).crops for x in (stored, plain)))


@pytest.mark.parametrize("changing", [False, True])
def test_imagination_learns_the_same_from_bytes(changing):
    config = replace(CONFIG, scenery=3, channels=CONFIG.channels + 3, births=True, changing=changing)
    torch.manual_seed(0)
    loss = ImaginationLoss(WorldModel(config), ImaginationConfig(**QUICK))
    assert (loss.scenery is not None) == changing
    play, single = (steered(n).cut(torch.tensor([0, 0]), n, torch.device("cpu")) for n in (8, 2))
    scenery = in_bytes(torch.rand(8, 2, *config.scenery_shape))
    found = []
    for kind in (scenery, light(scenery, torch.float32)):
        torch.manual_seed(1)
        parts = (
            replace(p, states=p.states.replace(scenery=kind[:n], prior=torch.zeros(n, 2, 3, config.hidden)))
            for p, n in ((play, 8), (single, 2))
        )
        found.append(loss(*parts)[0])
    assert torch.equal(*found)
