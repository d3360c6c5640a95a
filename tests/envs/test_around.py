import gymnasium as gym
import numpy as np
import pytest
import torch

from sqair_wm.envs.around import SIDE, SPANS, Around
from sqair_wm.envs.layout import Layout
from sqair_wm.model.config import CELLS
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.where import to_where
from tests.conftest import small

CELL, FRAME = 2, 24
MIDDLE = SIDE // 2


@pytest.fixture
def config():
    config = small(scenery=3, object_size=(6.0, 6.0), frame_size=(FRAME, FRAME))
    assert config.scenery_cell == CELL
    return config


@pytest.fixture
def start():
    """A background of random colours."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (FRAME, FRAME, 3), np.uint8))


def cells_of(picture):
    """Grey of every cell of a picture, `[12, 12]`."""
    grey = np.asarray(picture, np.float64).mean(2) / 255
    return grey.reshape(FRAME // CELL, CELL, FRAME // CELL, CELL).mean((1, 3))


def scene(config, background, y, x):
    """One object, whose centre lies in the cell (y, x), before a background."""
    slots = SQAIR(config).initial(1)
    centre = [(2 * (CELL * cell + 0.5 * (CELL - 1)) / (FRAME - 1)) - 1 for cell in (y, x)]
    slots.where[0, 1] = to_where(torch.tensor([0.2, 0.2]), torch.tensor(centre))
    slots.presence[0, 1], slots.identity[0, 1] = 1.0, 5
    before = CELLS // 2
    colours = torch.as_tensor(background).double().unflatten(1, (-1, CELL)).unflatten(0, (-1, CELL)).mean((1, 3)) / 255
    slots.scenery[0, before : before + len(colours), before : before + len(colours)] = colours.float()
    return slots


def views(config, start, background, y, x):
    """Near grey, near difference, far grey and far difference of the object, `[9, 9]` each."""
    columns = Around(config, start).columns(scene(config, background, y, x))
    assert columns.shape == (1, config.slots, Around.width) and not columns[0, 0].any()
    return columns[0, 1].unflatten(0, (2 * len(SPANS), SIDE, SIDE)).numpy()


def test_near_view_shows_the_cells_around_the_object(config, start):
    near, gone, _, _ = views(config, start, start, 5, 7)
    np.testing.assert_allclose(near, cells_of(start)[1:10, 3:12], atol=1e-6)
    np.testing.assert_allclose(gone, 0, atol=1e-6)


def test_beyond_the_frame_there_is_nothing(config, start):
    near, _, far, _ = views(config, start, start, 0, 11)
    np.testing.assert_allclose(near[MIDDLE:, : MIDDLE + 1], cells_of(start)[:5, 7:12], atol=1e-6)
    assert not near[:MIDDLE].any() and not near[:, MIDDLE + 1 :].any()
    assert not far[:MIDDLE].any() and not far[:, MIDDLE + 1 :].any()


def test_far_view_shows_means_of_four_by_four_cells(config, start):
    _, _, far, _ = views(config, start, start, 5, 7)
    blocks = cells_of(start).reshape(3, 4, 3, 4).mean((1, 3))
    # Cell (5, 7) lies in block (1, 1).
    np.testing.assert_allclose(far[MIDDLE - 1 : MIDDLE + 2, MIDDLE - 1 : MIDDLE + 2], blocks, atol=1e-6)
    assert np.count_nonzero(far) == 9


def test_what_was_eaten_is_the_difference_from_the_start(config, start):
    now = start.clone()
    now[2 * CELL : 3 * CELL, 9 * CELL : 10 * CELL] = 0  # the pellet in cell (2, 9) is gone
    _, gone, _, far = views(config, start, now, 5, 7)
    pellet = cells_of(start)[2, 9]
    assert gone[MIDDLE - 3, MIDDLE + 2] == pytest.approx(-pellet, abs=1e-6) and np.count_nonzero(abs(gone) > 1e-6) == 1
    assert far[MIDDLE - 1, MIDDLE + 1] == pytest.approx(-pellet / 16, abs=1e-6)
    assert np.count_nonzero(abs(far) > 1e-6) == 1


def test_model_without_background_says_so(start):
    with pytest.raises(ValueError, match="around=True"):
        Around(small(), start)


def test_real_and_imagined_games_show_it(bouncing):
    made = {"model": bouncing, "around": True}
    real, imagined = gym.make("sqair_wm/Slots-v0", **made), gym.make("sqair_wm/Imagination-v0", start_states=8, **made)
    assert real.observation_space == imagined.observation_space
    plain = gym.make("sqair_wm/Slots-v0", model=bouncing)
    wide, narrow = real.reset(seed=1)[0], plain.reset(seed=1)[0]
    assert wide.shape[1] == narrow.shape[1] + Around.width and (wide[:, : narrow.shape[1]] == narrow).all()
    assert imagined.observation_space.contains(imagined.reset(seed=1)[0])


def test_forms_hold_the_same_numbers(config, start):
    shown = [
        Layout(config.slots, config.what, (FRAME, FRAME), form, around=Around(config, start)).observe(
            scene(config, start, 5, 7)
        )
        for form in ("array", "flat")
    ]
    assert (shown[0].reshape(1, -1) == shown[1]).all()
