import shutil

import numpy as np
import pytest
import torch

from sqair_wm.common.notes import SUMS
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.evaluation.games import truth as truth_module
from sqair_wm.evaluation.games.found import Found
from sqair_wm.evaluation.games.truth import CACHE, box_centres, collect, moves, true_boxes
from sqair_wm.games.play import Recording


@pytest.fixture(scope="module")
def pong(tmp_path_factory):
    recording = Recording("Pong", frames=260, crop=(34, 194))
    env = recording.make()
    env.reset(seed=1)
    background = np.median([env.step(t % 6)[0] for t in range(150)], 0).astype(np.uint8)
    return record(recording, tmp_path_factory.mktemp("recordings") / "pong", background)


def copy(sequences, folder):
    shutil.copytree(sequences.folder, folder)
    return folder


def test_true_boxes_lie_over_the_sprites(pong):
    truth = true_boxes(pong)
    assert truth.classes == ("Ball", "Enemy", "Player") and sorted(truth.labels) == [0, 1, 2]
    frames = pong.take(np.arange(len(pong))[:, None], torch.device("cpu")).frames.foreground[:, 0]
    boxes, identity = truth.take(np.arange(len(pong))[:, None])
    there, hits, off = identity[:, 0] >= 0, [], []
    moving = moves(box_centres(boxes[:, 0]), there)
    for t, m in (there & moving).nonzero().tolist():
        top, left, height, width = boxes[t, 0, m].tolist()
        rows = slice(max(0, int(top) - 2), round(top + height) + 2), slice(max(0, int(left) - 2), int(left + width) + 3)
        inside = frames[t, 3, int(max(top, 0)) : round(top + height), int(left) : int(left + width) + 1]
        hits.append(float(inside.numel() > 0 and inside.max() > 0.5))
        if hits[-1]:
            opacity = frames[t, 3, rows[0], rows[1]]
            down = (opacity.sum(1) * (torch.arange(opacity.shape[0]) + rows[0].start + 0.5)).sum() / opacity.sum()
            off.append(float(down) - (top + height / 2))
    assert len(hits) > 300 and np.mean(hits) > 0.9
    assert abs(np.median(off)) < 0.5


def test_boxes_are_read_once(pong, monkeypatch):
    first = true_boxes(pong)
    monkeypatch.setattr(truth_module, "replay", lambda sequences: pytest.fail("replayed again"))
    again = true_boxes(pong)
    assert again.classes == first.classes
    assert all(np.array_equal(getattr(again, n), getattr(first, n)) for n in ("boxes", "identity", "labels"))


def test_boxes_of_another_version_are_read_again(pong, tmp_path, monkeypatch):
    sequences = AtariSequences(copy(pong, tmp_path / "pong"))
    first = true_boxes(sequences)
    monkeypatch.setattr(truth_module, "VERSION", -1)
    monkeypatch.setattr(truth_module, "replay", lambda sequences: [[]] * len(sequences))
    assert true_boxes(sequences).boxes.shape == (260, 0, 4) and first.boxes.shape == (260, 3, 4)


def test_a_recording_that_the_replay_does_not_repeat_is_an_error(pong, tmp_path):
    folder = copy(pong, tmp_path / "pong")
    (folder / CACHE).unlink(missing_ok=True)
    frames = np.load(folder / "frames.npy")
    frames[7, 3, 3] ^= 1
    np.save(folder / "frames.npy", frames)
    (folder / SUMS).unlink()
    with pytest.raises(ValueError, match=r"differs from the recording at frame 7 .* delete the folder"):
        true_boxes(AtariSequences(folder))
    assert not (folder / CACHE).exists()


def ball(y, x=10.0, kind="Ball", place=0):
    return Found(place, kind, (y, x, 2.0, 2.0))


def identities(found, episode=None, size=80):
    episode = np.zeros(len(found), int) if episode is None else np.array(episode)
    return collect(found, episode, size).identity


def test_an_identity_lives_as_long_as_its_object():
    assert identities([[ball(1)], [ball(5)], [], [ball(9)], [ball(9)]]).ravel().tolist() == [0, 0, -1, 1, 1]


def test_a_jump_and_another_episode_make_another_object():
    assert identities([[ball(1)], [ball(15)], [ball(29.5)]]).ravel().tolist() == [0, 0, 1]
    assert identities([[ball(1)], [ball(1)]], [0, 1]).ravel().tolist() == [0, 1]


def test_classes_and_places_have_columns_of_their_own():
    truth = collect([[ball(1), ball(2, place=3)], [ball(1, kind="Egg"), ball(2, place=3)]], np.zeros(2, int), 80)
    assert truth.identity.tolist() == [[0, -1, 1], [-1, 2, 1]]
    assert [truth.classes[k] for k in truth.labels] == ["Ball", "Egg", "Ball"]
    assert truth.boxes[1, 1].tolist() == [1, 10, 2, 2] and not truth.boxes[1, 0].any()


def test_moving_is_a_pixel_along_an_axis_while_there():
    centres = torch.zeros(3, 4, 2)
    centres[:, 0, 1] = torch.tensor([5.0, 5.4, 6.0])
    centres[:, 1] = torch.tensor([[0.0, 0.0], [0.7, 0.7], [0.9, 0.9]])
    centres[2, 2] = 50
    there = torch.ones(3, 4, dtype=torch.bool)
    there[2, 2], there[:, 3] = False, False
    assert moves(centres, there).tolist() == [True, False, False, False]
