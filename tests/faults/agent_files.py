"""The files of an agent's run and of a video's foreground, to be damaged and read like those of `readers`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from omegaconf import OmegaConf
from stable_baselines3 import PPO

from sqair_wm.agents.kinds import open_run, settings_of
from sqair_wm.agents.networks import NetworkSettings, actor_critic
from sqair_wm.agents.progress import PROGRESS, read_progress, write_progress
from sqair_wm.agents.report import result_of
from sqair_wm.agents.run import AgentRun, begin
from sqair_wm.agents.saved import AGENT, read_agent
from sqair_wm.agents.settings import AgentRunSettings, DreamAgent
from sqair_wm.common.notes import list_sums
from sqair_wm.common.settings import schema
from sqair_wm.data.crops import Clip
from sqair_wm.data.footage import Footage
from sqair_wm.data.foreground import Extraction, subtract
from tests.data.films import walk, write_video

SMALL = NetworkSettings(features=16, width=16, hidden=16)


def agent() -> PPO:
    """An untrained agent."""
    return actor_critic(gym.spaces.Box(-1, 1, (3, 12), np.float32), gym.spaces.Discrete(4), SMALL, seed=0)


def agent_run(folder: Path) -> AgentRun:
    """The run of an agent, with an agent, two rounds and a score that nobody played."""
    told = {"agent": {"kind": "dream"}, "runs": str(folder), "name": "agent", "model": "nowhere"}
    config: Any = OmegaConf.merge(schema(AgentRunSettings), told)
    config.agent = OmegaConf.structured(DreamAgent())
    run = begin(config, settings_of(config))
    agent().save(run.path / AGENT)
    write_progress(run.path, [dict.fromkeys(("round", "real_steps", "imagined_steps", "minutes"), n) for n in (1, 2)])
    result = {"mean": 1.5, "mean_95": [1, 2], "episodes": [{"seed": 3, "total": 1.5, "steps": 9, "cut": False}]}
    (run.path / "evaluation.json").write_text(json.dumps(result))
    return run


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights that the agent in a folder has."""
    model = agent()
    read_agent(model, path.parent, "cpu", "train it again")
    return dict(model.policy.state_dict())


def foreground(folder: Path) -> None:
    """Write the foreground of a film into a folder."""
    folder.mkdir()
    film = write_video(folder.with_suffix(".avi"), walk(20))
    subtract(Footage((film,), "walk"), Extraction(width=64), folder)
    list_sums(folder)


def clip(folder: Path) -> list[np.ndarray]:
    """The foreground that `foreground` wrote."""
    found = Clip.open(folder, 0.75)
    return [np.array(found.foreground), found.centres]


def store(folder: Path) -> dict[str, Any]:
    """Write the files; returns, by path, functions as `readers.store` does."""
    run = agent_run(folder)
    foreground(folder / "walk")
    return {
        f"agent/{AGENT}": weights,
        f"agent/{PROGRESS}": lambda path: read_progress(path.parent),
        "agent/evaluation.json": lambda path: result_of(run),
        "agent/config.yaml": lambda path: open_run(path.parent).settings,
        **{f"walk/{path.name}": lambda path: clip(path.parent) for path in sorted((folder / "walk").iterdir())},
    }
