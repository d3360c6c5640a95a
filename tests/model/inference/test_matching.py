import pytest
import torch

from benchmarks.scenes import ATARI, certain_model, moving_sprites
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.inference.matching import FARTHEST, Matcher, nearest, smooth
from sqair_wm.model.slots import Noise
from sqair_wm.nn.attention import FrameView, place_whole

SIZE, FRAME, GLIMPSE = (16.0, 16.0), (50, 50), (16, 16)
SURPRISE = 3.0
SCALE = torch.full((2, 2), 15 / 49)


def centres(*pixels):
    return torch.tensor(pixels) * 2 / 49 - 1


def looks(seed=0):
    """A horizontal and a vertical bar on a little texture."""
    glimpses = 0.1 * torch.rand(2, 1, *GLIMPSE, generator=torch.Generator().manual_seed(seed))
    glimpses[0, :, 6:10], glimpses[1, :, :, 6:10] = 1, 1
    return glimpses


def frame_of(glimpses, places):
    scale = SCALE[:1].expand(len(places), 2)
    return place_whole(glimpses[None], scale[None], places[None], FRAME).clamp(max=1)


def meet(frame, expected, glimpses, spread=0.35, view=None):
    matcher = Matcher(view or FrameView(frame, 1), SIZE, (8.0, 8.0), SURPRISE)
    windows = torch.cat([expected, SCALE], 1)
    rows, rival = torch.zeros(2, dtype=torch.int64), torch.tensor([1, 0])
    return matcher.meet(rows, windows, torch.full((2, 2), spread), glimpses, rival)


def test_each_is_found_where_it_looks_like_itself_even_if_the_other_is_nearer():
    true = centres([22.0, 18.0], [22.0, 30.0])
    expected = centres([22.0, 28.0], [22.0, 22.0])
    found = meet(frame_of(looks(), true), expected, looks())
    torch.testing.assert_close(found, true, atol=2.1 / 49, rtol=0)


def test_overlapping_objects_are_both_found():
    true = centres([20.0, 20.0], [24.0, 26.0])
    found = meet(frame_of(looks(), true), true + torch.tensor([[8 / 49, 0.0], [0.0, -8 / 49]]), looks())
    torch.testing.assert_close(found, true, atol=2.1 / 49, rtol=0)


def test_of_two_that_look_the_same_only_one_takes_what_is_there_once():
    twins, true = looks()[1:].expand(2, -1, -1, -1), centres([20.0, 20.0], [20.0, 34.0])
    expected = centres([20.0, 22.0], [20.0, 26.0])
    found = meet(frame_of(twins, true), expected, twins)
    torch.testing.assert_close(found, true, atol=2.1 / 49, rtol=0)


def test_a_surprise_is_followed_however_certain_the_prediction():
    true = centres([22.0, 18.0], [22.0, 36.0])
    found = meet(frame_of(looks(), true), centres([22.0, 23.0], [22.0, 36.0]), looks(), spread=0.01)
    torch.testing.assert_close(found, true, atol=2.1 / 49, rtol=0)


def test_a_certain_prediction_is_left_by_two_deviations_of_a_surprise_at_most():
    true, expected = centres([22.0, 5.0], [22.0, 40.0]), centres([22.0, 30.0], [22.0, 40.0])
    found = meet(frame_of(looks(), true), expected, looks(), spread=0.01)
    cell = 2 * 2 / 49  # of two pixels
    assert (found - expected).abs().max() <= FARTHEST * SURPRISE * cell + 1e-4


def test_something_brighter_is_no_better_match_than_the_object_itself():
    true, other = centres([22.0, 18.0], [22.0, 42.0]), centres([30.0, 18.0])
    twins = 0.5 * looks()[:1].expand(2, -1, -1, -1)
    frame = torch.maximum(frame_of(twins, true), frame_of(2 * twins[:1], other))
    torch.testing.assert_close(meet(frame, true, twins), true, atol=2.1 / 49, rtol=0)


@pytest.mark.parametrize("nothing", ["to see", "to look for"])
def test_without_a_match_objects_are_expected_where_they_were(nothing):
    expected = centres([22.0, 27.0], [22.0, 22.0])
    frame = torch.zeros(1, 1, *FRAME) if nothing == "to see" else frame_of(looks(), expected.flip(1))
    found = meet(frame, expected, looks() * (nothing == "to see"))
    torch.testing.assert_close(found, expected)


def test_an_object_half_outside_is_found_at_its_centre():
    true = centres([30.0, 48.0], [30.0, 30.0])
    found = meet(frame_of(looks(), true), true - torch.tensor([[0.0, 8 / 49], [0.0, 0.0]]), looks())
    torch.testing.assert_close(found, true, atol=2.1 / 49, rtol=0)


def test_a_part_of_a_view_shows_its_own_frames():
    true = centres([22.0, 18.0], [22.0, 30.0])
    frame, expected = frame_of(looks(), true), true.flip(0) * 0.9
    whole = FrameView(torch.cat([torch.rand(1, 1, *FRAME), frame]), 2)
    torch.testing.assert_close(
        meet(frame, expected, looks(), view=whole.part(1, 2)), meet(frame, expected, looks()), atol=1e-5, rtol=0
    )


def test_the_nearest_neighbour_counts_if_it_is_close_and_there():
    places = centres([10.0, 10.0], [10.0, 24.0], [10.0, 14.0])[None]
    close, rival = nearest(places, torch.tensor([[1.0, 1.0, 0.0]]), SIZE, FRAME, 0.5)
    assert close.tolist() == [[True, True, False]] and rival[0, :2].tolist() == [1, 0]
    close, _ = nearest(places * torch.tensor([1.0, 3.0]), torch.tensor([[1.0, 1.0, 0.0]]), SIZE, FRAME, 0.0)
    assert not close.any()


def test_lengths_of_transforms_are_even_and_smooth():
    assert [smooth(n) for n in (7, 36, 37, 44)] == [8, 36, 40, 48]


def test_packed_and_dense_tracking_agree_where_objects_meet():
    frames = moving_sprites(ATARI, 3, 4, 3)
    frames = frames.map(lambda x: torch.maximum(x, x.roll(5, 4)))
    places = []
    for dense in (False, True):
        model = certain_model(ATARI, dense).requires_grad_(False)
        model.appearance.output_scale.fill_(1.0)
        slots = model.initial(3)
        for frame in frames:
            slots, _ = model.observe(slots, frame, noise=Noise.none(slots), explore=Exploration(duplicates=True))
        assert nearest(torch.tanh(slots.where[..., 2:]), slots.presence, ATARI.object_size, (80, 80), 1.0)[0].any()
        places.append(slots.where * slots.presence[..., None])
    torch.testing.assert_close(*places, atol=1e-3, rtol=1e-3)
