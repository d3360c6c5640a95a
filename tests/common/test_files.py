"""Whatever happens while a file is written, the new file, the old one or none is there, and nothing else is left."""

import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from sqair_wm.common.files import PARTIAL, new_array, new_folder, sweep, write_atomically
from sqair_wm.common.tensor_files import save_tensors
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint

BIG = {"iteration": 2, "weights": torch.zeros(200_000)}


@contextmanager
def full_disk(room=100_000):
    """No file may grow beyond `room` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def abandoned(path):
    """A partial file of a process that no longer runs."""
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    import sqair_wm.common.files as files

    left = path.with_name(f"{path.name}.{files._machine()}-{child.stdout.strip()}-0123abcd{PARTIAL}")
    left.write_bytes(b"half")
    return left


@pytest.mark.parametrize("save", [save_checkpoint, lambda path, state: save_tensors(path, {"x": state["weights"]})])
def test_a_full_disk_leaves_what_was_there_and_nothing_else(tmp_path, save):
    path = tmp_path / "state.pt"
    save_checkpoint(path, {"iteration": 1})
    with full_disk(), pytest.raises(OSError, match=r"no room on the disk for .*state\.pt .* make room"):
        save(path, BIG)
    assert load_checkpoint(path)["iteration"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


def test_a_full_disk_is_noticed_before_an_array_is_mapped(tmp_path):
    with full_disk(), pytest.raises(OSError, match="no room"), new_folder(tmp_path / "x") as partial:
        new_array(partial / "frames.npy", (1000, 1000), np.uint8)
    assert not list(tmp_path.iterdir())
    assert not new_array(tmp_path / "frames.npy", (10, 10), np.uint8).any()


def test_an_interrupted_write_leaves_nothing(tmp_path):
    def write(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x", write)
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "x") as partial:
        write(partial / "y")
    assert not list(tmp_path.iterdir())


def test_what_others_left_half_written_is_swept_and_what_they_write_is_not(tmp_path):
    path = tmp_path / "x"
    dead, mine = abandoned(path), tmp_path / f"x.{os.getpid()}{PARTIAL}"
    mine.write_bytes(b"half")
    write_atomically(path, lambda target: target.write_text("whole"))
    assert path.read_text() == "whole" and not dead.exists() and mine.exists()
    os.utime(mine, (0, 0))
    sweep(path)
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_of_two_folders_of_one_name_the_first_stays(tmp_path):
    with pytest.raises(FileExistsError), new_folder(tmp_path / "x") as late:
        (late / "who").write_text("late")
        with new_folder(tmp_path / "x") as early:
            (early / "who").write_text("early")
    assert (tmp_path / "x" / "who").read_text() == "early" and len(list(tmp_path.iterdir())) == 1
