"""Training of imagination in rounds: training, then play by planning with the model, which is added to the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqair_wm.data.atari import AtariSequences, record
from sqair_wm.data.sequences import PlaySequences
from sqair_wm.training.encoded import encode
from sqair_wm.training.explorer import Explorer, Exploring
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.journal import OnRecord
from sqair_wm.world.world_model import WorldModel

PLAY, ROUND = "play", 10_000
"""Folder in a run for what was played in its rounds; the difference between the seeds of two rounds."""


def train_in_rounds(
    loop: ImaginationTrainer, world: WorldModel, play: PlaySequences, folder: Path, on_record: OnRecord | None = None
) -> None:
    """Train to the end, and play in between as `ImaginationConfig.rounds` says, if `play` is a recording of a game.

    What is played is stored in `folder`, so that a stopped training continues with the same data.

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
        explorer = Explorer(world, recording.streams, recording.seed, Exploring(curiosity=loop.config.curiosity))
        with loop.fabric.rank_zero_first():
            more = record(recording, folder / PLAY / str(number), play.background, explorer)
        loop.extend(encode(world, more, loop.fabric.device))
    loop.train(None, on_record)
