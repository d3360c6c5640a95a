"""Memory, open files, threads and processes over long use: repeating what users do may not add any."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv

import sqair_wm
from sqair_wm.envs.slots import make_slots
from tests.faults.forks import Count, do

MODEL = str(Path(__file__).parents[2] / "pretrained" / "Pong")
WARM = 3
"""How often something is done before it is measured: libraries load parts of themselves when they are first used."""

MEMORY = 16 << 20
"""Bytes by which memory may grow: freed memory is not always given back."""


def use() -> dict[str, int]:
    """What this process holds: resident memory in bytes, open files, threads, and child processes."""
    me, children = str(os.getpid()), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            children += stat.read_text().rpartition(")")[2].split()[1] == me
        except OSError:
            continue  # it has ended
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "open files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "child processes": children,
    }


def grown(work: Callable[[], object], times: int) -> dict[str, int]:
    """What `times` repetitions of `work` have added; see `use`."""
    for _ in range(WARM):
        work()
    gc.collect()
    before = use()
    for _ in range(times):
        work()
    gc.collect()
    return {name: held - before[name] for name, held in use().items()}


def long_use(folder: Path, share: float = 1.0) -> Iterator[Count]:
    """Repeat what users do, each in a fork; `share` of the usual number of times."""
    for name, (times, work) in WORK.items():
        count = Count(f"again and again: {name}", max(1, round(times * share)))
        out = folder / "grown"

        def measure(work: Callable[[], object] = work, number: int = count.tried) -> None:
            print("\n" + json.dumps(grown(work, number)))

        ended = do(measure, out)
        if ended.status:
            count.wrong.append(ended.said[-300:])
        else:
            more = json.loads(ended.said.strip().splitlines()[-1])
            limits = {"bytes": MEMORY, "open files": 0, "threads": 0, "child processes": 0}
            count.wrong += [f"{name}: {more[what]} {what} more" for what, most in limits.items() if more[what] > most]
        yield count


def _play(env: gym.Env | gym.vector.VectorEnv, steps: int = 50) -> None:
    env.reset(seed=0)
    for _ in range(steps):
        env.step(env.action_space.sample())
    env.close()


def _imagine() -> None:
    _play(gym.make_vec("sqair_wm/Imagination-v0", num_envs=8, model=MODEL, horizon=15, start_states=16))


def _in_processes() -> None:
    _play(AsyncVectorEnv([sqair_wm.load(MODEL).make_env] * 2), 5)


WORK: dict[str, tuple[int, Callable[[], object]]] = {
    "a model is loaded": (50, lambda: sqair_wm.load(MODEL)),
    "a game is played as objects": (30, lambda: _play(make_slots(MODEL))),
    "games are imagined": (30, _imagine),
    "games in processes of their own": (10, _in_processes),
}
"""What is done, and how often."""
