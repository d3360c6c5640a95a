"""The measured field and flicker, for games in which both are known: drawn ones, and some of Atari."""

import numpy as np
import pytest

from sqair_wm.games import field as field_module
from sqair_wm.games.field import Field, RawPlay, Rows, measure_field, playing_field, vanishing

T, H, W = 900, 100, 60
SCORE, LIVES = slice(2, 7), slice(10, 14)


def play(*, ball=(30, 90), score=SCORE, separated=True, period=1):
    """A ball that moves up and down between two rows in front of a wall; score and lives on black above the wall.

    Every 100 frames a reward changes the score, every 250 a life is lost. The ball is drawn every `period` frames.
    """
    t = np.arange(T)
    rewarded, died = t % 100 == 50, t % 250 == 200
    screens = np.zeros((T, H, W), np.uint8)
    screens[:, 28:, ::9] = 5
    if not separated:
        screens[:, :, 3] = 9
    top, bottom = ball
    places = top + np.abs(t % (2 * (bottom - top)) - (bottom - top))
    for i in range(T):
        screens[i, score, 20 : 21 + rewarded[: i + 1].sum()] = 7
        screens[i, LIVES, 40 : 50 - died[: i + 1].sum()] = 8
        if i % period == 0:
            screens[i, places[i] : places[i] + 5, 30:35] = 3
    return RawPlay(screens, rewarded, died, t)


def field(**changes):
    return playing_field([Rows.of(play(**changes))])


def test_score_and_lives_are_cut_off():
    assert field() == (LIVES.stop, H)


def test_what_a_sprite_reaches_is_never_cut_off():
    assert field(ball=(9, 90)) == (SCORE.stop, H)
    assert field(ball=(4, 90)) == (0, H)


def test_the_picture_is_whole_without_a_row_that_separates_the_score():
    assert field(separated=False) == (0, H)


def test_what_changes_deep_in_the_picture_is_no_score():
    assert field(score=slice(24, 27)) == (LIVES.stop, H)


def test_the_picture_is_whole_where_rewards_never_pause():
    always = play()._replace(rewarded=np.ones(T, bool))
    assert playing_field([Rows.of(always)]) == (0, H)


@pytest.mark.parametrize(
    ("frames", "period", "vanishes"),
    [(1, 1, False), (1, 2, True), (2, 1, False), (2, 2, False), (2, 3, True), (2, 4, True)],
)
def test_a_sprite_flickers_if_so_many_raw_frames_in_a_row_miss_it(frames, period, vanishes):
    gone, looks = vanishing(play(period=period), frames)
    assert (gone > 0.3 * looks) == vanishes and (gone > 0) == vanishes


@pytest.mark.parametrize(
    ("game", "expected"),
    [
        ("MsPacman", Field((0, 173), 4)),
        ("KingKong", Field((0, 250), 1)),
        ("Pong", Field((21, 210), 1)),
        ("Freeway", Field((14, 210), 1)),  # random play does not score, but holding the joystick up does
    ],
)
def test_fields_of_real_games(monkeypatch, game, expected):
    monkeypatch.setattr(field_module, "FRAMES", 1800)
    assert measure_field.__wrapped__(game) == expected
