import numpy as np
import pytest

from sqair_wm.data import foreground, video
from sqair_wm.data.video import VideoSettings, open_video
from sqair_wm.evaluation.metrics.tracks import Tracks
from sqair_wm.evaluation.pedestrians.pedestrians import (
    Crowd,
    counting,
    cut_out,
    following,
    half_there,
    on_bystanders,
    pedestrian_metrics,
    see,
)
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small
from tests.data.films import walk, write_boxes, write_video

WHOLE, OTHER, EDGE = (10, 10, 20, 10), (10, 40, 20, 10), (0, 25, 8, 10)


def crowd(*people):
    """One frame of one crop with the given (box, identity, share)."""
    boxes, identity, share = (np.array([[list(x)]]) for x in zip(*people, strict=True))
    return Crowd(boxes.astype(np.float32), identity, share.astype(np.float32))


def found(*boxes):
    return Tracks(np.array([[boxes]], np.float32), np.arange(len(boxes))[None, None])


def test_people_are_counted_by_the_share_that_is_in_the_crop():
    scene = crowd((WHOLE, 7, 1.0), (EDGE, 8, 0.4), (OTHER, -1, 1.0))
    one, two = counting(scene, found(WHOLE)), counting(scene, found(WHOLE, EDGE))
    assert (one["counting_accuracy_once"], one["counting_quarter_once"], one["counting_error"]) == (1, 0, 0)
    assert (two["counting_accuracy_once"], two["counting_quarter_once"], two["counting_bias"]) == (0, 1, 1)
    assert "counting_uncut" not in one
    assert counting(crowd((WHOLE, 7, 1.0), (EDGE, 8, 0.05)), found(WHOLE))["counting_uncut"] == 1


def test_objects_that_the_edge_cuts_off_count_by_half_a_typical_one():
    boxes = found((0, 5, 6, 6), (0, 5, 7, 6), (10, 10, 2, 2), (20, 26.5, 5, 5))
    assert half_there(model(), boxes).tolist() == [[[True, True, True, False]]]


def test_what_is_found_on_somebody_cut_off_is_neither_right_nor_wrong():
    scene = crowd((WHOLE, 7, 1.0), (EDGE, 8, 0.4))
    assert on_bystanders(scene, found(WHOLE, EDGE, OTHER)).tolist() == [[[False, True, False]]]
    assert following(scene, found(WHOLE, EDGE))["mota"] == following(scene, found(WHOLE))["mota"] == 1
    assert following(scene, found(WHOLE, OTHER))["mota"] == 0
    assert following(crowd((EDGE, 8, 0.4)), found(EDGE)) == {}


def test_who_counts_keeps_a_box_that_somebody_cut_off_would_fit_too():
    scene = crowd((WHOLE, 7, 1.0), ((10, 12, 20, 10), 8, 0.4))
    assert not on_bystanders(scene, found(WHOLE)).any()


@pytest.fixture
def test_part(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "extract", foreground.subtract)
    film, boxes = write_video(tmp_path / "walk.avi", walk()), write_boxes(tmp_path / "walk.xml")
    settings = VideoSettings(path=str(film), boxes=str(boxes), width=64, size=32, length=3, every=1)
    return open_video(settings, tmp_path)[1]


def model():
    return WorldModel(small(frame_size=(32, 32), object_size=(12.0, 6.0))).eval()


def test_figures_of_the_model_and_of_the_baseline(test_part):
    metrics = pedestrian_metrics(model(), test_part, number=30)
    names = {
        "counting_accuracy_once",
        "counting_quarter_once",
        "counting_error",
        "mota",
        "idf1",
        "hota",
        "switches_per_100",
    }
    assert names | {f"components_{n}" for n in names} | {"unexplained_energy", "counting_accuracy"} <= set(metrics)
    assert all(value == value for value in metrics.values())
    assert metrics["components_counting_accuracy_once"] > 0.9 and metrics["components_mota"] > 0.9
    assert "mota_long" not in metrics  # twelve frames are too few
    assert metrics["components_idf1"] == pedestrian_metrics(model(), test_part, number=30)["components_idf1"]


def test_the_baseline_follows_the_walker(test_part):
    crops = test_part.places(20, 3)
    scene = Crowd(*test_part.people(crops, 3))
    parts = cut_out(model(), see(model(), test_part, crops, 3))
    assert following(scene, parts)["switches_per_100"] == 0


def test_without_true_boxes_only_the_rest_is_measured(test_part):
    import dataclasses

    test_part.clips = [dataclasses.replace(clip, people=None) for clip in test_part.clips]
    assert set(pedestrian_metrics(model(), test_part, number=5)) == {"unexplained_energy", "camera_shift"}
