import numpy as np
import pytest
import torch

from sqair_wm.data.sequences import Truth
from sqair_wm.evaluation.digits.digit_tracks import clip, component_tracks, judged, true_tracks, visible_share
from sqair_wm.evaluation.metrics.tracks import Tracks, tracking_metrics

SIZE = (50, 50)


def truth(*boxes):
    """One sequence; for each frame a list of boxes, None for a digit that is not there."""
    there = torch.tensor([[[box is not None for box in frame]] for frame in boxes])
    filled = torch.tensor([[[box or (0, 0, 1, 1) for box in frame]] for frame in boxes]).float()
    return Truth(filled, there, torch.zeros(1, len(boxes[0]), dtype=torch.int64))


def tracks(*frames):
    """One sequence; for each frame a list of (identity, box)."""
    most = max(len(f) for f in frames)
    found = Tracks(np.zeros((len(frames), 1, most, 4), np.float32), np.full((len(frames), 1, most), -1))
    for t, frame in enumerate(frames):
        for i, (identity, box) in enumerate(frame):
            found.boxes[t, 0, i], found.identity[t, 0, i] = box, identity
    return found


def test_boxes_are_cut_off_at_the_edge():
    boxes = np.array([[40.0, 10, 20, 20], [-5, -5, 10, 10], [60, 60, 5, 5], [10, 10, 5, 5]])
    assert clip(boxes, SIZE).tolist() == [[40, 10, 10, 20], [0, 0, 5, 5], [50, 50, 0, 0], [10, 10, 5, 5]]
    assert visible_share(boxes, SIZE).tolist() == [0.5, 0.25, 0, 1]


def test_digits_that_are_hardly_visible_are_not_asked_for():
    found = true_tracks(truth([(47, 0, 20, 10), (45, 0, 20, 10), None]), SIZE)
    assert found.identity.tolist() == [[[-1, 1, -1]]] and found.boxes[0, 0, 1].tolist() == [45, 0, 5, 10]


def test_remembering_or_forgetting_a_hidden_digit_is_the_same():
    real = truth([(30, 0, 20, 10)], [(48, 0, 20, 10)], [(30, 0, 20, 10)])
    remembers = tracks([(4, (30, 0, 20, 10))], [(4, (40, 0, 10, 10))], [(4, (30, 0, 20, 10))])
    forgets = tracks([(4, (30, 0, 20, 10))], [], [(4, (30, 0, 20, 10))])
    for found in (remembers, forgets):
        figures = tracking_metrics(true_tracks(real, SIZE), judged(found, real, SIZE))
        assert figures["mota"] == 1 and figures["switches_per_100"] == 0


def test_a_new_identity_after_hiding_is_a_switch():
    real = truth([(30, 0, 20, 10)], [(48, 0, 20, 10)], [(30, 0, 20, 10)])
    found = tracks([(4, (30, 0, 20, 10))], [], [(5, (30, 0, 20, 10))])
    figures = tracking_metrics(true_tracks(real, SIZE), judged(found, real, SIZE))
    assert figures["switches_per_100"] == 50 and figures["mota"] == 0.5


def test_what_lies_far_from_hidden_digits_is_still_wrong():
    real = truth([(10, 30, 20, 10), (48, 0, 20, 10)])
    found = tracks([(0, (10, 30, 20, 10)), (1, (40, 0, 10, 10)), (2, (5, 5, 10, 10))])
    left = judged(found, real, SIZE)
    assert left.identity.tolist() == [[[0, -1, 2]]]
    assert tracking_metrics(true_tracks(real, SIZE), left)["mota"] == 0


def test_a_hidden_digit_excuses_one_object():
    real = truth([(10, 30, 20, 10), (48, 0, 20, 10)])
    found = tracks([(0, (10, 30, 20, 10)), (1, (40, 0, 10, 10)), (2, (41, 1, 9, 9)), (3, (42, 0, 8, 8))])
    left = judged(found, real, SIZE)
    assert left.there.sum() == 3 and left.identity[0, 0, 0] == 0
    assert tracking_metrics(true_tracks(real, SIZE), left)["mota"] == -1


def test_a_visible_digit_beside_a_hidden_one_keeps_its_object():
    real = truth([(28, 0, 20, 10), (48, 0, 20, 10)])
    found = tracks([(0, (28, 0, 20, 10)), (1, (44, 0, 6, 10))])
    assert judged(found, real, SIZE).identity.tolist() == [[[0, -1]]]


def test_components_find_single_digits_and_lose_those_that_touch():
    frames = torch.zeros(3, 1, 1, 50, 50)
    frames[:2, 0, 0, 5:25, 5:15] = 0.6
    frames[:2, 0, 0, 30:45, 30:40] = 1.0
    frames[2, 0, 0, 5:25, 5:15] = frames[2, 0, 0, 20:35, 10:20] = 1.0
    found = component_tracks(frames)
    assert (found.identity >= 0).sum(2).flatten().tolist() == [2, 2, 1]
    real = truth(*[[(5, 5, 20, 10), (30, 30, 15, 10)]] * 2)
    two = Tracks(found.boxes[:2], found.identity[:2])
    assert tracking_metrics(true_tracks(real, SIZE), two)["mota"] == pytest.approx(1)
