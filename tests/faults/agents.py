"""Runs of agents to be killed: one that learns in imagination, and two references that learn in the real game."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import load_file
from stable_baselines3.common.save_util import load_from_zip_file

from sqair_wm.agents import references
from sqair_wm.agents import train as training
from sqair_wm.agents.progress import read_progress
from sqair_wm.agents.saved import steps_in
from tests.faults.commands import games
from tests.faults.trials import Outcome, Trials

SMALL = ("agent.width=16", "agent.features=16", "agent.hidden=16")
DREAM = (
    "agent=dream", "steps=90", "agent.play=15", "agent.games=2", "agent.world_iterations=2", "agent.world.batch=2",
    "agent.world.imagined=2", "agent.world.context=2", "agent.world.singles=8", "agent.scenes=16",
    "agent.dream_steps=300", *SMALL,
)  # fmt: skip
REAL = ("agent.games=2", "steps=96", "agent.batch_size=8", *SMALL)
REFERENCES = {
    "ppo_slots": (*REAL, "agent=ppo_slots", "agent.n_steps=8"),
    "dqn_slots": (*REAL, "agent=dqn_slots", "agent.learning_starts=16", "agent.buffer_size=60"),
}
"""Settings of agents that learn for six rounds in few seconds."""

ROUND = 16
"""Real steps of a round of the references."""


def train(model: Path, settings: tuple[str, ...], folder: Path, *more: str) -> None:
    """The command, in this process."""
    references.ROUND = ROUND
    sys.argv = ["agents.train", f"model={model}", f"runs={folder}/runs", "name=a", *settings, *more]
    training.main()


def dreamt(folder: Path) -> Outcome:
    """What a run in imagination has learned, of the world and of acting, and how much of it is on record."""
    run = folder / "runs" / "a"
    _, agent, _ = load_from_zip_file(run / "agent.zip", load_data=False)
    records = [[r["round"], r["real_steps"], r["imagined_steps"], r["dream_return"]] for r in read_progress(run)]
    kept = [len(list(run.glob("checkpoint-*"))), len(list((run / "play").iterdir()))]
    known = {"progress": torch.tensor(records), "folders": torch.tensor(kept)}
    return known | load_file(run / "model.safetensors") | {f"agent.{k}": v for k, v in agent["policy"].items()}


def learned(folder: Path) -> Outcome:
    """What a reference has learned, and from how many real steps."""
    run = folder / "runs" / "a"
    _, agent, _ = load_from_zip_file(run / "agent.zip", load_data=False)
    counts = [steps_in(run), len(list(run.glob("checkpoint-*")))]
    return {"counts": torch.tensor(counts)} | agent["policy"]


def agents(folder: Path) -> Iterator[tuple[str, Trials]]:
    """Trainings of agents, by name, on a world model that is trained first."""
    model = games(folder / "world").folder / "whole" / "runs" / "a"
    yield "agent=dream", Trials(folder / "dream", partial(train, model, DREAM), dreamt)
    for name, settings in REFERENCES.items():
        yield f"agent={name}", Trials(folder / name, partial(train, model, settings), learned)
