"""Hand-made scenes: when objects meet, and how stretches in which something happens are drawn."""

import pytest
import torch

from sqair_wm.model.config import ModelConfig
from sqair_wm.nn.where import to_where
from sqair_wm.training.contacts import departed, meetings
from sqair_wm.training.drawing import FrameErrors, Shares
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.world.world_model import WorldModel

CONFIG = ModelConfig(frame_size=(40, 40), object_size=(8, 8), slots=2, actions=3, what=4, hidden=16)
UNIT, WINDOW = 0.4, 0.2
CPU = torch.device("cpu")


def scenes(gaps, identity=(0, 1)):
    """Two objects of the same height whose windows are `gaps` apart, in object sizes; one more frame each."""
    frames = len(gaps)
    states = WorldModel(CONFIG).initial(frames)
    centre = torch.zeros(frames, 2, 2)
    centre[:, 1, 1] = 2 * WINDOW + UNIT * torch.tensor(gaps)
    where = to_where(torch.full((frames, 2, 2), WINDOW), centre)
    names = torch.tensor(identity).repeat(frames, 1)
    return states.replace(where=where, presence=torch.ones(frames, 2), identity=names)


def test_objects_meet_in_the_frame_in_which_they_first_touch():
    met = meetings(scenes([0.9, 0.5, 0.1, 0.0, 0.1, 0.8, 0.0]), torch.zeros(7, dtype=torch.int64), UNIT)
    assert met.tolist() == [False, False, True, False, False, False, True]


def test_objects_beside_one_another_along_one_axis_only_do_not_touch():
    states = scenes([0.9, 0.0])
    states.where[1, 1] = to_where(torch.full((2,), WINDOW), torch.tensor([0.7, 0.0]))
    assert not meetings(states, torch.zeros(2, dtype=torch.int64), UNIT).any()


def test_objects_that_are_new_or_of_another_episode_do_not_meet():
    states = scenes([0.9, 0.0, 0.9, 0.0])
    states.identity[1, 1] = 7
    assert not meetings(states, torch.tensor([0, 0, 1, 2]), UNIT).any()


def test_an_object_has_departed_once_it_is_tracked_but_never_seen_again():
    states = scenes([0.9] * 8)
    states.unseen[:, 0] = torch.tensor([0, 1, 2, 0, 1, 2, 3, 0])
    states.identity[:, 0] = torch.tensor([0, 0, 0, 0, 0, 0, 0, 9])
    states.unseen[5:, 1] = torch.tensor([1, 2, 3])
    gone = departed(states, torch.zeros(8, dtype=torch.int64))
    assert gone[:, 0].tolist() == [False, False, False, False, True, True, True, False]
    assert not gone[:, 1].any(), "it is not known whether it would have been seen after the last frame"
    assert not departed(states, torch.arange(8)).any()


def test_what_is_seen_in_a_single_frame_was_never_there():
    states = scenes([0.9] * 8)
    states.identity[:, 0] = torch.tensor([0, 5, 5, 5, 6, 6, 6, 7])
    states.unseen[:, 0] = torch.tensor([0, 0, 1, 2, 0, 1, 0, 0])
    gone = departed(states, torch.zeros(8, dtype=torch.int64))
    assert gone[:, 0].tolist() == [True, True, True, True, False, False, False, False]


def play(frames=400, event=200):
    states = scenes([0.9] * frames)
    rewards = torch.zeros(frames)
    rewards[event] = 1
    nothing = torch.zeros(frames, dtype=torch.bool)
    return EncodedPlay(states, torch.zeros(frames, dtype=torch.int64), torch.arange(frames), rewards, nothing, UNIT)


def test_half_of_the_stretches_hold_an_event_that_is_rare_and_the_rest_any():
    drawn = play().sample(2000, 10, torch.Generator().manual_seed(0), CPU, first=4, shares=Shares(0.5))
    holds = (drawn.rewards[4:] != 0).any(0)
    assert 0.49 < holds.float().mean() < 0.53
    assert drawn.actions[0].unique().numel() > 300


