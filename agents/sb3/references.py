"""Reference agents of stable-baselines3: they learn in the real game, on the same objects, true objects or pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from stable_baselines3.dqn import CnnPolicy

from sqair_wm.common.checksums import check_zip
from sqair_wm.common.files import new_folder
from sqair_wm.common.stopping import stop_if_asked
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint

from ..diverged import check_weights, told_if_diverged
from ..imagined_returns import Counting
from ..networks import extractor_options
from ..playing.games import RealGames
from ..run import AgentRun
from ..saved import AGENT, STATE, last_round, point, publish, read_agent, steps_in
from .dyna import Branching, Imagining, MixedReplay, greedy
from .i2a import Distillation, imagination_options, rollout_policy_of
from .reference_state import buffer_arrays, fill_buffer, go_on, state_of
from .rollouts import RolloutSettings
from .sb3_games import SB3Games
from .sights import pixels_only, sight_of

BUFFER = "replay.npz"
ROUND = 5000
"""Real steps of a round, after which the run is saved."""


class CountedRewards(VecEnvWrapper):
    """Games with transformed rewards, see `Counting`; wrappers inside this one get the rewards of the game.

    Args:
        venv: the games, with a monitor of their unchanged returns.
        counting: transforms the rewards.
    """

    def __init__(self, venv: VecMonitor, counting: Counting):
        super().__init__(venv)
        self.monitor, self.counting = venv, counting

    def reset(self) -> Any:
        """Start all games."""
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step; rewards are transformed."""
        observation, rewards, ended, infos = self.venv.step_wait()
        return observation, self.counting.real(torch.from_numpy(rewards)).numpy(), ended, infos


def real_games(run: AgentRun) -> CountedRewards:
    """The games of a run, for stable-baselines3."""
    world = run.world()
    sight = sight_of(run, world)
    games = RealGames(world, run.settings.games, run.seed, run.layout(world), tracked=sight.tracked)
    return CountedRewards(VecMonitor(SB3Games(games, sight)), run.settings)


def ppo(run: AgentRun, games: VecEnv | None = None, **options: Any) -> PPO:
    """An untrained PPO for a run; without `games` it can only predict. `options` are those of PPO."""
    s = run.settings
    names = ("n_steps", "batch_size", "n_epochs", "learning_rate", "ent_coef")
    clip = {"clip_range": s.clip_range} if pixels_only(run) else {}
    return _build(PPO, run, games, **{name: getattr(s, name) for name in names}, **clip, **options)


def i2a(run: AgentRun, games: VecEnv | None = None) -> PPO:
    """An untrained PPO on observations with rollouts, in which its rollout policy acts; see `ppo`."""
    s = run.settings
    networks = imagination_options(s, s.code) | {"net_arch": [s.hidden]}
    model = ppo(run, games, policy="MultiInputPolicy", policy_kwargs=networks)
    if games is not None:
        games.get_attr("sight")[0].rollouts.policy = rollout_policy_of(model)
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
    device, pixels = str(run.config.device), pixels_only(run)
    options |= {"gamma": run.settings.discount, "seed": run.seed, "device": device}
    policy = options.pop("policy", "CnnPolicy" if pixels else "MlpPolicy")
    if not pixels and "policy_kwargs" not in options:
        options["policy_kwargs"] = extractor_options(run.settings) | {"net_arch": [run.settings.hidden]}
    if games is not None:
        return kind(policy, games, **options)
    world = run.world()
    model = kind(policy, None, **options, _init_setup_model=False)
    model.observation_space = sight_of(run, world).space
    model.action_space, model.n_envs = gym.spaces.Discrete(world.config.actions), run.settings.games
    model._setup_model()
    return model


def train_reference(
    run: AgentRun, build: Callable[[AgentRun, VecEnv | None], Any], say: Callable[[dict[str, float]], None]
) -> None:
    """Train, or go on training, an agent of stable-baselines3 in the real game.

    A run that is continued comes to the same, to the bit on one CPU, if its replay buffer was saved (see `DQNPixels`).

    Args:
        run: of the agent.
        build: makes the untrained agent for given games.
        say: is given the figures of every round.
    """
    games = real_games(run)
    model = build(run, games)
    total, callback = int(run.config.steps), beside(run, model)
    _restore(run.path, model, games, callback)
    if isinstance(model, DQN):
        model.exploration_schedule = exploration(model, run)
    while model.num_timesteps < total:
        with told_if_diverged("the agent", "agent.learning_rate"):
            model.learn(min(ROUND, total - model.num_timesteps), callback, reset_num_timesteps=False)
        check_weights(model.policy, "the agent", "agent.learning_rate")
        _save(run.path, model, games, callback)
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


def _save(folder: Path, model: Any, games: CountedRewards, callback: BaseCallback | None) -> None:
    """Write the round into a folder of its own, whole or not at all; it is named by the real steps so far."""
    with new_folder(point(folder, model.num_timesteps)) as partial:
        if (
            isinstance(model, OffPolicyAlgorithm)
            and model.replay_buffer is not None
            and model.policy_class != CnnPolicy
        ):
            _write_arrays(partial / BUFFER, buffer_arrays(model.replay_buffer))
        _save_zip(model, partial / AGENT)
        state = state_of(model, games.monitor, callback)
        save_checkpoint(partial / STATE, {"iteration": model.num_timesteps, **state})
    publish(folder, model.num_timesteps)


def _save_zip(model: Any, path: Path) -> None:
    with path.open("wb") as file:
        model.save(file, exclude=["exploration_schedule"])


def _write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _restore(folder: Path, model: Any, games: CountedRewards, callback: BaseCallback | None) -> None:
    """Go on from the last whole round; a run of a version before 0.14.0 goes on with new games."""
    number = last_round(folder)
    if number:
        publish(folder, number)
    elif not (folder / AGENT).exists():
        return
    place = point(folder, number) if number else folder
    read_agent(model, place, model.device, f"delete {folder}, and the run begins anew")
    if isinstance(model, OffPolicyAlgorithm) and (place / BUFFER).exists():
        assert model.replay_buffer is not None
        check_zip(place / BUFFER, "delete it, and the run goes on with an empty one")
        with np.load(place / BUFFER) as arrays:
            fill_buffer(model.replay_buffer, dict(arrays))
    model.num_timesteps = steps_in(place)
    if number:
        go_on(model, games.monitor, callback, load_checkpoint(place / STATE))
