"""A short version of `make fault-test`, as a part of `make test`."""

import mmap
import os
import threading

import pytest

from tests.faults import kills as killing
from tests.faults.films import films
from tests.faults.forks import do
from tests.faults.fuzz import agent_settings, descriptions
from tests.faults.kills import BLACK, RECORDING, full_disks, kills
from tests.faults.long_use import WORK, grown, long_use
from tests.faults.readers import damages

QUICK = {name: killing.WRITERS[name] for name in ("checkpoint", "note", "folder of arrays")}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(killing, "WRITERS", QUICK)


def nothing_wrong(counts):
    wrong = [line for count in counts for line in count.wrong]
    assert not wrong, wrong[:3]


def test_kills_and_full_disks_leave_what_is_whole(tmp_path):
    nothing_wrong([*kills(tmp_path, every=5), *full_disks(tmp_path, steps=4)])


def test_damaged_files_and_odd_descriptions_are_named(tmp_path):
    for name in ("damaged", "odd"):
        (tmp_path / name).mkdir()
    nothing_wrong([*damages(tmp_path / "damaged", seeds=1), *descriptions(tmp_path / "odd", every=9)])
    nothing_wrong([*agent_settings(every=23), *films(tmp_path / "odd", seeds=1)])


def test_nothing_is_left_over_when_a_model_is_loaded_again_and_again(tmp_path, monkeypatch):
    for name in WORK.keys() - {"a model is loaded"}:
        monkeypatch.delitem(WORK, name)
    nothing_wrong(long_use(tmp_path, 0.1))
    kept = []

    def leak() -> None:
        kept.append((os.open(os.devnull, os.O_RDONLY), mmap.mmap(-1, 16 << 20)))
        kept[-1][1].write(b"x" * (16 << 20))

    more = grown(leak, 4)
    assert more["open files"] == 4 and more["bytes"] > 16 << 20 and not more["threads"]
    for file, memory in kept:
        os.close(file)
        memory.close()


def test_two_who_record_the_same_at_once_get_the_same(tmp_path):
    """The second recording waits for the first, and does not read frames that are not written yet."""
    from sqair_wm.data.atari import record

    def work():
        assert record(RECORDING, tmp_path / "x", BLACK).pictures.any()

    ends = {}
    threads = [threading.Thread(target=lambda n=n: ends.update({n: do(work, tmp_path / n)})) for n in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [e.status for e in ends.values()] == [0, 0], ends
    assert {p.name for p in tmp_path.iterdir() if not p.name.endswith(".lock")} == {"a", "b", "x"}
