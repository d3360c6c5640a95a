"""The background behind objects in hindsight, on a hand-made scene: an object passes from left to right."""

import pytest
import torch

from sqair_wm.model.config import CELLS
from sqair_wm.model.scene_features import in_cells
from sqair_wm.model.slots import Slots
from sqair_wm.training.behind import SCENE, as_seen, in_hindsight
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, channels=4, actions=2, dynamics="interactive", object_size=(6.0, 6.0), frame_size=(60, 60))
FRAMES, ROW = 20, 10
"""Frames of the film, and the row of cells along which the object passes: a cell in each frame, from cell 0 on."""

PELLET, GONE = 200, 0


def film(seen_gone: int, column: int, row: int = ROW) -> Slots:
    """A pellet in `row` and `column`, which is last seen in the frame before `seen_gone`."""
    states = random_scene(CONFIG, FRAMES, 1)
    height, width = CONFIG.frame_size
    cells = torch.stack([torch.full((FRAMES,), ROW + 0.5), torch.arange(FRAMES) + 0.5], 1) * CONFIG.scenery_cell
    centre = 2 * (cells - 0.5) / torch.tensor([height - 1.0, width - 1.0]) - 1
    states.where[:, 0, 2:] = torch.atanh(centre.clamp(-0.99, 0.99))
    scenery = torch.zeros(FRAMES, *CONFIG.scenery_shape, dtype=torch.uint8)
    scenery[:seen_gone, row + CELLS // 2, column + CELLS // 2] = PELLET
    return states.replace(scenery=scenery)


def last_there(states: Slots, rewards: dict[int, float], part: torch.Tensor | None = None) -> int:
    """The number of frames in which the pellet is there in hindsight."""
    paid = torch.zeros(FRAMES)
    for frame, reward in rewards.items():
        paid[frame] = reward
    part = torch.zeros(FRAMES, dtype=torch.int64) if part is None else part
    there = in_hindsight(states, part, paid, CONFIG).scenery.flatten(1).amax(1) == PELLET
    number = int(there.sum())
    assert there[:number].all(), "it goes once"
    return number


def test_the_film_is_what_it_says():
    place = in_cells(film(9, 5).window[1][:, 0], CONFIG)
    torch.testing.assert_close(place[5], torch.tensor([ROW + 0.5, 5.5]), atol=0.02, rtol=0)


def test_an_eaten_pellet_is_gone_from_the_frame_in_which_the_object_was_nearest():
    assert last_there(film(seen_gone=9, column=5), {}) == 5


def test_if_something_was_paid_it_is_gone_from_the_frame_that_brought_the_reward():
    assert last_there(film(seen_gone=9, column=5), {7: 10.0}) == 7
    assert last_there(film(seen_gone=9, column=5), {2: 1.0, 4: -5.0, 8: 10.0}) == 4, "the nearest of several"
    assert last_there(film(seen_gone=9, column=5), {15: 10.0}) == 5, "not a later one"


def test_what_no_object_passed_changes_when_it_is_seen_to():
    assert last_there(film(seen_gone=9, column=5, row=ROW + CELLS), {}) == 9


def test_nothing_is_moved_into_another_episode():
    part = (torch.arange(FRAMES) >= 7).to(torch.int64)
    assert last_there(film(seen_gone=9, column=5), {}, part) == 7


def test_a_cell_that_changes_in_two_steps_changes_once():
    states = film(seen_gone=9, column=5)
    half = states.scenery.clone()
    half[8][half[8] == PELLET] = PELLET // 2
    assert last_there(states.replace(scenery=half), {}) == 5


def test_another_scene_is_no_work_of_objects():
    states = film(seen_gone=FRAMES, column=5)
    flash = states.scenery.clone()
    rows = round(flash.shape[1] * (SCENE + 0.1))
    flash[9:, :rows] = 90
    assert torch.equal(in_hindsight(states.replace(scenery=flash), *no_reward(), CONFIG).scenery, flash)


@pytest.mark.parametrize("change", [{"behind": False}, {"changing": False}])
def test_models_that_do_not_look_behind_objects_keep_what_is_seen(change):
    config, states = (
        small(**({"scenery": 3, "channels": 4, "actions": 2, "dynamics": "interactive"} | change)),
        film(9, 5),
    )
    assert in_hindsight(states, *no_reward(), config) is states
    assert as_seen(states, torch.zeros(FRAMES, 3, *config.frame_size), config) is states


def no_reward() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(FRAMES, dtype=torch.int64), torch.zeros(FRAMES)
