import dataclasses
import warnings

import cv2
import numpy as np
import pytest
import torch

from sqair_wm.data import foreground, video
from sqair_wm.data.sequences import Batch, Truth
from sqair_wm.data.video import VideoSettings, open_video
from tests.data.films import FRAMES, picture, place, walk, write_boxes, write_video

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Most tests need no process of their own."""
    monkeypatch.setattr(video, "extract", foreground.subtract)


def settings(path, **changes):
    return VideoSettings(**(dict(path=str(path), width=64, size=32, length=3, every=1, frames=100) | changes))


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    folder = tmp_path_factory.mktemp("film")
    write_boxes(folder / "walk.xml")
    return write_video(folder / "walk.avi", walk())


def opened(film, root, **changes):
    return open_video(settings(film, boxes=str(film.with_suffix(".xml")), **changes), root)


@pytest.mark.parametrize("method", ["median", "mog2", "knn"])
def test_foreground_is_where_the_walker_is_and_is_inverted_grey(film, tmp_path, method):
    test = opened(film, tmp_path, background=method)[1]
    shown = test.clips[0].foreground
    assert shown.shape == (FRAMES, 48, 64) and isinstance(shown, np.memmap)
    for t in range(test.clips[0].test.start, FRAMES):
        y, x = (v / 2 for v in place(t))
        inside = np.zeros((48, 64), bool)
        inside[round(y - 1) : round(y + 13), round(x - 1) : round(x + 7)] = True
        assert shown[t][inside].sum() >= 0.9 * shown[t].sum()
        assert np.median(shown[t][round(y + 2) : round(y + 10), round(x + 2) : round(x + 4)]) > 220


def test_a_batch_has_the_promised_shapes(film, tmp_path):
    train, test = opened(film, tmp_path)
    batch = train.sample(4, 3, torch.Generator().manual_seed(0), CPU)
    assert (
        batch.frames.foreground.shape == (3, 4, 1, 32, 32)
        and batch.frames.foreground.min() >= 0
        and batch.frames.foreground.max() <= 1
    )
    assert batch.truth is None and batch.actions.shape == (3, 4)
    assert (batch.frames.foreground.flatten(2).amax((0, 2)) > 0.5).all()
    again = train.sample(4, 3, torch.Generator().manual_seed(0), CPU)
    assert torch.equal(batch.frames.foreground, again.frames.foreground)
    assert torch.equal(test.first(5, 3, CPU).frames.foreground, test.first(5, 3, CPU).frames.foreground)


def test_training_and_test_time_do_not_overlap(film, tmp_path):
    train, test = opened(film, tmp_path, every=2)
    span = 2 * 2
    assert train.starts(3)[:, 1].max() + span < 36 <= test.starts(3)[:, 1].min()
    assert test.starts(3)[:, 1].max() + span == FRAMES - 1
    assert test.longest == 6 and len(test.starts(6)) and train.longest == 18


def test_the_background_knows_nothing_of_the_test_part(tmp_path):
    pictures = walk()
    one = write_video(tmp_path / "one.avi", pictures)
    two = write_video(tmp_path / "two.avi", pictures[:36] + [255 - p for p in pictures[36:]])
    for method in ("median", "mog2", "knn"):
        a, b = (open_video(settings(f, background=method), tmp_path)[0].clips[0] for f in (one, two))
        assert np.array_equal(a.foreground[:36], b.foreground[:36])


def test_true_boxes_are_in_pixels_of_the_crop(film, tmp_path):
    test = opened(film, tmp_path)[1]
    batch = test.first(30, 3, CPU)
    truth = batch.truth
    assert truth is not None and truth.presence.any() and not truth.presence.all()
    assert set(truth.identity[truth.presence].tolist()) == {7} and (truth.identity[~truth.presence] == -1).all()
    for t, b, m in truth.presence.nonzero():
        top, left, height, width = truth.boxes[t, b, m].tolist()
        assert min(top, left) >= 0 and top + height <= 32 and left + width <= 32
        assert height * width >= 0.5 * 12 * 6
        shown = batch.frames.foreground[t, b, 0]
        inside = shown[round(top) : round(top + height), round(left) : round(left + width)]
        assert inside.mean() > 0.6


def test_sequences_with_identities_are_joined_and_chosen(film, tmp_path):
    test = opened(film, tmp_path)[1]
    batch = test.first(4, 3, CPU)
    joined = Batch.join([batch, batch]).select(torch.tensor([1, 5]))
    assert torch.equal(joined.truth.identity[:, 0], batch.truth.identity[:, 1])
    assert torch.equal(joined.truth.identity[:, 0], joined.truth.identity[:, 1])
    there = torch.tensor([[[True, False, True]]])
    assert Truth(torch.zeros(1, 1, 3, 4), there, torch.zeros(1, 3).long()).identity.tolist() == [[[0, -1, 2]]]


def test_the_foreground_is_made_once_and_again_when_the_film_or_a_setting_changes(film, tmp_path, monkeypatch):
    first = opened(film, tmp_path)[1].first(3, 3, CPU)
    made = []
    monkeypatch.setattr(video, "extract", lambda *job: (made.append(job), foreground.subtract(*job)))
    assert (
        torch.equal(opened(film, tmp_path)[1].first(3, 3, CPU).frames.foreground, first.frames.foreground) and not made
    )
    opened(film, tmp_path, every=2, most=2, seed=3)
    assert not made
    opened(film, tmp_path, threshold=20)
    assert len(made) == 1
    other = write_video(tmp_path / "walk.avi", walk()[::-1])
    open_video(settings(other), tmp_path)
    assert len(made) == 2 and not list(tmp_path.glob("*.partial"))


def test_an_unfinished_foreground_is_made_again_and_a_damaged_one_is_an_error(film, tmp_path):
    opened(film, tmp_path)
    (folder,) = tmp_path.glob("walk-*")
    folder.rename(folder.with_name(folder.name + ".partial"))
    opened(film, tmp_path)
    (folder,) = (path for path in tmp_path.glob("walk-*") if path.suffix != ".partial")
    (folder / "foreground.npy").write_bytes(b"half")
    with pytest.raises(ValueError, match=r"damaged.* it will be made again"):
        opened(film, tmp_path)


def test_a_folder_of_images_is_a_film(film, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for t, image in enumerate(walk()):
        cv2.imwrite(str(images / f"{t}.png"), image)
    (images / "notes.txt").write_text("not a frame")
    clip = open_video(settings(images), tmp_path)[0].clips[0]
    assert clip.frames == FRAMES and clip.centres[0, 0, 1] < clip.centres[20, 0, 1] < clip.centres[47, 0, 1]


def test_a_moving_camera_is_measured_and_told(film, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still = opened(film, tmp_path)[0].clips[0]
    assert still.camera_shift < 1
    moving = write_video(tmp_path / "moving.avi", [picture(t, shift=t // 6) for t in range(FRAMES)])
    with pytest.warns(UserWarning, match=r"moves by [4-7]\.\d pixels"):
        open_video(settings(moving), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"background": "mean"}, "choose one of median, mog2, knn"),
        ({"path": ""}, r"data\.path=clip\.avi"),
        ({"split": 1.0}, r"data\.split"),
        ({"every": 0}, r"data\.every"),
        ({"threshold": -1.0}, r"data\.threshold"),
        ({"size": 65}, "do not fit"),
        ({"size": 50}, r"raise data\.width"),
        ({"every": 6}, "test part of the video has 12 frames"),
        ({"length": 40}, "training part of the video has 36 frames"),
        ({"start": 1000}, "holds no frames from frame 1000 on"),
        ({"path": "nowhere.avi"}, "there is no video"),
        ({"boxes": "nowhere.xml"}, "there is no file of true boxes"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(film, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        open_video(settings(**({"path": film} | changes)), tmp_path)


def test_films_in_which_nothing_can_be_found_are_refused(tmp_path):
    still = write_video(tmp_path / "still.avi", [picture(0, walker=False)] * 20)
    with pytest.raises(ValueError, match="no foreground"):
        open_video(settings(still), tmp_path)
    crowd = [picture(t, walker=False) for t in range(20)]
    for t, frame in enumerate(crowd):
        for x in range(4, 120, 16):
            y = 10 + 30 * ((t + x // 16) % 2)
            frame[y : y + 12, x : x + 8] = 20
            frame[y + 40 : y + 50, x : x + 8] = 20
    with pytest.raises(ValueError, match="no crop of 32x32 holds 1 to 1 objects"):
        train, _ = open_video(settings(write_video(tmp_path / "crowd.avi", crowd), most=1), tmp_path)
        train.first(2, 3, CPU)


def test_a_broken_video_is_an_error_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "empty.avi").write_bytes(b"")
    with pytest.raises(ValueError, match="not a video that OpenCV can read"):
        open_video(settings(tmp_path / "empty.avi"), tmp_path / "data")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "0.png").write_bytes(b"hello")
    with pytest.raises(ValueError, match="not an image that OpenCV can read"):
        open_video(settings(tmp_path / "bad"), tmp_path / "data")
    (tmp_path / "text.avi").write_bytes(b"hello" * 500)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="not a video that OpenCV can read"):
        open_video(settings(tmp_path / "text.avi"), tmp_path / "data")


def test_a_crash_of_the_decoder_is_an_error_and_not_a_crash(film, tmp_path, monkeypatch):
    monkeypatch.undo()
    (tmp_path / "cv2.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"OpenCV crashed while reading walk \(signal 11\)"):
        open_video(settings(film), tmp_path / "data")


def test_the_process_of_its_own_gives_the_same(film, tmp_path, monkeypatch):
    here = opened(film, tmp_path / "here")[0].clips[0]
    monkeypatch.undo()
    there = opened(film, tmp_path / "there")[0].clips[0]
    assert np.array_equal(here.foreground, there.foreground) and np.array_equal(here.centres, there.centres)


def test_settings_of_the_extraction_are_passed_on():
    chosen = settings("x.avi", threshold=9.0, invert=False)
    assert dataclasses.asdict(chosen.extraction).items() <= dataclasses.asdict(chosen).items()
