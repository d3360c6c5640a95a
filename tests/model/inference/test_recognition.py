"""An object is recognised by its colour, with weights that accept every proposal and follow whatever is near."""

from dataclasses import replace

import pytest
import torch

from benchmarks.scenes import ATARI, certain_model
from sqair_wm.common.frame import Frame
from sqair_wm.model.inference.recognition import mean_colour, unlike
from sqair_wm.model.slots import Noise

GAME = replace(ATARI, scenery=3)
RED, BLUE, ORANGE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9), (0.9, 0.18, 0.1)


def frame(*squares):
    """A frame with 6 x 5 squares of (top, left, colour)."""
    foreground = torch.zeros(1, 4, 80, 80)
    for top, left, colour in squares:
        area = foreground[0, :, top : top + 6, left : left + 5]
        area[:] = torch.tensor([*colour, 1.0])[:, None, None]
    return Frame(foreground, torch.zeros(1, 3, 80, 80))


def follow(frames, config=GAME, dense=False):
    """Identities and colours in each frame."""
    model, seen = certain_model(config, dense).requires_grad_(False), []
    slots = model.initial(1)
    for shown in frames:
        slots, _ = model.observe(slots, shown, noise=Noise.none(slots))
        seen.append(slots)
    return seen


def names(slots):
    return sorted(slots.identity[slots.presence > 0].tolist())


def test_the_mean_colour_is_that_of_the_opaque_part_that_nobody_claims():
    glimpse = torch.zeros(1, 4, 2, 4)
    glimpse[0, :, :, 0] = torch.tensor([0.8, 0.2, 0.0, 1.0])[:, None]
    glimpse[0, :, :, 1] = torch.tensor([0.0, 0.2, 0.4, 1.0])[:, None]
    torch.testing.assert_close(mean_colour(glimpse), torch.tensor([[0.4, 0.2, 0.2]]))
    claims = torch.zeros(1, 1, 2, 4)
    claims[..., 1] = 1
    torch.testing.assert_close(mean_colour(glimpse, claims), torch.tensor([[0.8, 0.2, 0.0]]))
    assert not mean_colour(torch.zeros(1, 4, 2, 4)).any()


def test_colours_differ_from_a_distance_on_and_an_unknown_one_from_none():
    known = torch.tensor([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]])
    seen = torch.tensor([[0.5, 0.5, 0.64], [0.5, 0.5, 0.66], [0.5, 0.5, 0.9]])
    assert unlike(known, seen).tolist() == [False, True, False]


@pytest.mark.parametrize("dense", [False, True])
def test_what_appears_a_little_away_in_another_colour_is_another_object(dense):
    for colour, expected in ((BLUE, 1), (ORANGE, 0)):
        before, after = follow([frame((30, 30, RED)), frame((37, 30, colour))], dense=dense)
        newest = after.last_identity.item()
        assert names(before) == [0] and newest == expected, "an object that jumps keeps its colour"


def test_without_recognition_it_is_taken_for_the_same():
    config = replace(GAME, recognition=False)
    _, after = follow([frame((30, 30, RED)), frame((37, 30, BLUE))], config)
    assert after.last_identity.item() == 0 and after.colour.shape == (1, GAME.slots, 0)


def test_an_object_may_change_its_colour_where_it_is():
    seen = follow([frame((30, 30, RED)), *[frame((30, 30, BLUE))] * 12])
    assert names(seen[-1]) == [0]
    torch.testing.assert_close(seen[0].colour[0, 0], torch.tensor(RED), atol=0.02, rtol=0)
    torch.testing.assert_close(seen[-1].colour[0, 0], torch.tensor(BLUE), atol=0.05, rtol=0)


def test_where_an_object_vanished_the_next_one_is_another_unless_it_has_its_colour():
    gone = [frame((30, 30, RED)), frame(), frame()]
    assert names(follow([*gone, frame((30, 30, RED))])[-1]) == [0]
    seen = follow([*gone, frame((30, 30, BLUE)), frame((30, 30, BLUE))])
    assert [names(s) for s in seen[:3]] == [[0]] * 3, "it is kept for a while"
    assert names(seen[-1]) == [1], "and given up when something else is seen in its place"


@pytest.mark.parametrize("gap", [7, 9])
def test_an_object_that_vanishes_does_not_take_over_its_neighbour(gap):
    seen = follow([frame((30, 30, RED), (30, 30 + gap, RED)), *[frame((30, 33 + gap + 3 * t, RED)) for t in range(3)]])
    for slots in seen[1:]:
        unseen = dict(zip(slots.identity[0].tolist(), slots.unseen[0].tolist(), strict=True))
        assert unseen[0] > 0 and unseen[1] == 0


def test_belief_in_an_object_falls_while_it_is_unseen_as_the_dynamics_expects_it_to_stay():
    model = certain_model(GAME).requires_grad_(False)
    slots, believed = model.initial(1), []
    for shown in [frame((30, 30, RED)), frame(), frame(), frame((30, 30, RED))]:
        expected = slots.belief * model.predict(slots).remains
        slots, _ = model.observe(slots, shown, noise=Noise.none(slots))
        believed.append(slots.belief[0, 0].item())
        if 0 < len(believed) - 1 < 3:
            torch.testing.assert_close(slots.belief[0, 0], expected[0, 0])
    assert believed[0] == believed[3] == 1 and 1 > believed[1] > believed[2] > 0
