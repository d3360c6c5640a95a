"""Games of which the speed is known: what hardly moves needs a longer memory than what moves all the time."""

import numpy as np
import pytest

from sqair_wm.games import memory
from sqair_wm.games.play import Recording


def play(pause):
    """A 12 pixel square that moves by 6 pixels to the right every `pause` frames, and starts again on the left."""

    def frames(recording, number):
        for t in range(number):
            frame = np.full((32, 80, 3), 20, np.uint8)
            left = 6 * (t // pause) % 68
            frame[10:22, left : left + 12] = 200
            yield frame, t == 0

    return frames


@pytest.mark.parametrize(("pause", "least", "most"), [(1, 45, 45), (12, 45, 45), (60, 90, 360)])
def test_the_memory_grows_where_objects_are_slow(monkeypatch, pause, least, most):
    monkeypatch.setattr(memory, "warm_up", play(pause))
    monkeypatch.setattr(memory, "initial_background", lambda recording: np.full((32, 80, 3), 20, np.uint8))
    assert least <= memory.measure_memory(Recording("Pong")) <= most


@pytest.mark.parametrize(
    ("recording", "expected"),
    [
        (Recording("Pong", size=40, crop=(34, 194)), 45),
        (Recording("SpaceInvaders", size=40, crop=(20, 196), pool=4), 180),
    ],
)
def test_real_games(recording, expected):
    assert memory.measure_memory(recording) == expected
