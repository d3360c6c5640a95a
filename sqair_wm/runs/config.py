"""All settings of a run, each group beside what it configures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from omegaconf import OmegaConf

import sqair_wm.evaluation.kinds  # noqa: F401 (registers the settings of the kinds of data)
from sqair_wm.common.limits import Limits
from sqair_wm.common.settings import store
from sqair_wm.model.config import ModelSettings
from sqair_wm.training.curriculum import TrainingSettings
from sqair_wm.training.horizons import ImaginationConfig


@dataclass
class RunSettings:
    """The configuration of a run.

    Attributes:
        model: see `ModelSettings`.
        training: see `TrainingSettings`.
        imagination: see `ImaginationConfig`.
        data: the settings of a kind of data, see `sqair_wm.evaluation.kinds`.
        env: the game, for data that are play of a game.
        name: of the run's folder; by default the name of the data, and the seed if it is not 0.
        runs: the folder that holds the folders of all runs.
        agent: settings of the agent that is trained on the world model afterwards; they are not saved with the run.
        steps: real steps that the agent learns from, not saved with the run either; None for the agents' default.
        seed: of the game, the weights and the training.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, ...
        precision: `32-true`, or `bf16-mixed` on a GPU.
        processes: on each machine.
        nodes: number of machines.
        threads: CPU threads of a process.
    """

    model: ModelSettings = field(default_factory=ModelSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    imagination: ImaginationConfig = field(default_factory=ImaginationConfig)
    data: Any = None
    env: str | None = None
    name: str = "${run_name:${data.name},${seed}}"
    runs: str = "runs"
    agent: Any = None
    steps: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "32-true"
    processes: int = 1
    nodes: int = 1
    threads: int = 1

    LIMITS: ClassVar[Limits] = {
        "seed": (0, 1e9),
        "steps": (1, 1e9),
        "processes": (1, 4096),
        "nodes": (1, 4096),
        "threads": (1, 1024),
    }


def run_name(data: object, seed: int) -> str:
    """The default name of a run, such as `Pong`, `Pong-seed1` or, for the id of a game, `ALE-Pong-v5`."""
    name = str(data).replace("/", "-").replace(":", "-")
    return f"{name}-seed{seed}" if seed else name


OmegaConf.register_new_resolver("run_name", run_name, replace=True)
store(RunSettings, "run")
