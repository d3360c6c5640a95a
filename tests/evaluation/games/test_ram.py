import sys
from types import SimpleNamespace

import numpy as np
import pytest

from sqair_wm.evaluation.games.found import NoTruth
from sqair_wm.evaluation.games.ram import reader


def memory(**cells):
    """An environment whose memory holds nothing but `cells` (`_10=50`: cell 10 holds 50)."""
    ram = np.zeros(128, np.uint8)
    for cell, value in cells.items():
        ram[int(cell[1:])] = value
    return SimpleNamespace(unwrapped=SimpleNamespace(ale=SimpleNamespace(getRAM=lambda: ram))), {}


def test_an_object_is_where_it_is_from_its_first_frame_on():
    read = reader("MsPacman")()
    assert not [f for f in read(*memory(_10=50, _16=60)) if f.kind == "Ghost"]
    (ghost,) = [f for f in read(*memory(_10=50, _16=60, _47=1, _6=90, _12=30)) if f.kind == "Ghost"]
    assert ghost.box[:2] == (31.0, 77.0)


def test_sums_of_the_memory_do_not_overflow():
    (player,) = [f for f in reader("MsPacman")()(*memory(_10=5, _16=255)) if f.kind == "Player"]
    assert player.box[:2] == (256.0, -8.0)


def test_an_episode_starts_without_the_objects_of_the_one_before():
    begin = reader("Pong")
    assert {f.kind for f in begin()(*memory(_49=100, _54=100, _50=100, _51=100))} == {"Player", "Ball", "Enemy"}
    assert {f.kind for f in begin()(*memory(_51=100))} == {"Player"}


def test_a_game_that_ocatari_does_not_know_is_an_error():
    with pytest.raises(NoTruth, match="does not know ElevatorAction"):
        reader("ElevatorAction")


def test_a_game_that_ocatari_cannot_read_is_an_error(monkeypatch):
    import ocatari.ram.pong as pong

    monkeypatch.setattr(pong, "_detect_objects_ram", lambda *_: [][1])
    with pytest.raises(NoTruth, match="cannot read Pong: IndexError"):
        reader("Pong")()(*memory())


def test_without_ocatari_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ocatari.ram.extract_ram_info", None)
    with pytest.raises(NoTruth, match=r"pip install --no-deps ocatari==2\.2\.1 termcolor pygame"):
        reader("Pong")
