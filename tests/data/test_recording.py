import json
import os

import numpy as np
import pytest
import torch

from sqair_wm.common.notes import SUMS
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.objects import measure_objects
from sqair_wm.games.play import Recording, initial_background

CPU = torch.device("cpu")
PONG = Recording("Pong", frames=120, size=40)


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


BLACK = np.zeros((40, 40, 3), np.uint8)


@pytest.fixture(scope="module")
def pong(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings") / "pong"
    return record(PONG, folder), folder


def test_a_recording_is_reproducible_and_is_not_made_twice(pong, tmp_path):
    first, folder = pong
    second = record(PONG, tmp_path / "again")
    batches = [s.first(4, 6, CPU) for s in (first, second)]
    assert equal(batches[0].frames, batches[1].frames) and np.array_equal(first.actions, second.actions)
    before = (folder / "frames.npy").stat().st_mtime_ns
    record(PONG, folder)
    assert (folder / "frames.npy").stat().st_mtime_ns == before


def test_frames_stay_on_disk(pong):
    assert isinstance(pong[0]._frames, np.memmap)


def test_a_batch_has_the_promised_shapes(pong):
    batch = pong[0].sample(3, 5, torch.Generator().manual_seed(0), CPU)
    assert batch.frames.foreground.shape == (5, 3, 4, 40, 40) and batch.frames.background.shape == (5, 3, 3, 40, 40)
    assert all(x.min() >= 0 and x.max() <= 1 for x in vars(batch.frames).values())
    assert batch.actions.shape == batch.rewards.shape == batch.ends.shape == (5, 3)
    assert batch.actions.dtype == torch.int64


def test_sampling_is_seeded(pong):
    batches = [pong[0].sample(4, 3, torch.Generator().manual_seed(5), CPU) for _ in range(2)]
    assert equal(batches[0].frames, batches[1].frames)


def test_sequences_do_not_cross_episodes(pong, tmp_path):
    folder = tmp_path / "cut"
    record(Recording("Pong", frames=30, size=40), folder, BLACK)
    starts = np.zeros(30, bool)
    starts[[0, 12, 20]] = True
    np.save(folder / "starts.npy", starts)
    (folder / SUMS).unlink()
    cut = AtariSequences(folder)
    assert set(cut.starts(9)) == {0, 1, 2, 3, 20, 21}
    with pytest.raises(ValueError, match="record more frames"):
        cut.starts(13)


def test_actions_rewards_and_endings_belong_to_the_frame_they_led_to():
    recording = Recording("MsPacman", frames=60, size=40)
    env = recording.make()
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        sequences = record(recording, Path(folder) / "x", BLACK)
        frame, _ = env.reset(seed=0)
        for t in range(1, 60):
            frame, reward, *_ = env.step(int(sequences.actions[t]))
            assert np.array_equal(frame, sequences._frames[t]) and reward == sequences.rewards[t]


class Counting:
    """Plays the numbers of the steps, and remembers what it was shown."""

    def __init__(self):
        self.frames, self.fresh = [], []

    def act(self, frames, fresh, lost):
        self.frames.append(frames)
        self.fresh.append(fresh)
        return np.full(len(frames), len(self.frames) % 5)


def test_a_player_sees_every_frame_and_its_actions_are_played_side_by_side(tmp_path):
    player, recording = Counting(), Recording("Bouncing", frames=30, size=40, seed=3, streams=3, player="counting")
    sequences = record(recording, tmp_path / "x", BLACK, player)
    assert np.array_equal(
        np.concatenate([f[:, None] for f in player.frames], 1).reshape(27, 40, 40, 3)[:9], sequences.pictures[:9]
    )
    assert player.fresh[0].all() and not player.fresh[1].any()
    assert sequences.actions.reshape(3, 10).tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 4]] * 3
    assert sequences.begins.reshape(3, 10)[:, 0].all()
    for stream in range(3):
        alone = record(
            Recording("Bouncing", frames=10, size=40, seed=3 + stream, player="one"),
            tmp_path / str(stream),
            BLACK,
            Counting(),
        )
        assert np.array_equal(alone.pictures, sequences.pictures[10 * stream : 10 * stream + 10])


