"""Several recordings as one training set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sqair_wm.common.settings import ConfigError
from sqair_wm.data.atari import record
from sqair_wm.data.joined import JoinedSequences, Rows, recordings_in
from sqair_wm.games.play import Recording

CPU, SETTINGS = torch.device("cpu"), Recording("Bouncing", frames=60, size=48)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recordings")
    return [record(replace(SETTINGS, seed=n, frames=60 + 20 * n), folder / f"part{n}") for n in range(2)], folder


def test_frames_are_those_of_the_recordings_in_order(parts):
    (first, second), _ = parts
    joined = JoinedSequences([first, second])
    assert len(joined) == 140 and joined.folder == first.folder
    index = np.array([[3, 59], [60, 139]])
    batch = joined.take(index, CPU)
    for t, b, part, row in ((0, 0, first, 3), (0, 1, first, 59), (1, 0, second, 0), (1, 1, second, 79)):
        own = part.take(np.array([[row]]), CPU)
        assert torch.equal(batch.frames.foreground[t, b], own.frames.foreground[0, 0])
        assert batch.actions[t, b] == own.actions[0, 0] and batch.rewards[t, b] == own.rewards[0, 0]


def test_sequences_do_not_cross_from_one_recording_to_the_next(parts):
    joined = JoinedSequences(parts[0])
    starts = joined.starts(5)
    assert not set(range(56, 60)) & set(starts.tolist()) and joined.begins[60]
    assert len(starts) == sum(len(p.starts(5)) for p in parts[0])


def test_rows_are_read_from_whatever_array_they_are_in():
    rows = Rows([np.arange(4), np.arange(10, 13), np.arange(20, 21)])
    assert len(rows) == 8 and rows[np.array([[7, 0], [3, 4]])].tolist() == [[20, 0], [3, 10]]


def test_recordings_are_found_below_a_folder_and_have_to_fit(parts, tmp_path):
    (first, _), folder = parts
    assert [r.folder.name for r in recordings_in(folder)] == ["part0", "part1"]
    assert [r.folder for r in recordings_in(first.folder)] == [first.folder]
    with pytest.raises(ConfigError, match="holds no recording"):
        recordings_in(tmp_path)
    other = record(replace(SETTINGS, size=40), tmp_path / "other")
    with pytest.raises(ConfigError, match="its size is 40, not 48"):
        JoinedSequences([first, other])
