import sys

import numpy as np
import pytest

from sqair_wm.evaluation.metrics.tracks import Tracks, centre_similarity, iou, tracking_metrics


def straight(frames=10, objects=2, sequences=1):
    """Objects 20 pixels apart that walk to the right, 10 x 10 pixels large."""
    boxes = np.zeros((frames, sequences, objects, 4), np.float32)
    boxes[..., 0] = 20 * np.arange(objects)
    boxes[..., 1] = np.arange(frames)[:, None, None]
    boxes[..., 2:] = 10
    return Tracks(boxes, np.tile(np.arange(objects), (frames, sequences, 1)))


def changed(tracks, change):
    boxes, identity = tracks.boxes.copy(), tracks.identity.copy()
    change(boxes, identity)
    return Tracks(boxes, identity)


@pytest.mark.parametrize("similarity", ["iou", "centre"])
def test_perfect_tracks_under_other_names_and_in_other_columns(similarity):
    truth = straight(sequences=2)

    def change(boxes, identity):
        boxes[:] = boxes[:, :, ::-1].copy()
        identity[:] = 7 + 5 * identity[:, :, ::-1]

    figures = tracking_metrics(truth, changed(truth, change), similarity)
    assert figures == pytest.approx({"mota": 1, "idf1": 1, "hota": 1, "switches_per_100": 0})


def test_a_switch_a_miss_and_a_false_positive_cost_what_they_should():
    truth = straight()

    def change(boxes, identity):
        identity[5:, 0, 0] = 9
        identity[3, 0, 1] = -1
        identity[7, 0, 1], boxes[7, 0, 1, 0] = 1, 60

    figures = tracking_metrics(truth, changed(truth, change))
    misses, false, switches = 2, 1, 1
    assert figures["mota"] == pytest.approx(1 - (misses + false + switches) / 20)
    assert figures["switches_per_100"] == pytest.approx(100 * switches / 20)
    true_positives = 5 + 8  # of the first object only one of its two tracks counts
    assert figures["idf1"] == pytest.approx(2 * true_positives / (20 + 19))
    assert 0.5 < figures["hota"] < 1


def test_hota_of_tracks_cut_in_half():
    """Each half is matched in half of its frames: association is 1/2, detection perfect."""
    truth = straight()
    halves = changed(truth, lambda boxes, identity: identity.__setitem__(slice(5, None), identity[5:] + 2))
    assert tracking_metrics(truth, halves)["hota"] == pytest.approx(np.sqrt(0.5))


def test_sequences_are_counted_together_and_nothing_found_is_zero():
    truth = straight(sequences=2)
    half = changed(truth, lambda boxes, identity: identity.__setitem__((slice(None), 1), -1))
    assert tracking_metrics(truth, half)["mota"] == pytest.approx(0.5)
    nothing = truth.only(np.zeros(truth.identity.shape, bool))
    assert tracking_metrics(truth, nothing) == {"mota": 0, "idf1": 0, "hota": 0, "switches_per_100": 0}


def test_for_small_objects_the_centre_decides():
    truth = changed(straight(), lambda boxes, identity: boxes.__setitem__((..., slice(2, 4)), 2.0))
    beside = changed(truth, lambda boxes, identity: boxes.__setitem__((..., 1), boxes[..., 1] + 1))
    assert tracking_metrics(truth, beside, "iou")["mota"] == -1
    assert tracking_metrics(truth, beside, "centre")["mota"] == 1


def test_similarities_of_two_boxes():
    a = np.array([[0.0, 0.0, 3.0, 4.0]])
    assert iou(a, np.array([[0.0, 2.0, 3.0, 4.0]])) == pytest.approx(1 / 3)
    assert iou(a, np.array([[9.0, 9.0, 1.0, 1.0]])) == 0
    assert centre_similarity(a, np.array([[0.0, 2.5, 3.0, 4.0]])) == pytest.approx(0.5)
    assert centre_similarity(a, np.array([[0.0, 50.0, 3.0, 4.0]])) == 0


def test_what_cannot_be_judged_is_refused(monkeypatch):
    truth = straight()
    with pytest.raises(ValueError, match="no true object"):
        tracking_metrics(truth.only(np.zeros((10, 1, 2), bool)), truth)
    with pytest.raises(ValueError, match=r"\(10, 1\) frames and sequences"):
        tracking_metrics(truth, straight(frames=9))
    with pytest.raises(ValueError, match="given to two objects"):
        tracking_metrics(truth, changed(truth, lambda boxes, identity: identity.fill(3)))
    with pytest.raises(ValueError, match="no similarity 'area': choose one of iou, centre"):
        tracking_metrics(truth, truth, "area")
    with pytest.raises(ValueError, match=r"boxes \[T, B, N, 4\]"):
        Tracks(truth.boxes, truth.identity[0])
    monkeypatch.setitem(sys.modules, "trackeval", None)
    with pytest.raises(ImportError, match="pip install --no-deps trackeval"):
        tracking_metrics(truth, truth)
