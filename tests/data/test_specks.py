"""Specks in drawn frames, in which it is known what travels and what flickers."""

import numpy as np

from sqair_wm.data.specks import measure_speck
from sqair_wm.model.config import SPECK

FRAMES, SIDE, TYPICAL = 10, 40, 60.0


def stretch(draw):
    masks = np.zeros((1, FRAMES, SIDE, SIDE), bool)
    for t in range(FRAMES):
        masks[0, t, 5:13, 5:13] = True  # too large for a speck, so it does not matter
        draw(masks[0, t], t)
    return masks


def ball(mask, t):
    mask[15 - t : 17 - t, 16 + 2 * t : 18 + 2 * t] = True


def belt(mask, t):
    for y in range(20, 40, 3):
        for x in range(2, 36, 5):
            mask[y, x + t % 2 : x + 2 + t % 2] = True


def test_a_small_thing_that_travels_is_an_object():
    assert measure_speck(stretch(ball), TYPICAL) == 0.5 * 4 / TYPICAL < SPECK


def test_what_flickers_in_its_place_is_no_object():
    assert measure_speck(stretch(belt), TYPICAL) == SPECK


def test_where_nearly_all_small_things_flicker_one_that_travels_does_not_change_that():
    assert measure_speck(stretch(lambda m, t: (belt(m, t), ball(m, t))), TYPICAL) == SPECK


def test_without_small_things_nothing_changes():
    assert measure_speck(stretch(lambda m, t: None), TYPICAL) == SPECK
