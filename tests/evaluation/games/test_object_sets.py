from types import SimpleNamespace

import numpy as np

from sqair_wm.evaluation.games.object_sets import moving, object_sets
from sqair_wm.evaluation.games.truth import GameTruth

FRAMES, SIZE = 40, 30


def walk(columns):
    """Boxes `[F, M, 4]` whose left edge is given for each frame."""
    boxes = np.zeros((FRAMES, len(columns), 4), np.float32)
    boxes[..., 2:] = 4
    for m, left in enumerate(columns):
        boxes[:, m, 0], boxes[:, m, 1] = 6 * m, [left(t) for t in range(FRAMES)]
    return boxes


def recording(boxes, drawn):
    """Black pictures with white boxes where `drawn` `[F, M]`."""
    pictures = np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8)
    for f, m in zip(*np.nonzero(drawn), strict=True):
        top, left, height, width = boxes[f, m].astype(int)
        pictures[f, top : top + height, left : left + width] = 255
    return SimpleNamespace(
        pictures=pictures, backgrounds=np.zeros_like(pictures), background=np.zeros_like(pictures[0])
    )


def test_moving_is_a_pixel_within_the_window():
    boxes = walk([lambda t: 5.0, lambda t: 0.0 + (t >= 20), lambda t: 0.5 * (t >= 20), lambda t: 0.3 * t])
    found = moving(boxes, np.tile(np.arange(4), (FRAMES, 1)), window=8)
    assert not found[:, 0].any() and not found[:, 2].any() and found[:, 3].all()
    assert np.flatnonzero(found[:, 1]).tolist() == list(range(12, 28))


def test_another_object_in_the_same_column_is_no_motion():
    boxes = walk([lambda t: 20.0 * (t >= 20)])
    identity = np.where(np.arange(FRAMES) < 20, 0, 1)[:, None]
    assert not moving(boxes, identity).any()
    identity[10:30] = -1
    assert not moving(boxes, identity).any()


def test_scenery_counts_nowhere_and_what_is_not_drawn_may_be_found_or_not():
    boxes = walk([lambda t: 5.0, lambda t: 0.4 * t, lambda t: 5.0, lambda t: 0.4 * t])
    drawn = np.zeros((FRAMES, 4), bool)
    drawn[:30, 1] = True
    truth = GameTruth(boxes, np.tile(np.arange(4), (FRAMES, 1)), np.arange(4), ("Chest", "Ghost", "Pill", "Key_HUD"))
    sets = object_sets(truth, recording(boxes, drawn))
    assert not (sets.moving | sets.relevant | sets.other)[:, 2:].any()
    assert sets.relevant[:, 0].all() and not sets.moving[:, 0].any()
    assert np.array_equal(sets.moving[:, 1], drawn[:, 1]) and np.array_equal(sets.relevant[:, 1], drawn[:, 1])
    assert np.array_equal(sets.other[:, 1], ~drawn[:, 1])


def test_what_has_become_background_but_was_none_at_the_start_shows():
    boxes = walk([lambda t: 0.4 * t])
    play = recording(boxes, np.ones((FRAMES, 1), bool))
    play.backgrounds = play.pictures
    truth = GameTruth(boxes, np.zeros((FRAMES, 1), np.int64), np.zeros(1, np.int64), ("Ghost",))
    assert object_sets(truth, play).moving.all()
