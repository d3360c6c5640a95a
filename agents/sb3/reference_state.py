"""The state of a reference's training besides its weights: games, replay buffer, counters and random numbers."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.vec_env import VecMonitor

from .dyna import Imagining, MixedReplay
from .sb3_games import SB3Games

COUNTS = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls", "exploration_rate")
"""Attributes of agents of stable-baselines3 that are plain numbers; not every kind has all of them."""

HELD = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def state_of(model: BaseAlgorithm, monitor: VecMonitor, beside: Any = None) -> dict[str, Any]:
    """All that training goes on from besides weights, optimiser and replay buffer, in tensors and plain data.

    Args:
        model: the agent, between two calls of its `learn`.
        monitor: around its `SB3Games`.
        beside: the callback of its training, if any.
    """
    assert isinstance(monitor.venv, SB3Games) and model.action_space is not None
    last: Any = model._last_obs
    numbers = np.random.get_state(legacy=False)
    return {
        "games": monitor.venv.state_dict(),
        "returns": torch.from_numpy(monitor.episode_returns.copy()),
        "lengths": torch.from_numpy(monitor.episode_lengths.copy()),
        "last": _tensors(last),
        "starts": torch.from_numpy(np.asarray(model._last_episode_starts).copy()),
        "episodes": [{"r": float(e["r"]), "l": int(e["l"]), "t": float(e["t"])} for e in model.ep_info_buffer or ()],
        "counts": {name: getattr(model, name) for name in COUNTS if hasattr(model, name)},
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(model.device) if model.device.type == "cuda" else None,
        "numpy": _plain(numbers),
        "actions": json.dumps(model.action_space.np_random.bit_generator.state),
        "beside": beside.state_dict() if isinstance(beside, Imagining) else {},
    }


def go_on(model: BaseAlgorithm, monitor: VecMonitor, beside: Any, state: dict[str, Any]) -> None:
    """Continue from what `state_of` returned, with an agent that has its weights and its replay buffer again."""
    assert isinstance(monitor.venv, SB3Games) and model.action_space is not None
    monitor.venv.load_state_dict(state["games"])
    monitor.episode_returns, monitor.episode_lengths = state["returns"].numpy(), state["lengths"].numpy()
    now = state["last"]
    model._last_obs = {n: x.numpy() for n, x in now.items()} if isinstance(now, dict) else now.numpy()
    model._last_episode_starts = state["starts"].numpy()
    for name, value in state["counts"].items():
        setattr(model, name, value)
    room = model._stats_window_size
    model.ep_info_buffer, model.ep_success_buffer = deque(state["episodes"], room), deque(maxlen=room)
    if isinstance(beside, Imagining):
        beside.load_state_dict(state["beside"])
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and model.device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], model.device)
    np.random.set_state(_generator_state(state["numpy"]))
    model.action_space.np_random.bit_generator.state = json.loads(state["actions"])


def buffer_arrays(buffer: ReplayBuffer) -> dict[str, np.ndarray]:
    """The transitions in a replay buffer in its own order, where the next one goes, and the imagined ones."""
    own = {name: getattr(buffer, name)[: buffer.size()] for name in HELD} | {"pos": np.array(buffer.pos)}
    imagined = buffer.imagined.arrays() if isinstance(buffer, MixedReplay) else {}
    return own | {f"imagined_{name}": x for name, x in imagined.items()}


def fill_buffer(buffer: ReplayBuffer, arrays: dict[str, np.ndarray]) -> None:
    """Fill a buffer with what `buffer_arrays` gave; the newest transitions, if not all have room.

    Arrays without `pos`, of versions before 0.14.0, hold the oldest transition first.
    """
    held = len(arrays["dones"])
    start = int(arrays["pos"]) % held if "pos" in arrays and held else 0
    if held == buffer.buffer_size:
        first, number, buffer.pos = 0, held, start
    else:
        number = min(held, buffer.buffer_size)
        first, buffer.pos = start + held - number, number % buffer.buffer_size
    order = (first + np.arange(number)) % max(held, 1)
    for name in HELD:
        getattr(buffer, name)[:number] = arrays[name][order]
    buffer.full = number == buffer.buffer_size
    if isinstance(buffer, MixedReplay):
        imagined = {n.removeprefix("imagined_"): x for n, x in arrays.items() if n.startswith("imagined_")}
        if imagined:
            buffer.imagined.fill(imagined)


def _tensors(seen: Any) -> Any:
    if isinstance(seen, dict):
        return {name: torch.from_numpy(x.copy()) for name, x in seen.items()}
    return torch.from_numpy(np.asarray(seen).copy())


def _plain(state: Any) -> Any:
    """The state of a NumPy generator with its array as a tensor."""
    if isinstance(state, dict):
        return {name: _plain(x) for name, x in state.items()}
    return torch.from_numpy(state.astype(np.int64)) if isinstance(state, np.ndarray) else state


def _generator_state(plain: Any) -> Any:
    """The inverse of `_plain`."""
    if isinstance(plain, dict):
        return {name: _generator_state(x) for name, x in plain.items()}
    return plain.numpy().astype(np.uint32) if isinstance(plain, torch.Tensor) else plain
