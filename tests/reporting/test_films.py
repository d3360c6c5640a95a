"""Films of a page: images that hold all pictures, and how they stay small."""

import io

import numpy as np
from PIL import Image

from sqair_wm.reporting.films import Box, Film, Panel, album, boxes_of, gif, strip, tiles


def noise(number, size=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (number, size, size, 3), dtype=np.uint8)


def test_an_image_holds_all_pictures_without_loss():
    pictures = noise(5)
    sheet = np.asarray(Image.open(io.BytesIO(strip(pictures))).convert("RGB"))
    assert sheet.shape == (2 * 32, 3 * 32, 3)
    assert (sheet[32:, 32:64] == pictures[4]).all() and not sheet[32:, 64:].any()


def test_what_is_too_large_loses_detail_and_then_the_last_films():
    films = [Film(f"{k}", "noise", [Panel("noise", noise(9, seed=k))]) for k in range(3)]
    whole = album(films)
    small = album(films, sum(len(s["source"]) for s in whole["strips"]) // 2)
    assert len(small["films"]) == 3 and len(str(small)) < 0.7 * len(str(whole))
    assert len(album(films, 1)["films"]) == 1, "the first is always there"


def test_boxes_are_those_of_objects():
    places = np.array([[[1.04, 2, 3, 4], [5, 6, 7, 8]]])
    assert boxes_of(places, np.array([[7, -1]])) == [[Box(7, 1.0, 2, 3, 4)]]


def test_glimpses_are_sorted_by_identity_in_a_square():
    glimpses = np.stack([np.full((2, 2, 3), value, np.uint8) for value in (10, 20, 30)])
    pictures, boxes = tiles([glimpses], np.array([[5, -1, 2]]), 3)
    assert pictures.shape == (1, 12, 12, 3) and [box.identity for box in boxes[0]] == [2, 5]
    assert (pictures[0, 2:4, 2:4] == 30).all() and (pictures[0, 2:4, 8:10] == 10).all()


def test_a_film_is_a_gif_as_well():
    film = Film("a", "b", [Panel("c", noise(3), [[Box(0, 1, 1, 4, 4)]] * 3), Panel("d", noise(3, 16))])
    assert Image.open(io.BytesIO(gif(film))).n_frames == 3
