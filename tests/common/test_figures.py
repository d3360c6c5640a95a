import io

import numpy as np
import torch
from PIL import Image

from sqair_wm.common import figures


def test_boxes_are_drawn_for_objects_only_and_in_the_colour_of_their_identity():
    boxes = np.array([[2.0, 3.0, 4.0, 5.0], [0.0, 0.0, 2.0, 2.0]])
    drawn = figures.draw_boxes(np.zeros((12, 12, 3), np.uint8), boxes, np.array([6, -1]), zoom=2)
    assert drawn.shape == (24, 24, 3) and (drawn[0, 0] == 0).all()
    assert tuple(drawn[4, 6]) == figures.identity_color(6)


def test_neighbouring_identities_have_different_colours():
    colors = np.array([figures.identity_color(i) for i in range(12)]).astype(int)
    assert min(np.abs(a - b).sum() for i, a in enumerate(colors) for b in colors[:i]) > 30


def test_pictures_move():
    frames = [np.full((8, 8, 3), 20 * i, np.uint8) for i in range(5)]
    assert Image.open(io.BytesIO(figures.moving_picture(frames))).n_frames == 5


def test_grey_and_coloured_frames_become_pictures():
    assert figures.to_picture(torch.rand(1, 6, 7)).shape == figures.to_picture(torch.rand(4, 6, 7)).shape == (6, 7, 3)
