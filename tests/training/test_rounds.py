"""Rounds of play between stretches of training, on a game of known rules."""

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.games.play import Recording
from sqair_wm.training.encoded import encode
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.rounds import PLAY, train_in_rounds
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

CPU = torch.device("cpu")
CONFIG = small(frame_size=(40, 40), channels=4, scenery=3, actions=5, dynamics="interactive", object_size=(4.0, 4.0))
SHORT = {"context": 2, "batch": 2, "singles": 4, "steps": [[0, 2]], "minutes": 0.0, "streams": 2, "log_every": 1}


@pytest.fixture(scope="module")
def play(tmp_path_factory) -> AtariSequences:
    return record(Recording("Bouncing", frames=60, size=40, seed=2), tmp_path_factory.mktemp("game") / "x")


def training(play, folder, **changes):
    torch.manual_seed(0)
    world = WorldModel(CONFIG, play.source, play.background)
    accepts = world.sqair.inference.discovery.presence[-1].bias
    torch.nn.init.constant_(accepts, 2.0)  # whatever moves is an object
    seen = encode(world.eval(), play, CPU, progress=False)
    folder.mkdir(exist_ok=True)
    config = ImaginationConfig(**(SHORT | {"iterations": 6, "rounds": [[2, 20], [4, 20], [6, 20]]} | changes))
    return world, ImaginationTrainer(world, seen, config, folder, Fabric(accelerator="cpu", devices=1))


def test_each_round_is_played_by_the_model_of_then_and_learned_from(play, tmp_path):
    world, loop = training(play, tmp_path)
    train_in_rounds(loop, world, play, tmp_path)
    assert loop.iteration == 6 and len(loop.play.part) == 60 + 20 + 20
    rounds = [AtariSequences(tmp_path / PLAY / str(n)) for n in (1, 2)]
    assert not (tmp_path / PLAY / "3").exists()  # it would come after the end
    assert [r.recording.player for r in rounds] == ["explorer-1", "explorer-2"]
    assert len({r.recording.seed for r in (play, *rounds)}) == 3 and rounds[0].begins.sum() >= 2
    assert np.array_equal(rounds[0].background, play.background)


@pytest.mark.parametrize("stop", [2, 3, 5])
def test_a_training_stopped_in_between_goes_on_with_what_was_played(play, tmp_path, monkeypatch, stop):
    world, whole = training(play, tmp_path / "whole", remember=2)
    assert whole.play.states.presence.sum() > 60
    train_in_rounds(whole, world, play, tmp_path / "whole")
    world, half = training(play, tmp_path / "halves", remember=2)
    step = half.step
    monkeypatch.setattr(half, "step", lambda: step() if half.iteration < stop else pytest.fail("stopped"))
    with pytest.raises(pytest.fail.Exception):
        train_in_rounds(half, world, play, tmp_path / "halves")
    half.save()
    world, again = training(play, tmp_path / "halves", remember=2)
    train_in_rounds(again, world, play, tmp_path / "halves")
    weights = [torch.cat([p.flatten() for p in loop.loss.parameters()]) for loop in (whole, again)]
    assert torch.equal(*weights)


def test_data_that_are_no_game_are_not_played(play, tmp_path):
    class Other:
        """The same play, but not recorded from a game."""

    world, loop = training(play, tmp_path)
    train_in_rounds(loop, world, Other(), tmp_path)  # type: ignore[arg-type]
    assert loop.iteration == 6 and not (tmp_path / PLAY).exists()


def test_frames_that_games_can_not_share_are_refused():
    with pytest.raises(ValueError, match=r"imagination\.streams=8"):
        ImaginationConfig(rounds=[[3, 30]])
