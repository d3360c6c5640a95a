"""Outlines of sprites whose edges are known to a fraction of a pixel, drawn through windows larger than the sprites."""

import pytest
import torch

from sqair_wm.model.outlines import outlines
from sqair_wm.nn.attention import FrameView, place_whole
from sqair_wm.nn.where import to_where, window
from tests.conftest import small

SIZE, N = (40, 60), 12
GAME, GREY = small(frame_size=SIZE, scenery=3), small(frame_size=SIZE)


def seen(box, frame_channels=1, margin=1.6):
    """The glimpse of an anti-aliased sprite at `box` in an otherwise black frame, and the window it was read from."""
    top, left, height, width = box
    cover = [
        (torch.minimum(p + 1, torch.tensor(s + e)) - torch.maximum(p, torch.tensor(s))).clamp(0, 1)
        for p, s, e in ((torch.arange(40.0), top, height), (torch.arange(60.0), left, width))
    ]
    frame = (cover[0][:, None] * cover[1]).expand(1, frame_channels, 40, 60)
    length = torch.tensor(SIZE) - 1.0
    centre = 2 * (torch.tensor([top + height / 2 + 0.7, left + width / 2 - 0.4]) - 0.5) / length - 1
    where = to_where(margin * torch.tensor([height, width]) / length, centre)[None]
    glimpse = FrameView(frame, 1).read(torch.zeros(1, dtype=torch.int64), *window(where), (N, N))
    return glimpse.view(1, frame_channels, N, N), where


@pytest.mark.parametrize("box", [(10.0, 20.0, 8.0, 8.0), (10.3, 20.6, 8.0, 8.0), (5.0, 30.0, 12.0, 4.0)])
def test_the_box_is_that_of_the_sprite_and_not_of_the_window(box):
    glimpse, where = seen(box)
    assert torch.allclose(outlines(glimpse, where, GAME)[0], torch.tensor(box), atol=0.35)


def test_brightness_does_not_move_the_edges_and_the_strongest_channel_counts():
    glimpse, where = seen((10.0, 20.0, 8.0, 8.0))
    plain = outlines(glimpse, where, GAME)
    faint = torch.cat([0.2 * glimpse, 0.7 * glimpse, torch.zeros_like(glimpse)], 1)
    assert torch.allclose(outlines(faint, where, GAME), plain, atol=1e-4)


def test_what_leaves_the_frame_is_cut_off_and_what_paints_nothing_has_no_box():
    glimpse, _ = seen((10.0, 20.0, 8.0, 8.0))
    half = torch.tensor([12.8 / 39, 12.8 / 59])
    where = torch.stack([to_where(half, torch.tensor([y, 0.0])) for y in (0.99, 0.0)])
    boxes = outlines(torch.cat([glimpse, torch.zeros_like(glimpse)]), where, GAME)
    assert float(boxes[0, 0] + boxes[0, 2]) == 40 and 3 < boxes[0, 2] < 6 and not boxes[1].any()


def test_every_painted_pixel_brighter_than_half_lies_in_the_box():
    torch.manual_seed(0)
    glimpses = torch.rand(5, 1, N, N) * (torch.rand(5, 1, N, N) > 0.7)
    where = to_where(0.1 + 0.2 * torch.rand(5, 2), torch.rand(5, 2) - 0.5)
    for glimpse, place in zip(glimpses, where, strict=True):
        image = place_whole(glimpse[None, None], *(x[None, None] for x in window(place)), SIZE)[0, 0]
        top, left, height, width = outlines(glimpse, place, GAME).tolist()
        rows, columns = (image > 0.5 * glimpse.max()).nonzero(as_tuple=True)
        assert top <= rows.min() + 0.51 and rows.max() + 0.49 <= top + height
        assert left <= columns.min() + 0.51 and columns.max() + 0.49 <= left + width


def test_what_fades_to_its_edge_begins_where_it_is_a_fifth_as_bright_as_at_its_brightest():
    profile = torch.tensor([0, 0, 0.1, 0.3, 0.6, 1, 1, 0.6, 0.3, 0.1, 0, 0])
    glimpse, where = (profile[:, None] * profile)[None, None], to_where(torch.tensor([0.3, 0.2]), torch.zeros(2))[None]
    hard, soft = (outlines(glimpse, where, config)[0] for config in (GAME, GREY))
    samples = 39 * 0.3 / (N - 1)
    assert float(hard[2]) == pytest.approx(samples * 11 / 3, rel=1e-3)
    assert float(soft[2]) == pytest.approx(samples * 6, rel=1e-3)