def test_weights_undo_that_stretches_with_events_are_drawn_more_often():
    drawn = play().sample(40_000, 10, torch.Generator().manual_seed(0), CPU, first=4, shares=Shares(0.5))
    holds = (drawn.rewards[4:] != 0).any(0)
    assert float(drawn.weight[holds].sum() / 40_000) == pytest.approx(6 / 391, rel=0.05)
    assert float(drawn.weight.mean()) == pytest.approx(1, rel=0.05)


def test_of_every_kind_of_event_there_are_as_many_as_the_root_of_its_number():
    rare = play(frames=2000, event=200)
    rare.rewards[400:1900:60] = -1  # 25 losses and one win, none of them near another
    nothing = torch.zeros(2000, dtype=torch.bool)
    rare = EncodedPlay(rare.states, rare.part, rare.actions, rare.rewards, nothing, UNIT)
    drawn = rare.sample(40_000, 2, torch.Generator().manual_seed(0), CPU, first=1, shares=Shares(0.5))
    wins, losses = (drawn.rewards[1] > 0), (drawn.rewards[1] < 0)
    # By chance one win and 25 losses in 1,999 stretches; of the chosen half a sixth and five sixths.
    assert float(wins.float().mean()) == pytest.approx(0.5 / 6 + 0.5 / 1999, rel=0.05)
    assert float(losses.float().mean()) == pytest.approx(2.5 / 6 + 12.5 / 1999, rel=0.05)
    assert float(drawn.weight[wins].sum() / 40_000) == pytest.approx(1 / 1999, rel=0.05)
    assert float(drawn.weight[losses].sum() / 40_000) == pytest.approx(25 / 1999, rel=0.05)


def test_stretches_are_drawn_in_proportion_to_how_wrong_their_frames_were_imagined():
    errors, recording = FrameErrors(), play()
    known = errors.of("", 400)
    assert known.unique().tolist() == [known[0].item()], "no frame was imagined yet"
    errors.note("", torch.arange(400), torch.zeros(400))
    errors.note("", torch.tensor([[200]]), torch.tensor([[50.0]]))
    drawn = recording.sample(
        40_000, 10, torch.Generator().manual_seed(0), CPU, first=4, shares=Shares(wrong=0.6), errors=errors
    )
    holds = (drawn.frames[4:] == 200).any(0)
    # Sums over 6 frames: 0.12 in 385 stretches, and that of an error of 2 at most in 6 of them.
    total = 391 * 0.12 + 6 * 2
    assert float(holds.float().mean()) == pytest.approx(0.6 * 6 * 2.12 / total + 0.4 * 6 / 391, rel=0.05)
    assert float(drawn.weight[holds].sum() / 40_000) == pytest.approx(6 / 391, rel=0.05)
    assert float(drawn.weight.mean()) == pytest.approx(1, rel=0.05)


def test_errors_of_frames_stay_when_a_recording_grows_and_when_training_goes_on():
    errors, again = FrameErrors(), FrameErrors()
    errors.of("play", 4)
    errors.note("play", torch.tensor([1]), torch.tensor([1.5]))
    again.load_state_dict(errors.state_dict())
    for known in (errors.of("play", 6), again.of("play", 6)):
        assert known[1] == 1.5
        assert (known[[0, 2, 3, 4, 5]] == known[0]).all() and known[0] < 1.5
    assert (errors.of("other", 2) == known[0]).all()


def test_where_something_happens_all_the_time_stretches_are_drawn_evenly():
    lively = play()
    lively.events[:] = True
    drawn = lively.sample(50, 10, torch.Generator().manual_seed(0), CPU, shares=Shares(0.5))
    assert (drawn.weight == 1).all()


def test_joined_recordings_keep_their_parts_apart():
    joined = EncodedPlay.join([play(), play()])
    assert len(joined.part) == 800 and len(joined.starts(10)) == 2 * 391
