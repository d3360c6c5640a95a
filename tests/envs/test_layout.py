from dataclasses import replace

import numpy as np
import pytest
import torch

from sqair_wm.envs.layout import Layout, check_finite
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.where import boxes, to_where
from tests.conftest import small

CONFIG = small()


def scene():
    """Two scenes; in the first, an object in row 1, a quarter from the top, moving right."""
    slots = SQAIR(CONFIG).initial(2)
    place = to_where(torch.tensor([0.2, 0.1]), torch.tensor([-0.5, 0.25]))
    slots.where[0, 1], slots.velocity[0, 1] = place, torch.tensor([0.0, 0.1])
    slots.what[:] = 7.0
    slots.presence[0, 1], slots.identity[0, 1] = 1.0, 5
    return slots


def test_columns_say_what_they_should():
    rows = Layout.of(CONFIG).observe(scene())
    assert rows.shape == (2, 3, 11) and rows.dtype == np.float32
    np.testing.assert_allclose(rows[0, 1], [1, -0.5, 0.25, 0.2, 0.1, 0, 0.1, 7, 7, 7, 7], atol=1e-6)
    rows[0, 1] = 0
    assert not rows.any()


def test_what_is_unseen_and_expected_to_be_gone_is_not_shown():
    slots, layout = scene(), Layout.of(CONFIG)
    for belief, shown in ((0.49, False), (0.51, True)):
        slots.belief[0, 1] = belief
        assert bool(layout.observe(slots)[0, 1].any()) is shown
        assert layout.info(slots)["identities"][0, 1] == (5 if shown else -1)


def test_on_request_it_shows_what_the_dynamics_remembers_of_each_object():
    slots = scene().replace(prior=torch.arange(2 * 3 * 5.0).reshape(2, 3, 5))
    rows = Layout.of(CONFIG).observe(slots)
    more = replace(Layout.of(CONFIG), memory=5)
    shown = more.observe(slots)
    assert more.columns == 16 and shown.shape == (2, 3, 16)
    np.testing.assert_array_equal(shown[..., :11], rows)
    np.testing.assert_array_equal(shown[0, 1, 11:], [5, 6, 7, 8, 9])
    shown[0, 1] = 0
    assert not shown.any(), "nothing is remembered of what is not there"


def test_pixels_agree_with_the_boxes():
    slots, layout = scene(), Layout.of(CONFIG, units="pixels")
    row = layout.observe(slots)[0, 1]
    top, left, height, width = boxes(slots.where, (24, 24))[0, 1].tolist()
    np.testing.assert_allclose(row[3:5], [height, width], rtol=1e-5)
    np.testing.assert_allclose(row[1:3] + 0.5, [top + height / 2, left + width / 2], atol=0.51)
    np.testing.assert_allclose(row[5:7], [0, 0.1 * 23 / 2], rtol=1e-5)
    who = layout.info(slots)
    assert who["identities"].tolist() == [[-1, 5, -1], [-1, -1, -1]]
    assert "boxes" not in who


@pytest.mark.parametrize("units", ["normalised", "pixels"])
@pytest.mark.parametrize("form", ["array", "flat", "dict"])
def test_extremes_lie_in_the_space(form, units):
    layout, slots = Layout.of(CONFIG, form, units), scene()
    slots.presence[:] = 1
    for extreme in (-40.0, 40.0):
        slots.where[:], slots.velocity[:], slots.what[:] = extreme, np.sign(extreme) * 2, extreme
        batch = layout.observe(slots)
        first = {k: v[0] for k, v in batch.items()} if form == "dict" else batch[0]
        assert layout.space.contains(first)


def test_forms_hold_the_same_numbers():
    array, flat, both = (Layout.of(CONFIG, form).observe(scene()) for form in ("array", "flat", "dict"))
    assert (array.reshape(2, -1) == flat).all() and (both["slots"] == array).all()
    assert (both["presence"] == array[..., 0]).all()


def test_what_cannot_be_is_an_error():
    with pytest.raises(ValueError, match="array, flat, dict"):
        Layout.of(CONFIG, "image")
    with pytest.raises(ValueError, match="normalised, pixels"):
        Layout.of(CONFIG, units="metres")
    slots = scene()
    slots.what[0, 1, 0] = torch.nan
    with pytest.raises(FloatingPointError, match=r"scenes \[0\]"):
        Layout.of(CONFIG).observe(slots)
    with pytest.raises(FloatingPointError, match=r"an outcome .* scenes \[1\]"):
        check_finite(np.array([[0.0, 1.0], [0.0, np.inf]]), "an outcome")
