"""Does an agent need to see the background? Where play changes it, as pellets and bricks, it tells what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig

from sqair_wm.games.policies import RepeatingAgent
from sqair_wm.model.scenery import scenery_of
from sqair_wm.world.scenes import load_for_game
from sqair_wm.world.world_model import WorldModel

from .run import CONFIG, saved_config

GAMES, STEPS = 4, 250
"""How many games are played at random, and for how many steps at most."""

VISIBLE, CELLS = 0.05, 3
"""By how much a cell of the scenery has to differ from the start of a game, in grey from 0 to 1; and in how many cells,
on average over games."""


def decide_around(config: DictConfig) -> None:
    """Set `agent.around` if it is left open: an existing run keeps its own, otherwise the game decides.

    Args:
        config: of a run, see `AgentRunSettings`; changed.
    """
    if config.agent.get("around", False) is not None:
        return
    path = Path(config.runs) / config.name
    if (path / CONFIG).exists():
        config.agent.around = bool(saved_config(path).agent.get("around"))
    else:
        config.agent.around = random_play_changes(load_for_game(config.model))


def random_play_changes(world: WorldModel) -> bool:
    """Whether random play changes the background of a model's game; False if the model knows no background."""
    if not world.config.scenery:
        return False
    return float(np.mean([_changed(world, seed) for seed in range(GAMES)])) >= CELLS


def _changed(world: WorldModel, seed: int) -> int:
    """Number of cells of the scenery that differ from the start when a game of random play ends, or is left."""
    env, preprocess = world.make_env(), world.preprocessor()
    agent = RepeatingAgent(int(env.action_space.n), seed)  # type: ignore[attr-defined]
    preprocess(env.reset(seed=seed)[0])
    first, over, steps = _grey(world, preprocess.background), False, 0
    while not over and steps < STEPS:
        frame, _, ended, truncated, _ = env.step(agent.act())
        preprocess(frame)
        over, steps = ended or truncated, steps + 1
    env.close()
    return int(((_grey(world, preprocess.background) - first).abs() > VISIBLE).sum())


def _grey(world: WorldModel, background: np.ndarray) -> torch.Tensor:
    """A background `[H, W, 3]` uint8 in grey, as cells of the scenery."""
    return scenery_of(torch.from_numpy(background).permute(2, 0, 1)[None].float() / 255, world.config).mean(-1)
