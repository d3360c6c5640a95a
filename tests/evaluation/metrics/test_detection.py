import numpy as np
import pytest

from sqair_wm.evaluation.metrics.detection import Detections, average_precision, detection_metrics, greedy, judge


def box(y, x, side=6.0):
    return [y - side / 2, x - side / 2, side, side]


def scene(true, found, confidence=None, counted=None):
    """A frame of boxes; `confidence` of the found ones, `counted` of the true ones (the others may be found or not)."""
    truth, boxes = (np.array([b], np.float32).reshape(1, -1, 4) for b in (true, found))
    sure = np.array([confidence if confidence is not None else [1.0] * len(found)])
    asked = np.array([counted if counted is not None else [True] * len(true)])
    detections = Detections(boxes, np.ones(boxes.shape[:2], bool), sure)
    return truth, asked, ~asked, detections


def figures(truth, counted, others, found):
    return detection_metrics(truth, counted, found, judge(truth, counted, others, found))


def test_a_hit_is_a_centre_within_half_a_diagonal():
    half = 6 / np.sqrt(2)
    judged = judge(*scene([box(20, 20), box(60, 60)], [box(20, 20 + 0.99 * half), box(60, 60 + 1.01 * half)]))
    assert judged.match.tolist() == [[0, -1]] and not judged.ignored.any()


def test_the_surer_detection_takes_the_object_and_a_second_one_is_a_mistake():
    judged = judge(*scene([box(20, 20)], [box(20, 20), box(21, 21)], confidence=[1, 2]))
    assert judged.match.tolist() == [[-1, 0]]
    found = figures(*scene([box(20, 20), box(60, 60)], [box(20, 20), box(21, 21), box(40, 40)]))
    assert found["precision"] == pytest.approx(1 / 3) and found["recall"] == 0.5
    assert found["f"] == pytest.approx(0.4) and found["exact_count"] == 0


def test_an_object_that_is_not_asked_for_may_be_found_once():
    still = scene([box(20, 20), box(60, 60)], [box(20, 20), box(60, 60)], counted=[True, False])
    assert judge(*still).ignored.tolist() == [[False, True]]
    found = figures(*still)
    assert found["precision"] == found["f"] == found["ap"] == found["exact_count"] == 1
    twice = scene([box(20, 20), box(60, 60)], [box(20, 20), box(60, 60), box(61, 61)], counted=[True, False])
    assert figures(*twice)["precision"] == 0.5


def test_an_object_that_is_asked_for_goes_before_one_that_is_not():
    between = scene([box(20, 20), box(20, 23)], [box(20, 22)], counted=[True, False])
    assert judge(*between).match.tolist() == [[0]]


def test_what_is_not_there_is_neither_found_nor_missed():
    truth, counted, others, found = scene([box(20, 20)], [box(20, 20), box(60, 60)])
    found.there[0, 1] = False
    assert figures(truth, counted, others, found)["precision"] == 1
    with pytest.raises(ValueError, match="no true object that counts"):
        figures(truth, ~counted, others, found)


def test_greedy_takes_the_likest_object_that_is_left():
    likeness = np.array([[[0.9, 0.8], [0.6, 0.2]]] * 2)
    confidence = np.array([[2, 1], [1, 2]])
    assert greedy(likeness, confidence, 0.5).tolist() == [[0, -1], [1, 0]]
    assert greedy(likeness[:, :0], confidence, 0.5).tolist() == [[-1, -1]] * 2


def test_average_precision_by_hand():
    """Hits and misses in the order of confidence: hit, miss, hit; three objects, one of them not found."""
    overlap = np.zeros((1, 3, 3))
    overlap[0, 0, 0] = overlap[0, 1, 2] = 0.7
    counted, confidence = np.ones((1, 3), bool), np.array([[3.0, 2.0, 1.0]])
    expected = (4 * 1 + 3 * 2 / 3) / 11  # recall 0 to 0.3: precision 1; 0.4 to 0.6: 2/3
    assert average_precision(overlap, counted, confidence, 0.5) == pytest.approx(expected)
    assert average_precision(overlap, counted, confidence, 0.8) == 0
    equally_sure = np.ones((1, 3))
    assert average_precision(overlap, counted, equally_sure, 0.5) == pytest.approx(7 * (2 / 3) / 11)
    assert average_precision(overlap, counted, np.full((1, 3), -np.inf), 0.5) == 0
