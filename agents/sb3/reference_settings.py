"""Settings of the agents of stable-baselines3 that learn in the real game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqair_wm.common.limits import Limits

from ..imagined_returns import Counting
from ..networks import NetworkSettings, SlotNetworkSettings
from ..settings import NUMBERS
from .dyna import Branching
from .rollouts import RolloutSettings


@dataclass(frozen=True)
class PPOSettings(Counting):
    """PPO of stable-baselines3 in the real game.

    Attributes:
        games: number of games in parallel.
        n_steps, batch_size, n_epochs, learning_rate, ent_coef: see `stable_baselines3.PPO`.
    """

    reward: str = "sign"
    games: int = 8
    n_steps: int = 128
    batch_size: int = 256
    n_epochs: int = 4
    learning_rate: float = 2.5e-4
    ent_coef: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size < 2 or self.n_steps * self.games < 2:
            raise ValueError(
                f"agent.batch_size ({self.batch_size}) and agent.n_steps times agent.games ({self.n_steps} times "
                f"{self.games}) have to be at least 2: PPO normalises advantages over a batch"
            )


@dataclass(frozen=True)
class PPOAgent(SlotNetworkSettings, PPOSettings):
    """PPO on the same objects and with the same networks."""

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "ppo_slots"


@dataclass(frozen=True)
class OracleAgent(NetworkSettings, PPOSettings):
    """PPO on the true objects of the game, with the same networks: for reference only."""

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "oracle"


@dataclass(frozen=True)
class I2AAgent(RolloutSettings, SlotNetworkSettings, PPOSettings):
    """PPO on the same objects and on what the world model imagines for each action, see `RolloutSettings`.

    Attributes:
        code: length of the code of a rollout.
    """

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "i2a"
    code: int = 64


@dataclass(frozen=True)
class PPOPixels(PPOSettings):
    """PPO on pixels, with its settings for Atari games.

    Attributes:
        clip_range: see `stable_baselines3.PPO`.
    """

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "ppo_pixels"
    clip_range: float = 0.1


@dataclass(frozen=True)
class DQNSettings(Counting):
    """DQN of stable-baselines3 in the real game.

    Attributes:
        games: number of games in parallel.
        buffer_size, learning_starts, batch_size, learning_rate, train_freq, gradient_steps, n_steps: see
            `stable_baselines3.DQN`.
        target_update_interval, exploration_final_eps: see there.
        exploration_steps: real steps over which exploration is reduced.
    """

    reward: str = "sign"
    games: int = 1
    buffer_size: int = 100_000
    learning_starts: int = 2000
    batch_size: int = 64
    learning_rate: float = 2.5e-4
    train_freq: int = 1
    gradient_steps: int = 1
    n_steps: int = 3
    target_update_interval: int = 1000
    exploration_final_eps: float = 0.02
    exploration_steps: int = 20_000


@dataclass(frozen=True)
class DQNAgent(SlotNetworkSettings, DQNSettings):
    """DQN on the same objects and with the same networks."""

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "dqn_slots"


@dataclass(frozen=True)
class DynaAgent(Branching, DQNAgent):
    """DQN whose batches are in part imagined, see `Branching`."""

    kind: str = "dyna"


@dataclass(frozen=True)
class DQNPixels(DQNSettings):
    """DQN on pixels, with its settings for Atari games, and a buffer that fits in 3 GB.

    The buffer is not saved: a run that goes on begins with an empty one.
    """

    LIMITS: ClassVar[Limits] = NUMBERS
    kind: str = "dqn_pixels"
    buffer_size: int = 50_000
    batch_size: int = 32
    learning_rate: float = 1e-4
    train_freq: int = 4
    n_steps: int = 1