def test_a_player_that_is_not_there_cannot_be_recorded(tmp_path):
    with pytest.raises(ValueError, match="'somebody', but no player was given"):
        record(Recording("Bouncing", frames=10, player="somebody"), tmp_path / "x", BLACK)
    with pytest.raises(ValueError, match="divided evenly among 3 games"):
        Recording("Bouncing", frames=10, streams=3)


def test_a_lost_life_is_noted_with_the_frame_it_came_with(tmp_path):
    recording = Recording("Breakout", frames=90, size=40, player="fire")

    class Fire:
        def act(self, frames, fresh, lost):
            return np.ones(1, np.int64)

    sequences = record(recording, tmp_path / "x", BLACK, Fire())
    env = recording.make()
    env.reset(seed=0)
    lives = [5, *(env.step(1)[-1]["lives"] for _ in range(89))]
    assert 1 <= sequences.losses.sum() <= 5
    assert sequences.losses[1:].tolist() == (np.diff(lives) < 0).tolist()


def test_an_unfinished_recording_is_made_again(tmp_path):
    partial = tmp_path / "pong.partial"  # as versions before 0.6.0 left it
    partial.mkdir()
    (partial / "frames.npy").write_bytes(b"half")
    for path in (partial, partial / "frames.npy"):
        os.utime(path, (0, 0))
    assert len(record(Recording("Pong", frames=20, size=40), tmp_path / "pong", BLACK)) == 20
    assert not partial.exists()


def test_bad_recordings_are_refused(pong, tmp_path):
    with pytest.raises(ValueError, match="at least one frame"):
        Recording("Pong", frames=0)
    with pytest.raises(ValueError, match="no Atari game"):
        record(Recording("Pongg", frames=5), tmp_path / "x")
    with pytest.raises(ValueError, match="another recording"):
        record(Recording("Pong", frames=7), pong[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="delete it to record again"):
        AtariSequences(tmp_path / "empty")
    note = json.loads((pong[1] / "recording.json").read_text())
    assert note["game"] == "Pong"


def test_size_slots_and_noise_follow_from_the_frames():
    frames = torch.zeros(50, 1, 40, 40)
    for i in range(50):
        for y, x in ((2, i % 30), (20, 30 - i % 30), (30, 5)):
            frames[i, 0, y : y + 6, x : x + 4] = 1
        frames[i, 0, 39, 39] = 1
    measured = measure_objects(frames)
    fainter = measure_objects(0.4 * frames)
    assert measured.size == fainter.size == (6.0, 4.0) and measured.slots == fainter.slots == 6
    assert measured.intensity == pytest.approx(1) and fainter.intensity == pytest.approx(0.4)
    assert measured.noise == 0.1 and fainter.noise == pytest.approx(0.025) and measure_objects(3 * frames).noise == 0.2
    with pytest.raises(ValueError, match="no foreground"):
        measure_objects(torch.zeros(3, 1, 8, 8))


def test_the_background_is_that_of_the_beginning_of_an_episode():
    background = initial_background(Recording("Breakout", crop=(32, 196)))
    bricks = background[12:34, 6:-6]
    assert (bricks == bricks[:, :1]).all(), "a brick that is broken in most of the play is missing"
    assert len(np.unique(bricks[:, 0], axis=0)) >= 6


def test_a_pellet_that_a_ghost_passes_belongs_to_the_background():
    maze = initial_background(Recording("MsPacman", crop=(0, 172))).astype(int)
    assert np.abs(maze - maze[:, ::-1]).max() <= 8, "the maze and its pellets are the same on the left and on the right"
