"""What the birth network is shown: the objects that appear with a step of play."""

from dataclasses import replace

import torch

from sqair_wm.nn.where import to_where
from sqair_wm.training.encoded import Play
from sqair_wm.training.newborn import _step
from tests.training.steering import steered


def appearing(heights, frames=6, when=2) -> Play:
    """One steered object; others appear in frame `when` at these heights, and move down by 0.1 in each frame."""
    play = steered(frames).cut(torch.tensor([0]), frames, torch.device("cpu"))
    states = play.states.map(torch.clone)
    for row, height in enumerate(heights, 1):
        for t in range(when, frames):
            centre = torch.tensor([height + 0.1 * (t - when), 0.5])
            states.where[t, 0, row] = to_where(torch.full((2,), 0.2), centre)
            states.velocity[t, 0, row] = torch.tensor([0.1, 0.0]) if t > when else 0.0
        states.presence[when:, 0, row], states.identity[when:, 0, row] = 1, 10 + row
    return replace(play, states=states)


def test_several_new_objects_come_from_top_to_bottom_with_the_velocities_they_go_on_with():
    play = appearing([0.4, -0.4])
    step = _step(play, 1, play.scene(1), 3)
    assert step.new.presence.tolist() == [[1, 1, 0]] and step.moving.tolist() == [[1, 1, 0]]
    assert torch.equal(step.new.where[0, :2], play.states.where[2, 0, [2, 1]])
    torch.testing.assert_close(step.new.velocity[0, :2, 0], torch.tensor([0.1, 0.1]))
    assert int(step.action) == int(play.actions[2, 0])
    assert _step(play, 2, play.scene(2), 3).new.presence.sum() == 0


def test_only_as_many_as_may_be_imagined_count_and_none_that_was_never_seen_again():
    play = appearing([0.4, -0.4])
    assert _step(play, 1, play.scene(1), 1).new.presence.tolist() == [[1]]
    play.departed[2, 0, 2] = True
    step = _step(play, 1, play.scene(1), 3)
    assert step.new.presence.tolist() == [[1, 0, 0]]
    assert torch.equal(step.new.where[0, 0], play.states.where[2, 0, 1])


def test_velocities_after_the_last_frame_are_not_known():
    play = appearing([0.4], frames=3)
    step = _step(play, 1, play.scene(1), 3)
    assert step.new.presence.tolist() == [[1, 0, 0]] and step.moving.tolist() == [[0, 0, 0]]
