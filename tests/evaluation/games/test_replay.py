import numpy as np
import pytest

from sqair_wm.data.atari import record
from sqair_wm.evaluation.games.found import Found, NoTruth
from sqair_wm.evaluation.games.replay import from_info, replay, to_pixels
from sqair_wm.games.play import Recording


def test_boxes_get_into_pixels_of_the_models_frame():
    raw = Found(0, "Ball", (54.0, 40.0, 4.0, 2.0))
    assert to_pixels([raw], (34, 194), 160, 80) == [Found(0, "Ball", (10.0, 20.0, 2.0, 1.0))]


def test_the_score_and_what_has_no_area_are_left_away():
    score, line = Found(0, "Score", (1.0, 36.0, 20.0, 12.0)), Found(1, "Line", (60.0, 40.0, 0.0, 9.0))
    edge = Found(2, "Player", (30.0, 140.0, 15.0, 4.0))
    assert [f.kind for f in to_pixels([score, line, edge], (34, 194), 160, 80)] == ["Player"]


def test_an_environment_may_say_its_boxes_itself(tmp_path):
    blank = np.zeros((40, 40, 3), np.uint8)
    sequences = record(Recording("Bouncing", frames=30, size=40), tmp_path / "bouncing", blank)
    found, env = replay(sequences), sequences.recording.make()
    boxes = env.reset(seed=0)[1]["boxes"] / 2
    assert [o.box for o in found[0]] == [tuple(map(float, box)) for box in boxes]
    red = sequences.pictures[0][..., 0]
    for top, left, height, width in boxes:
        assert red[round(float(top + height / 2)) - 1, round(float(left + width / 2)) - 1] > 200


def test_an_environment_that_says_nothing_has_no_truth():
    with pytest.raises(NoTruth, match="does not say where its objects are"):
        from_info(Recording("Bouncing").make(), {})
