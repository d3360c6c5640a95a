"""Training of imagination in rounds: training, then play by planning with the model, which is added to the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.sequences import PlaySequences
from sqair_wm.training.encoded import encode
from sqair_wm.training.explorer import Explorer, Exploring
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.journal import OnRecord
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import DESCRIPTION, WorldModel

PLAY, ROUND = "play", 10_000
"""Folder in a run for what was played in its rounds; the difference between the seeds of two rounds."""

PLAYER = "model-{}"
"""Folder beside the play of a round, for the model that played it."""


def train_in_rounds(
    loop: ImaginationTrainer, world: WorldModel, play: PlaySequences, folder: Path, on_record: OnRecord | None = None
) -> None:
    """Train to the end, and play in between as `ImaginationConfig.rounds` says, if `play` is a recording of a game.

    What is played is stored in `folder`, with the model that played it and finds the objects in it, so that a stopped
    training continues with the same data.

    Args:
        loop: the training of imagination.
        world: the model that it trains.
        play: the first recording, on which the loop already trains.
        folder: of the run.
        on_record: see `Loop.train`.
    """
    last = loop.config.iterations
    rounds = [(at, n) for at, n in loop.config.rounds if at < last] if isinstance(play, AtariSequences) else []
    for number, (position, frames) in enumerate(rounds, 1):
        assert isinstance(play, AtariSequences)
        loop.train(position, on_record)
        recording = replace(
            play.recording,
            frames=frames,
            streams=loop.config.streams,
            seed=play.recording.seed + number * ROUND,
            player=f"explorer-{number}",
        )
        with loop.fabric.rank_zero_first():
            player = _model_of(folder / PLAY / PLAYER.format(number), world, loop.fabric.device)
            explorer = Explorer(player, recording.streams, recording.seed, Exploring(curiosity=loop.config.curiosity))
            more = record(recording, folder / PLAY / str(number), play.background, explorer)
        loop.extend(encode(player, more, loop.fabric.device))
    loop.train(None, on_record)


def _model_of(folder: Path, world: WorldModel, device: torch.device) -> WorldModel:
    """The model that plays a round: that of a `folder`, or, if there is none, `world`, which is then stored there."""
    if (folder / DESCRIPTION).exists():
        return load(folder, device, dense=world.sqair.dense)
    folder.mkdir(parents=True, exist_ok=True)
    world.save(folder)
    return world
