"""One process at a time holds a lock; others are told which."""

import subprocess
import sys
import threading
import time

import pytest

from sqair_wm.common.locks import InUseError, alone, first_of

HOLD = """
import sys, time
from pathlib import Path
from sqair_wm.common.locks import alone
with alone(Path(sys.argv[1]), "recording", "wait"):
    print("held", flush=True)
    time.sleep(30)
"""


@pytest.fixture
def held(tmp_path):
    """A folder that another process holds, and the process."""
    folder = tmp_path / "run"
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    yield folder, child
    child.kill()
    child.wait()


def test_the_holder_is_named_and_a_dead_one_holds_nothing(held, capsys):
    folder, child = held
    with pytest.raises(InUseError, match=rf"run is in use by process {child.pid} on .*recording since .*choose name"):
        alone(folder, "training", "choose name=...").__enter__()
    threading.Timer(0.3, child.kill).start()
    begun = time.monotonic()
    with alone(folder, "training", "waiting", wait=True):
        assert time.monotonic() - begun > 0.2
    assert f"process {child.pid}" in capsys.readouterr().err


def test_where_there_can_be_no_lock_work_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    with alone(tmp_path / "file" / "run", "training", ""):
        pass
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert first_of(1) and not first_of(2)
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert first_of(2)
