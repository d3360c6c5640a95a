"""What is recorded of a game, given the settings of a run."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from sqair_wm.common.notes import SUMS
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.opening import check_game, record_game, recording
from sqair_wm.games.field import Field
from sqair_wm.games.play import Recording
from tests.games.toys import LIMIT, write_game

BLACK = np.zeros((24, 24, 3), np.uint8)


def config(env, folder="data", **data):
    settings = {
        "kind": "atari", "frames": 40, "test_frames": 30, "size": 24, "memory": 45, "crop": "auto", "pool": "auto",
        "sticky": "auto", "more": [], "folder": str(folder),
    }  # fmt: skip
    return OmegaConf.create({"env": env, "seed": 0, "data": settings | data})


def test_spellings_of_one_game_are_one_recording():
    same = [recording(config(env), False) for env in ("Pong", "pong", "PongDeterministic-v4")]
    sticky = [recording(config("ALE/Pong-v5"), False), recording(config("Pong", sticky=0.25), False)]
    assert len({r.folder_name for r in same}) == len({r.folder_name for r in sticky}) == 1
    assert (sticky[0].sticky, sticky[0].frame_skip) == (0.25, 4)
    assert recording(config("PongNoFrameskip-v4"), False).frame_skip == 1


def test_settings_that_contradict_the_game_are_refused():
    with pytest.raises(ValueError, match=r"sticky=0\.1 contradicts .* asks for 0\.25"):
        check_game(config("ALE/Pong-v5", sticky=0.1))
    with pytest.raises(ValueError, match=r"crop=\[0, 40\] is for Atari games; Bouncing"):
        check_game(config("Bouncing", crop=[0, 40]))
    with pytest.raises(ValueError, match=r"sticky=0\.25 is for Atari games"):
        check_game(config("Bouncing", sticky=0.25))
    with pytest.raises(ValueError, match=r"crop is \[100, 50\]"):
        check_game(config("Pong", crop=[100, 50]))
    check_game(config("Bouncing", sticky=0.0))


def test_the_field_is_measured_once_and_written_down(tmp_path, monkeypatch):
    monkeypatch.setattr("sqair_wm.games.games.measure_field", lambda game: Field((20, 200), 4))
    monkeypatch.setattr("sqair_wm.data.atari.initial_background", lambda recording: BLACK)
    train, test = record_game(config("Pong", tmp_path))
    before = (train.folder / "frames.npy").stat().st_mtime_ns
    assert record_game(config("pong", tmp_path))[0].recording == train.recording
    assert (train.folder / "frames.npy").stat().st_mtime_ns == before
    for sequences in (train, test):
        note = json.loads((sequences.folder / "recording.json").read_text())
        assert (note["crop"], note["pool"], note["frame_skip"]) == ([20, 200], 4, 4)
    chosen = record_game(config("Pong", tmp_path, crop=[0, 210], pool=1))[0].recording
    assert (chosen.crop, chosen.pool) == ((0, 210), 1)


def test_a_users_own_game_is_recorded_and_a_limit_of_time_is_no_ending(tmp_path, monkeypatch):
    """The walk ends at the right; the limit cuts it off after so many steps."""
    train, _ = record_game(config(write_game(tmp_path, monkeypatch), tmp_path / "data", frames=200))
    assert train.recording.crop is None and train.recording.frame_skip is None
    lengths = np.diff(np.flatnonzero(np.append(train.begins, True)))
    cut_off = train.truncations & ~train.ends  # both at once if the walk ends with its last step
    assert train.ends.any() and cut_off.any()
    assert train.begins[1:][(train.ends | train.truncations)[:-1]].all()
    assert (lengths[:-1] <= LIMIT + 1).all()
    spot = train.pictures[:, 12, 22].max(-1) > 100
    assert spot[train.ends].all() and not spot[cut_off].any()
    batch = train.take(np.flatnonzero(cut_off)[None], torch.device("cpu"))
    assert not batch.ends.any()


def test_older_recordings_stay_readable(tmp_path):
    """Theirs say nothing of frame skip; their field was that of a table, and truncations were endings."""
    old = asdict(Recording("Pong", frames=5, size=24, crop=(34, 194)))
    sequences = record(Recording(**old), tmp_path / "pong", BLACK)
    del old["frame_skip"]
    (sequences.folder / "recording.json").write_text(json.dumps(old | {"crop": None}))
    for name in ("truncations.npy", SUMS):
        (sequences.folder / name).unlink()
    again = AtariSequences(sequences.folder)
    assert again.recording == Recording("Pong", 5, 24, crop=(34, 194), pool=2, frame_skip=4)
    assert not again.truncations.any() and len(again.truncations) == 5
