"""Play that a world model was trained on, as start states and training data of agents that learn in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sqair_wm.data.atari import AtariSequences
from sqair_wm.data.sequences import play_of
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.runs.run_folder import CONFIG, open_run
from sqair_wm.training.encoded import EncodedPlay, encode
from sqair_wm.training.rounds import PLAY
from sqair_wm.world.world_model import WorldModel

from ..playing.stretch import Stretch
from .experience import GrownPlay


def recall(play: GrownPlay, world: WorldModel, run: Path) -> None:
    """Add the training data of the world model of a run to the play of an agent, unless it is there already.

    Nothing is added from a folder that holds a model but no run, such as `pretrained/Pong`.

    Args:
        play: of the agent.
        world: the model; it filters every frame once.
        run: folder of the run that trained it.

    Raises:
        ConfigError: if the run is not finished.
    """
    if play.recorded is None and (run / CONFIG).exists():
        seen = [encode(world, recording, world.background.device) for recording in recordings_of(run)]
        if seen:
            play.recall(as_stretch(EncodedPlay.join(seen)))


def recordings_of(run: Path) -> list[AtariSequences]:
    """The recordings that a world model was trained on, with its rounds of play; a missing one is recorded again.

    Raises:
        ConfigError: if the run is not finished.
    """
    config = open_run(run).config
    first = play_of(kind_of(config).build(config)[0])
    rounds = sorted((run / PLAY).glob("[0-9]*"), key=lambda path: int(path.name))
    return [first, *map(AtariSequences, rounds)] if isinstance(first, AtariSequences) else []


def as_stretch(seen: EncodedPlay) -> Stretch:
    """All frames of some play as one stretch, in which an episode starts wherever the frame before is missing."""
    starts = np.ones(len(seen.part), bool)
    starts[1:] = (seen.part[1:] != seen.part[:-1]).numpy()
    never = np.zeros_like(starts)
    arrays = {
        "actions": seen.actions.to(torch.int64).numpy(),
        "rewards": seen.rewards.numpy().astype(np.float32),
        "ends": seen.ends.numpy(),
        "truncations": never,
        "starts": starts,
        "losses": never,
    }
    return Stretch(seen.states, arrays, len(starts))
