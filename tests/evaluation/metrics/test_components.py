import numpy as np
import pytest
import torch

from sqair_wm.evaluation.metrics.components import Settings, components, link


def scene(*objects, length=6, size=40):
    """Frames `[T, 1, 1, H, W]` with a 4 x 6 object for each function from the frame number to its upper left corner."""
    frames = torch.zeros(length, 1, 1, size, size)
    for t in range(length):
        for place in objects:
            corner = place(t)
            if corner is not None:
                frames[t, 0, 0, corner[0] : corner[0] + 4, corner[1] : corner[1] + 6] = 1
    return frames


def paths(tracks):
    """{identity: {frame: box}} of the first sequence."""
    found = {}
    for t, n in zip(*np.nonzero(tracks.identity[:, 0] >= 0), strict=True):
        found.setdefault(int(tracks.identity[t, 0, n]), {})[int(t)] = tuple(tracks.boxes[t, 0, n].tolist())
    return found


@pytest.mark.parametrize("kind", [torch.Tensor, lambda x: x.numpy(), lambda x: x.numpy() > 0])
def test_two_objects_are_boxed_and_followed(kind):
    found = paths(components(kind(scene(lambda t: (3, 2 + 2 * t), lambda t: (20 - t, 30)))))
    assert sorted(found.values(), key=lambda path: path[0][0]) == [
        {t: (3, 2 + 2 * t, 4, 6) for t in range(6)},
        {t: (20 - t, 30, 4, 6) for t in range(6)},
    ]


def test_specks_are_dropped_and_near_parts_are_one():
    frames = scene(lambda t: (3, 2), lambda t: (8, 2), length=1)
    frames[0, 0, 0, 30, 30] = 1
    (path,) = paths(components(frames)).values()
    assert path[0] == (3, 2, 9, 6)
    assert len(paths(components(frames, Settings(merge=0, least_area=1)))) == 3
    assert not paths(components(0.4 * frames))


def test_an_object_keeps_its_identity_over_a_short_absence_only():
    def away(first, last):
        return lambda t: None if first <= t <= last else (3, 2 + t)

    assert len(paths(components(scene(away(2, 3))))) == 1
    assert len(paths(components(scene(away(1, 3))))) == 2


def test_what_jumps_beyond_the_gate_is_another_object():
    jump = scene(lambda t: (3, 2 if t < 3 else 22))
    assert len(paths(components(jump))) == 2
    assert len(paths(components(jump, Settings(gate=20)))) == 1


def test_links_are_the_shortest_in_all():
    boxes = [np.array([[0, x, 2, 2] for x in row], np.float32) for row in ([0, 5], [5, 9])]
    assert [list(x) for x in link(boxes, Settings())] == [[0, 1], [0, 1]]


def test_as_many_links_as_can_be_though_they_are_longer():
    boxes = [np.array([[0, x, 2, 2] for x in row], np.float32) for row in ([0, 8], [8, 16])]
    assert [list(x) for x in link(boxes, Settings(gate=9))] == [[0, 1], [0, 1]]


def test_sequences_do_not_touch_and_an_empty_one_has_none():
    frames = torch.cat([scene(lambda t: (3, 2)), torch.zeros(6, 1, 1, 40, 40)], 1)
    tracks = components(frames)
    assert tracks.identity.shape == (6, 2, 1) and (tracks.identity[:, 1] == -1).all()
    assert components(torch.zeros(3, 2, 1, 8, 8)).boxes.shape == (3, 2, 0, 4)
    with pytest.raises(ValueError, match=r"\[T, B, C, H, W\]"):
        components(frames[0])
