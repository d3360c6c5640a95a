"""When true objects meet, turn and stand."""

import numpy as np

from sqair_wm.evaluation.games.true_events import MOTION_WINDOW, STANDING, contacts, standing, turns


def boxes_at(*columns: list[tuple[float, float]], size: float = 4) -> tuple[np.ndarray, np.ndarray]:
    """Boxes `[F, M, 4]` and identities `[F, M]` of objects with these centres; None where one is not there."""
    frames = len(columns[0])
    boxes, identity = np.zeros((frames, len(columns), 4)), np.full((frames, len(columns)), -1)
    for m, places in enumerate(columns):
        for f, place in enumerate(places):
            if place is not None:
                boxes[f, m], identity[f, m] = (place[0] - size / 2, place[1] - size / 2, size, size), m
    return boxes, identity


def test_a_ball_that_bounces_between_two_frames_touches_the_paddle() -> None:
    # 3 pixels a frame: the gap is 4, 1, then the bounce happens on the way, then 2 and 5 again.
    ball, paddle = [(20.0, x) for x in (22, 25, 24, 21, 18)], [(20.0, 30.0)] * 5
    boxes, identity = boxes_at(ball, paddle)
    moves = np.array([[True, False]] * 5)
    found = contacts(boxes, identity, moves, identity >= 0)
    assert np.argwhere(found).tolist() == [[1, 0]], "once, and only of what moves"


def test_passing_by_is_no_contact() -> None:
    ball, other = [(20.0, 3.0 * t) for t in range(12)], [(26.0, 15.0)] * 12
    boxes, identity = boxes_at(ball, other)
    everything = identity >= 0
    assert not contacts(boxes, identity, everything, everything).any()
    nearer = boxes_at(ball, [(24.0, 15.0)] * 12)[0]
    assert contacts(nearer, identity, everything, everything).any()


def test_a_turn_is_where_the_direction_changes_and_what_jumps_does_not_turn() -> None:
    right_then_down = [(0.0, 3.0 * t) for t in range(6)] + [(2.0 * t, 15.0) for t in range(1, 6)]
    slowly = [(0.0, 0.3 * min(t, 10 - t)) for t in range(11)]
    stops = [(0.0, 2.0 * min(t, 5)) for t in range(11)]
    boxes, identity = boxes_at(right_then_down, slowly, stops)
    found = turns(boxes, identity)
    assert np.argwhere(found).tolist() == [[5, 0]]
    identity[6:, 0] = 7
    assert not turns(boxes, identity).any(), "another object goes on from there"


def test_standing_is_said_of_what_moved_before() -> None:
    frames = STANDING + 30
    walks, never = [(0.0, 2.0 * min(t, 10)) for t in range(frames)], [(9.0, 9.0)] * frames
    boxes, identity = boxes_at(walks, never)
    found = standing(boxes, identity)
    assert not found[:, 1].any()
    first = int(np.argmax(found[:, 0]))
    assert found[first:, 0].all() and abs(first - (10 + STANDING)) <= 1
    assert MOTION_WINDOW < STANDING
