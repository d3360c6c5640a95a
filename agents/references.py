"""Reference agents of stable-baselines3: they learn in the real game, on the same objects, true objects or pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from stable_baselines3.dqn import CnnPolicy

from sqair_wm.common.checksums import check_zip
from sqair_wm.common.files import write_atomically
from sqair_wm.common.stopping import stop_if_asked

from .diverged import check_weights, told_if_diverged
from .dyna import Branching, Imagining, MixedReplay, greedy
from .i2a import Distillation, imagination_options, rollout_policy_of
from .imagined_returns import Counting
from .networks import extractor_options
from .rollouts import RolloutSettings
from .run import AgentRun
from .saved import AGENT, read_agent, steps_in
from .views import PIXELS, view_of

BUFFER = "replay.npz"
ROUND = 5000
"""Real steps of a round, after which the run is saved."""


class CountedRewards(VecEnvWrapper):
    """Games with transformed rewards, see `Counting`; wrappers inside this one get the rewards of the game.

    Args:
        venv: the games.
        counting: transforms the rewards.
    """

    def __init__(self, venv: VecEnv, counting: Counting):
        super().__init__(venv)
        self.counting = counting

    def reset(self) -> Any:
        """Start all games."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step; rewards are transformed."""
        observation, rewards, ended, infos = self.venv.step_wait()
        return observation, self.counting.real(torch.from_numpy(rewards)).numpy(), ended, infos


def real_games(run: AgentRun) -> VecEnv:
    """The games of a run, for stable-baselines3."""
    games = CountedRewards(VecMonitor(view_of(run).games(run)), run.settings)
    games.seed(run.seed)
    return games


def ppo(run: AgentRun, games: VecEnv | None = None, **options: Any) -> PPO:
    """An untrained PPO for a run; without `games` it can only predict. `options` are those of PPO."""
    s = run.settings
    names = ("n_steps", "batch_size", "n_epochs", "learning_rate", "ent_coef")
    clip = {"clip_range": s.clip_range} if view_of(run) is PIXELS else {}
    return _build(PPO, run, games, **{name: getattr(s, name) for name in names}, **clip, **options)


def i2a(run: AgentRun, games: VecEnv | None = None) -> PPO:
    """An untrained PPO on observations with rollouts, in which its rollout policy acts; see `ppo`."""
    s = run.settings
    networks = imagination_options(s, s.code) | {"net_arch": [s.hidden]}
    model = ppo(run, games, policy="MultiInputPolicy", policy_kwargs=networks)
    if games is not None:
        games.get_attr("rollouts")[0].policy = rollout_policy_of(model)
    return model


def dqn(run: AgentRun, games: VecEnv | None = None, **options: Any) -> DQN:
    """An untrained DQN for a run, see `ppo`; `options` are those of `stable_baselines3.DQN`."""
    s = run.settings
    names = ("learning_starts", "batch_size", "learning_rate", "train_freq", "gradient_steps", "n_steps")
    chosen = {n: getattr(s, n) for n in (*names, "target_update_interval", "exploration_final_eps")}
    chosen |= {"buffer_size": s.buffer_size if games else 1}
    return _build(DQN, run, games, **(chosen | options))


def dyna(run: AgentRun, games: VecEnv | None = None) -> DQN:
    """An untrained DQN whose batches are in part imagined; see `dqn`."""
    s = run.settings
    replay = {"share": s.share, "room": s.room, "n_steps": s.n_steps, "gamma": s.discount}
    # The buffer makes the n-step returns, so DQN itself must not.
    return dqn(run, games, n_steps=1, replay_buffer_class=MixedReplay, replay_buffer_kwargs=replay)


def beside(run: AgentRun, model: Any) -> BaseCallback | None:
    """The callback for the learning of stable-baselines3; None for kinds of agents that need none."""
    if isinstance(run.settings, RolloutSettings):
        return Distillation()
    if not isinstance(run.settings, Branching):
        return None
    return Imagining(run.world(), run.settings, greedy(model), run.seed, run.around)


