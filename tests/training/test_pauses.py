"""Pauses before lost lives: hand-made counts and scenes, and MsPacman."""

import numpy as np
import pytest
import torch

from sqair_wm.model.slots import Slots
from sqair_wm.nn.where import to_where
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.training.pauses import EDGE, GAP, LONGEST, ended, moving, pauses
from sqair_wm.world.loading import load
from sqair_wm.world.scenes import Tracker
from tests.training.test_contacts import UNIT, WINDOW, scenes


def paused(moved, over, rewards=(), part=None):
    """Numbers of the frames that `pauses` finds; `over` and `rewards` are numbers of frames as well."""
    marks = torch.zeros(2, len(moved))
    marks[0, list(over)] = 1
    marks[1, list(rewards)] = 1
    part = torch.zeros(len(moved), dtype=torch.int64) if part is None else torch.tensor(part)
    return pauses(torch.tensor(moved), part, marks[0] > 0, marks[1]).nonzero().flatten().tolist()


def test_the_pause_before_a_lost_life_and_the_last_move_before_it_belong_to_it():
    # What happened with frame 19 costs the life: nothing can be done about it any more.
    assert paused([3] * 20 + [0] * 10, over=[29]) == list(range(19, 30))


def test_a_life_that_is_lost_while_all_goes_on_has_no_pause():
    assert paused([3] * 30, over=[29]) == [29]


def test_a_game_that_stands_still_without_an_ending_is_not_over():
    assert paused([3] * 10 + [0] * 10 + [3] * 10, over=[]) == []
    assert paused([3] * 10 + [0] * 10 + [3] * 10, over=[29]) == [29]


def test_a_single_object_that_seems_to_move_does_not_divide_a_pause():
    still = [0] * 20
    still[10], still[11] = 1, 2
    assert paused([3] * 30 + still, over=[49]) == list(range(29, 50))
    assert GAP < 5
    assert paused([3] * 30 + still[:8] + [3] * 5 + [0] * 7, over=[49]) == list(range(42, 50))


def test_many_objects_that_move_now_and_then_are_no_pause():
    # The invaders of SpaceInvaders move together every few frames; something else moves all the time.
    assert paused(([20, 1, 1, 1] * 20) + [1, 0, 0, 0, 0, 0], over=[85])[0] > 79


def test_a_pause_begins_after_the_last_reward_and_within_its_episode():
    assert paused([3] * 20 + [0] * 10, over=[29], rewards=[25]) == list(range(26, 30))
    assert paused([3] * 20 + [0] * 10, over=[29], part=[0] * 24 + [1] * 6) == list(range(24, 30))


def test_a_pause_has_an_end():
    assert paused([3] * 200 + [0] * 100, over=[299]) == list(range(299 - LONGEST - EDGE - 1, 300))


def test_objects_move_if_they_are_seen_twice_at_different_places():
    states = scenes([0.9, 0.9, 0.5, 0.1, 0.1])
    states.unseen[3, 1] = 1
    count = moving(states.map(lambda x: x[:-1]), states.map(lambda x: x[1:]), UNIT)
    assert count.tolist() == [0, 1, 0, 0]
    swapped = states.select(torch.tensor([2])).map(lambda x: x.flip(1) if x.dim() > 1 else x)
    assert moving(states.select(torch.tensor([1])), swapped, UNIT).tolist() == [1]


def test_training_learns_the_end_where_the_pause_begins():
    places = torch.arange(30).clamp(max=19)
    states = scenes([0.9] * 30)
    states.where[:, 0] = to_where(torch.full((30, 2), WINDOW), torch.stack([places * 0.05 - 0.95, places * 0], 1))
    states.where[:, 1] = to_where(torch.full((30, 2), WINDOW), torch.stack([places * 0.05, places * 0], 1))
    ends, none = torch.zeros(30, dtype=torch.bool), torch.zeros(30)
    ends[27] = True
    play = EncodedPlay(states, torch.zeros(30, dtype=torch.int64), none.long(), none, ends, UNIT)
    first = play.over.nonzero()[0].item()
    assert first == 19 and bool(play.over[first:28].all()) and not play.over[28:].any()
    assert play.events[3].nonzero().flatten().tolist() == [first]
    assert torch.equal(play.cut(torch.tensor([0]), 30, torch.device("cpu")).ends[:, 0], play.over)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_play_has_pauses_too(frames):
    assert paused([0] * frames, over=[frames - 1]) == [frames - 1]


def test_in_mspacman_the_pause_begins_where_the_game_stops():
    model, everyone, places, scenes = load("MsPacman"), np.ones(1, bool), [], []
    game, tracker = model.make_env(), Tracker(model, 1)
    frame, info = game.reset(seed=0)
    lives = info["lives"]
    tracker.begin(everyone)
    tracker.see(frame[None])
    while info["lives"] == lives:
        frame, *_, info = game.step(0)
        tracker.see(frame[None], np.zeros(1, np.int64))
        places.append(game.unwrapped.ale.getRAM()[6:18].copy())  # of player and ghosts, as OCAtari reads them
        scenes.append(tracker.scenes.state.map(torch.clone))
    game.close()
    changed = (np.diff(np.stack(places), axis=0) != 0).any(1).nonzero()[0] + 1
    states, nothing = Slots.cat(scenes), torch.zeros(len(scenes))
    ends = nothing.bool()
    ends[-1] = True
    over = ended(states, nothing.long(), ends, nothing, sum(model.config.object_share)).nonzero().flatten()
    last = changed[changed < len(scenes) - 1].max()  # with the last frame all are put back where they begin
    assert len(scenes) - last > 15 and over.tolist() == list(range(over[0], len(scenes))) and 0 <= over[0] - last <= 2
