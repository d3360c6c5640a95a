"""Recordings as the scenes that the model sees in them."""

import pytest
import torch

from benchmarks.scenes import certain_model
from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.sequences import endings
from sqair_wm.games.play import Recording
from sqair_wm.model.slots import Slots
from sqair_wm.training.encoded import encode
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def game(tmp_path_factory) -> tuple[AtariSequences, WorldModel]:
    torch.manual_seed(0)
    sequences = record(Recording("Bouncing", frames=200, size=40, seed=2), tmp_path_factory.mktemp("game") / "x")
    config = small(frame_size=(40, 40), channels=4, scenery=3, actions=5, dynamics="interactive")
    model = WorldModel(config)
    model.sqair = certain_model(config)
    return sequences, model.eval().requires_grad_(False)


def test_every_frame_has_a_scene_and_parts_end_with_their_episode(game):
    sequences, model = game
    play = encode(model, sequences, CPU, progress=False)
    assert len(play.part) == len(sequences) == 200 and sequences.begins.sum() > 1
    assert bool((play.part[1:] != play.part[:-1])[torch.from_numpy(sequences.begins[1:])].all())
    assert play.states.presence.sum() > 0 and bool((play.states.step >= 1).all())
    same = play.part[1:] == play.part[:-1]
    lost = torch.from_numpy(endings(sequences)[1:])
    assert bool((play.states.step[1:] == torch.where(lost, 1, play.states.step[:-1] + 1))[same].all()) and lost.any()
    assert torch.equal(play.actions, torch.from_numpy(sequences.actions))


def test_an_object_keeps_its_row_for_as_long_as_it_lives(game):
    sequences, model = game
    play = encode(model, sequences, CPU, progress=False)
    seen, lived = play.states.identity, 0
    for t in range(1, len(seen)):
        if play.part[t] != play.part[t - 1]:
            continue
        for row, identity in enumerate(seen[t].tolist()):
            if identity >= 0 and identity in seen[t - 1].tolist():
                assert seen[t - 1, row] == identity
                lived += 1
    assert lived > 20


def test_looking_twice_gives_the_same_scenes(game):
    sequences, model = game
    first, second = (encode(model, sequences, CPU, progress=False) for _ in range(2))
    assert all(torch.equal(getattr(first.states, name), getattr(second.states, name)) for name in vars(first.states))


def test_overwriting_replaces_whole_scenes_and_nothing_else(game):
    model = game[1]
    here, there = (model.initial(3).map(lambda x, k=k: x + k) for k in (0, 1))
    mixed: Slots = here.overwrite(torch.tensor([True, False, True]), there)
    for name in vars(mixed):
        x, a, b = getattr(mixed, name), getattr(here, name), getattr(there, name)
        assert torch.equal(x[1], a[1]) and torch.equal(x[[0, 2]], b[[0, 2]])
