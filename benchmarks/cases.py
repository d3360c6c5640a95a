"""The parts of the model that are timed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.measure import Row, compare, seconds
from benchmarks.scenes import ATARI, MNIST, certain_model, moving_sprites, settled
from sqair_wm.common.frame import Frame
from sqair_wm.data.atari import record
from sqair_wm.games.play import Recording
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Noise
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.graph import GraphedSteps
from sqair_wm.training.trainer import make_optimizer

CASES: dict[str, Callable[[], Row]] = {}


def case(name: str) -> Callable[[Callable[[str], Row]], Callable[[str], Row]]:
    """Register a benchmark under a name."""

    def add(function: Callable[[str], Row]) -> Callable[[str], Row]:
        CASES[name] = lambda: function(name)
        return function

    return add


def training_step(
    config: ModelConfig,
    batch: int,
    length: int,
    objects: int,
    dense: bool,
    device: str = "cpu",
    low: bool = False,
    graphs: bool = False,
) -> Callable[[], object]:
    """A whole training step: bound with five particles (in bfloat16 if `low`), backward, clipping, Adam.

    With `graphs`, the bound and its backward pass are recorded as a CUDA graph.
    """
    model = certain_model(config, dense).to(device)
    bound, frames = SequenceBound(model, 5), moving_sprites(config, batch, length, objects).to(device)
    optimizer = make_optimizer(model, TrainingConfig(learning_rate=1e-12))

    def compute(frames: Frame) -> dict[str, Tensor]:
        with torch.autocast(device, torch.bfloat16, enabled=low):
            loss, statistics = bound(frames, None, Annealing())
        loss.backward()
        return statistics

    gradients = GraphedSteps(compute, list(model.parameters())) if graphs else compute

    def step() -> None:
        optimizer.zero_grad()
        gradients(frames)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 200.0)
        optimizer.step()

    return step


def _train(name: str, config: ModelConfig, batch: int, length: int, objects: int = 1) -> Row:
    steps = [training_step(config, batch, length, objects, dense) for dense in (False, True)]
    return compare(name, "frames/s", batch * length, *steps)


case("train_step")(lambda name: _train(name, MNIST, 32, 10))
case("train_step_batch8")(lambda name: _train(name, MNIST, 8, 5))
case("train_step_batch8_width128")(lambda name: _train(name, replace(MNIST, hidden=128), 8, 5))
case("train_step_atari")(lambda name: _train(name, ATARI, 16, 6, 5))


def observe_call(config: ModelConfig, batch: int, objects: int, dense: bool) -> Callable[[], object]:
    """`observe` on scenes whose objects have been found already."""
    model, frames = certain_model(config, dense).requires_grad_(False), moving_sprites(config, batch, 3, objects)
    slots = settled(model, frames)

    def call() -> None:
        model.observe(slots, frames[2], noise=Noise.none(slots))

    return call


def imagine_call(config: ModelConfig, batch: int, objects: int, dense: bool) -> Callable[[], object]:
    """`imagine` without rendering; objects may appear and vanish."""
    model, frames = certain_model(config, dense).requires_grad_(False), moving_sprites(config, batch, 3, objects)
    slots, action = settled(model, frames), torch.zeros(batch, dtype=torch.int64)

    @torch.no_grad()
    def call() -> None:
        model.imagine(slots, action)

    return call


def _contract(call: Callable[[ModelConfig, int, int, bool], Callable[[], object]], batch: int, unit: str) -> None:
    """Register `observe` or `imagine` for one batch size, with five objects a scene."""

    def measure(name: str) -> Row:
        return compare(name, unit, batch, call(ATARI, batch, 5, False), call(ATARI, batch, 5, True))

    case(f"{call.__name__.removesuffix('_call')}_{batch}")(measure)


for size in (1, 8, 64):
    _contract(observe_call, size, "frames/s")
for size in (1, 256, 1024):
    _contract(imagine_call, size, "steps/s")


@case("render_64")
def render(name: str) -> Row:
    """Mean images and glimpses of 64 scenes."""
    calls = []
    for dense in (False, True):
        model = certain_model(ATARI, dense).requires_grad_(False)
        slots = settled(model, moving_sprites(ATARI, 64, 3, 5))
        calls.append(lambda model=model, slots=slots: model.render(slots))
    return compare(name, "frames/s", 64, *calls)


@case("data")
def data(name: str) -> Row:
    """Batches of 16 sequences of 6 frames from a recording, foreground included."""
    with tempfile.TemporaryDirectory() as folder:
        sequences = record(Recording("Pong", frames=400, crop=(34, 194)), Path(folder) / "pong")
        generator = torch.Generator().manual_seed(0)
        time = seconds(lambda: sequences.sample(16, 6, generator, torch.device("cpu")))
    return Row(name, 96 / time, "frames/s")


@case("real_game")
def real_game(name: str) -> Row:
    """MsPacman itself, with the same preprocessing; one step is one action."""
    env = Recording("MsPacman", crop=(0, 172), pool=4).make()
    env.reset(seed=0)
    env.action_space.seed(0)

    def steps() -> None:
        for _ in range(20):
            *_, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()

    return Row(name, 20 / seconds(steps), "steps/s")
