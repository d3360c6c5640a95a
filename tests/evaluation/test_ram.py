import sys

import numpy as np
import pytest

from sqair_wm.evaluation.ram import Found, NoTruth, reader, to_pixels


def test_boxes_get_into_pixels_of_the_models_frame():
    raw = Found(0, "Ball", (54.0, 40.0, 4.0, 2.0))
    assert to_pixels([raw], (34, 194), 160, 80) == [Found(0, "Ball", (10.0, 20.0, 2.0, 1.0))]


def test_the_score_and_what_has_no_area_are_left_away():
    score, line = Found(0, "Score", (1.0, 36.0, 20.0, 12.0)), Found(1, "Line", (60.0, 40.0, 0.0, 9.0))
    edge = Found(2, "Player", (30.0, 140.0, 15.0, 4.0))
    assert [f.kind for f in to_pixels([score, line, edge], (34, 194), 160, 80)] == ["Player"]


def memory(**cells):
    ram = np.zeros(128, np.uint8)
    for cell, value in cells.items():
        ram[int(cell[1:])] = value
    return ram


def test_an_object_is_where_it_is_from_its_first_frame_on():
    read = reader("MsPacman")()
    assert not [f for f in read(memory(_10=50, _16=60)) if f.kind == "Ghost"]
    (ghost,) = [f for f in read(memory(_10=50, _16=60, _47=1, _6=90, _12=30)) if f.kind == "Ghost"]
    assert ghost.box[:2] == (31.0, 77.0)


def test_sums_of_the_memory_do_not_overflow():
    (player,) = [f for f in reader("MsPacman")()(memory(_10=5, _16=255)) if f.kind == "Player"]
    assert player.box[:2] == (256.0, -8.0)


def test_an_episode_starts_without_the_objects_of_the_one_before():
    begin = reader("Pong")
    assert {f.kind for f in begin()(memory(_49=100, _54=100, _50=100, _51=100))} == {"Player", "Ball", "Enemy"}
    assert {f.kind for f in begin()(memory(_51=100))} == {"Player"}


def test_a_game_that_ocatari_does_not_know_is_an_error():
    with pytest.raises(NoTruth, match="does not know ElevatorAction"):
        reader("ElevatorAction")


def test_a_game_that_ocatari_cannot_read_is_an_error(monkeypatch):
    import ocatari.ram.pong as pong

    monkeypatch.setattr(pong, "_detect_objects_ram", lambda *_: [][1])
    with pytest.raises(NoTruth, match="cannot read Pong: IndexError"):
        reader("Pong")()(memory())


def test_without_ocatari_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ocatari.ram.extract_ram_info", None)
    with pytest.raises(NoTruth, match="pip install --no-deps ocatari==2.2.1 termcolor pygame"):
        reader("Pong")