def _build(kind: Any, run: AgentRun, games: VecEnv | None, **options: Any) -> Any:
    device, pixels = str(run.config.device), view_of(run) is PIXELS
    options |= {"gamma": run.settings.discount, "seed": run.seed, "device": device}
    policy = options.pop("policy", "CnnPolicy" if pixels else "MlpPolicy")
    if not pixels and "policy_kwargs" not in options:
        options["policy_kwargs"] = extractor_options(run.settings) | {"net_arch": [run.settings.hidden]}
    if games is not None:
        return kind(policy, games, **options)
    world = run.world()
    model = kind(policy, None, **options, _init_setup_model=False)
    model.observation_space = view_of(run).space(world)
    model.action_space, model.n_envs = gym.spaces.Discrete(world.config.actions), run.settings.games
    model._setup_model()
    return model


def train_reference(
    run: AgentRun, build: Callable[[AgentRun, VecEnv | None], Any], say: Callable[[dict[str, float]], None]
) -> None:
    """Train, or go on training, an agent of stable-baselines3 in the real game.

    A run that is continued begins new games; its replay buffer, if it saved one, is read back.

    Args:
        run: of the agent.
        build: makes the untrained agent for given games.
        say: is given the figures of every round.
    """
    games = real_games(run)
    model = build(run, games)
    model.num_timesteps = _restore(run.path, model)
    total, callback = int(run.config.steps), beside(run, model)
    if isinstance(model, DQN):
        model.exploration_schedule = exploration(model, run)
    while model.num_timesteps < total:
        with told_if_diverged("the agent", "agent.learning_rate"):
            model.learn(min(ROUND, total - model.num_timesteps), callback, reset_num_timesteps=False)
        check_weights(model.policy, "the agent", "agent.learning_rate")
        _save(run.path, model)
        returns = [e["r"] for e in model.ep_info_buffer or ()]
        say({"real_steps": model.num_timesteps} | ({"episode_return": float(np.mean(returns))} if returns else {}))
        stop_if_asked()
    games.close()


def exploration(model: DQN, run: AgentRun) -> Callable[[float], float]:
    """A schedule of epsilon, which falls over `exploration_steps` real steps, however long a round or the run is."""
    s = run.settings

    def rate(left: float) -> float:
        return max(s.exploration_final_eps, 1 - (1 - left) * model._total_timesteps / s.exploration_steps)

    return rate


def _save(folder: Path, model: Any) -> None:
    if isinstance(model, OffPolicyAlgorithm) and model.replay_buffer is not None and model.policy_class != CnnPolicy:
        arrays = buffer_arrays(model.replay_buffer)
        write_atomically(folder / BUFFER, lambda path: _write_arrays(path, arrays))
    write_atomically(folder / AGENT, lambda path: _save_zip(model, path))


def _save_zip(model: Any, path: Path) -> None:
    with path.open("wb") as file:
        model.save(file, exclude=["exploration_schedule"])


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _restore(folder: Path, model: Any) -> int:
    """Read weights, optimiser and replay buffer back; return the number of real steps done so far."""
    if not (folder / AGENT).exists():
        return 0
    remedy = f"delete {folder}, and the run begins anew"
    read_agent(model, folder, model.device, remedy)
    if isinstance(model, OffPolicyAlgorithm) and (folder / BUFFER).exists():
        assert model.replay_buffer is not None
        check_zip(folder / BUFFER, "delete it, and the run goes on with an empty one")
        with np.load(folder / BUFFER) as arrays:
            fill_buffer(model.replay_buffer, dict(arrays))
    return steps_in(folder)


HELD = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def buffer_arrays(buffer: ReplayBuffer) -> dict[str, np.ndarray]:
    """The transitions in a replay buffer, oldest first."""
    order = np.arange(buffer.size())
    if buffer.full:
        order = (order + buffer.pos) % buffer.buffer_size
    return {name: getattr(buffer, name)[order] for name in HELD}


def fill_buffer(buffer: ReplayBuffer, arrays: dict[str, np.ndarray]) -> None:
    """Fill a buffer with what `buffer_arrays` gave; the newest transitions, if not all have room."""
    number = min(len(arrays["dones"]), buffer.buffer_size)
    for name in HELD:
        getattr(buffer, name)[:number] = arrays[name][-number:]
    buffer.pos, buffer.full = number % buffer.buffer_size, number == buffer.buffer_size
