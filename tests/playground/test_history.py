"""Moments, and how they branch."""

from typing import Any

import pytest

from sqair_wm.playground import history
from sqair_wm.playground.history import History, Moment, Side

NOBODY: Any = None


def moment(number, action=None):
    return Moment(number, action, Side(NOBODY, None), b"", None)


@pytest.fixture
def played():
    past = History(moment(0))
    for n in range(1, 6):
        past.append(moment(n))
    return past


def actions(past):
    return [m.action for m in past.branch.moments]


def test_what_is_played_from_the_past_is_a_branch_and_what_was_stays(played):
    played.seek(2)
    played.append(moment(3, "other"))
    assert actions(played) == [None, None, None, "other"] and played.branch.parted == 2
    played.select(0)
    assert actions(played) == [None] * 6 and played.now.number == 5


def test_what_is_changed_in_the_past_is_a_branch_too(played):
    played.seek(2)
    played.replace(moment(2, "changed"))
    assert actions(played) == [None, None, "changed"] and len(played.branches) == 2
    played.replace(moment(2, "again"))
    assert actions(played)[-1] == "again" and len(played.branches) == 2


def test_the_first_frames_are_forgotten_in_the_end(played, monkeypatch):
    monkeypatch.setattr(history, "KEPT", 4)
    played.append(moment(6))
    assert (played.branch.first, played.branch.last, played.now.number) == (3, 6, 6)
    assert played.at(2) is None and played.at(3).number == 3
    with pytest.raises(ValueError, match="no frame 2 in this branch: choose one from 3 to 6"):
        played.seek(2)
    played.seek(4)
    assert played.now.number == 4
    played.append(moment(5, "other"))
    assert [m.number for m in played.branch.moments] == [3, 4, 5]


def test_the_oldest_branches_are_forgotten(played, monkeypatch):
    monkeypatch.setattr(history, "BRANCHES", 2)
    played.fork()
    played.append(moment(6))
    played.fork()
    assert [b.number for b in played.branches] == [1, 2] and played.branch.number == 2
    with pytest.raises(ValueError, match=r"no branch 0: choose one of \[1, 2\]"):
        played.select(0)


def test_much_play_in_many_branches_is_forgotten(monkeypatch):
    monkeypatch.setattr(history, "KEPT", 8)
    past = History(moment(0))
    for start in range(6):
        past.seek(0)
        for n in range(1, 5):
            past.append(moment(n, start))
    assert sum(b.own for b in past.branches) <= 16 and past.branch.moments[-1].action == 5
    assert past.branches[-1] is past.branch and len(past.branches) == 4


def test_a_branch_of_which_nothing_came_is_not_begun_twice(played):
    played.fork()
    played.fork()
    assert [b.number for b in played.branches] == [0, 1]
