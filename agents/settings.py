"""The settings of agents' runs, registered with Hydra."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from omegaconf import OmegaConf

from sqair_wm.common.limits import Limits, check_limits
from sqair_wm.common.settings import store
from sqair_wm.games.names import find_game
from sqair_wm.runs.config import run_name

from .dreaming.dream import DreamSettings
from .dreaming.learning import WorldSettings
from .dreaming.loop import LoopSettings
from .planning.cem import CEMSettings
from .planning.mcts import MCTSSettings
from .planning.shooting import ShootingSettings

NUMBERS: Limits = (
    dict.fromkeys(
        ("games", "branches", "plans", "samples", "simulations", "considered", "iterations", "elite"), (1, 1e6)
    )
    | dict.fromkeys(("features", "width", "hidden", "layers", "code"), (1, 10_000))
    | dict.fromkeys(("scenes", "horizon", "passes", "parts", "stretches", "hold", "length", "every", "room"), (1, 1e7))
    | dict.fromkeys(("first", "play", "newest", "n_steps", "batch_size", "n_epochs", "buffer_size"), (1, 1e9))
    | dict.fromkeys(("train_freq", "gradient_steps", "target_update_interval", "exploration_steps"), (1, 1e9))
    | dict.fromkeys(("world_iterations", "learning_starts"), (0, 1e9))
    | dict.fromkeys(
        ("epsilon", "lam", "discount", "spread", "share", "keep", "warm", "final", "average", "exploration_final_eps"),
        (0, 1),
    )
    | dict.fromkeys(("learning_rate", "rate", "clip", "clip_range", "gradient"), (1e-12, 1e6))
    | dict.fromkeys(("entropy", "ent_coef", "value", "replay", "noise", "doubt", "fresh"), (0, 1e6))
    | dict.fromkeys(("batch", "imagined", "singles"), (1, 1e6))
    | {"context": (2, 10_000), "stretch": (2, 10_000), "dream_steps": (1, 1e9)}
    | {"brief": (0, 10_000), "briefs": (0, 10_000), "wrong": (0, 0.999), "weight_decay": (0, 1e6), "muon": (0, 1e6)}
)
"""The limits of agents' settings, by name; a name means the same for all agents."""


@dataclass
class AgentRunSettings:
    """The configuration of an agent's run.

    Attributes:
        env: the game; used only to find its world model, in `runs` under the name of the game.
        model: folder or name of the world model; the agent plays its game.
        agent: the settings of a kind of agent, see `sqair_wm.agents.kinds`.
        steps: real steps to learn from.
        name: of the run's folder; by default the names of the model and the agent, and the seed if it is not 0.
        runs: the folder that holds the run's folder.
        seed: of the games, the weights and all random numbers.
        device: `cpu`, `cuda`, `cuda:1`, ...
        threads: CPU threads.
    """

    env: str | None = None
    model: str = "${world_model_of:${env},${runs}}"
    agent: Any = None
    steps: int = 60_000
    name: str = "${agent_run_name:${model},${agent.kind},${seed}}"
    runs: str = "runs"
    seed: int = 0
    device: str = "cpu"
    threads: int = 1

    LIMITS: ClassVar[Limits] = {"steps": (1, 1e9), "seed": (0, 1e9), "threads": (1, 1024)}


@dataclass(frozen=True)
class DreamAgent(DreamSettings, LoopSettings):
    """An agent that learns in imagination, see `DreamSettings` and `LoopSettings`.

    Attributes:
        world: how the world model is trained further.
    """

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "dream"
    world: WorldSettings = field(default_factory=WorldSettings)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()
        check_limits(type(self), vars(self.world), "agent.world")


@dataclass(frozen=True)
class Guided:
    """Further settings of planners.

    Attributes:
        guide: folder of the run of an agent that learned in imagination. Its critic values the end of a plan, and MCTS
            improves on its policy. None for neither.
    """

    guide: str | None = None


@dataclass(frozen=True)
class ShootingAgent(ShootingSettings, Guided):
    """Random shooting."""

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "shooting"


@dataclass(frozen=True)
class CEMAgent(CEMSettings, Guided):
    """The cross-entropy method."""

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "cem"


@dataclass(frozen=True)
class MCTSAgent(MCTSSettings, Guided):
    """Monte Carlo tree search."""

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "mcts"


@dataclass(frozen=True)
class RandomAgent:
    """Plays at random and holds actions, as recordings are made."""

    kind: str = "random"


def agent_run_name(model: object, agent: object, seed: int) -> str:
    """The default name of a run, such as `Pong-dream` or `Pong-dream-seed1`."""
    name = f"{Path(str(model)).name}-{agent}"
    return f"{name}-seed{seed}" if seed else name


def world_model_of(env: object, runs: object) -> str:
    """The default folder in which `train_wm.py` saves the world model of a game; empty for no game."""
    return "" if env is None else str(Path(str(runs)) / run_name(find_game(str(env)).name, 0))


OmegaConf.register_new_resolver("world_model_of", world_model_of, replace=True)
OmegaConf.register_new_resolver("agent_run_name", agent_run_name, replace=True)
store(AgentRunSettings, "agent_run")
