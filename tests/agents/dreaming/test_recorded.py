"""An agent begins with the play that its world model was trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sqair_wm.agents.dreaming.experience import GrownPlay
from sqair_wm.agents.dreaming.learning import own_share
from sqair_wm.agents.dreaming.loop import AgentLoop
from sqair_wm.agents.dreaming.recorded import as_stretch, recall
from sqair_wm.data.atari import record
from sqair_wm.envs.starts import SETTLED
from sqair_wm.games.names import BOUNCING
from sqair_wm.games.play import Recording
from sqair_wm.training.encoded import encode
from tests.agents.dreaming.test_loop import SETTINGS, Notes, WorldNotes
from tests.envs.conftest import SIZE

CPU = torch.device("cpu")


@pytest.fixture
def seen(world, short, tmp_path):
    """Sixty frames of games of eight, as the world sees them."""
    recording = Recording(game=BOUNCING, frames=60, size=SIZE)
    return encode(world, record(recording, tmp_path / "recording", world.background.numpy()), CPU, progress=False)


def test_it_is_kept_as_it_was_seen_and_no_step_of_the_agent(world, seen, tmp_path):
    kept = GrownPlay(tmp_path / "play", world)
    kept.recall(as_stretch(seen))
    for play in (kept, GrownPlay(tmp_path / "play", world)):
        assert play.steps == len(play) == 0 and play.known is not None
        for name in ("actions", "rewards", "ends", "events", "departed"):
            assert torch.equal(getattr(play.known, name), getattr(seen, name)), name
        assert torch.equal(play.known.part.diff() != 0, seen.part.diff() != 0)
        assert torch.equal(play.known.states.where, seen.states.where)
        assert len(play.starts(CPU).step) == int((seen.states.step >= SETTLED).sum())


def test_an_agent_that_has_it_dreams_before_it_plays(world, seen, folder):
    notes = Notes()
    folder.mkdir()
    run = AgentLoop(folder, world, notes, WorldNotes(notes), SETTINGS)
    run.play.recall(as_stretch(seen))
    run.run(20)
    order = [a for a, b in zip(notes.asked, [None, *notes.asked], strict=False) if a != b]
    assert order == ["dream", "play", "world", "dream", "play", "world", "dream"]
    again = AgentLoop(folder, world, notes, WorldNotes(notes), SETTINGS, done=3)
    assert again.play.steps == 20 and len(again.play) == 2 and again.play.known is not None


def test_a_model_without_a_run_has_none(world, model, tmp_path):
    play = GrownPlay(tmp_path, world)
    recall(play, world, Path(model))
    assert play.recorded is None


def test_frames_of_the_agent_count_so_many_times():
    assert own_share(500, 0, 4.0) == 1
    assert own_share(500, 2000, 4.0) == 0.5
    assert np.isclose(own_share(500, 28_000, 1.0), 500 / 28_500)
