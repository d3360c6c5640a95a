"""The training loop: sample, step, record, checkpoint; stops and continues to the bit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from sqair_wm.data.sequences import Sequences
from sqair_wm.sqair import SQAIR
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from sqair_wm.training.curriculum import TrainingConfig

CHECKPOINT = "checkpoint.pt"


class Trainer:
    """Trains a model on sequences.

    Args:
        model: the model, its weights initialised.
        sequences: the training data.
        config: the schedule.
        folder: of the run; holds the checkpoint and the TensorBoard log.
        fabric: devices, precision and processes.
        seed: of sampling and noise.
    """

    def __init__(
        self, model: SQAIR, sequences: Sequences, config: TrainingConfig, folder: Path, fabric: Fabric, seed: int = 0
    ):
        self.config, self.sequences, self.folder, self.fabric = config, sequences, folder, fabric
        model.dense = fabric.device.type != "cpu"
        optimizer = make_optimizer(model, config)
        bound = SequenceBound(model, config.particles, config.estimator)
        self.bound, self.optimizer = fabric.setup(bound, optimizer)
        self.generator = torch.Generator().manual_seed(seed * 1000 + fabric.global_rank)
        torch.manual_seed(seed * 1000 + 500 + fabric.global_rank)
        self.iteration, self.seconds = 0, 0.0
        self.checkpoint = folder / CHECKPOINT
        if self.checkpoint.exists():
            self._restore(load_checkpoint(self.checkpoint))

    @property
    def finished(self) -> bool:
        """Whether the iterations, or the minutes, are used up."""
        late = self.config.minutes > 0 and self.seconds >= 60 * self.config.minutes
        return self.iteration >= self.config.iterations or late

    def train(self, until: int | None = None, on_record: Callable[[int, dict[str, float]], None] | None = None) -> None:
        """Train to the end, or to iteration `until`; a checkpoint is written on the way, at the end, when interrupted.

        Args:
            until: iteration to stop at.
            on_record: called with the iteration and the means of the statistics whenever they are recorded.

        Raises:
            FloatingPointError: if a term of the loss is not finite; the last good weights are in the checkpoint.
        """
        stop = min(self.config.iterations, until or self.config.iterations)
        log = SummaryWriter(str(self.folder / "tensorboard"), purge_step=self.iteration + 1)
        bar = tqdm(
            total=self.config.iterations, initial=self.iteration, desc="training", unit="it", mininterval=_interval()
        )
        meter = Meter(self.config.log_every)
        clock = time.perf_counter()
        try:
            while self.iteration < stop and not self.finished:
                frames = self.config.batch * self.config.length(self.iteration)
                statistics = self.step()
                now = time.perf_counter()
                self.seconds, clock = self.seconds + now - clock, now
                bar.update()
                record = meter.add(statistics, frames, self.seconds)
                if record is not None:
                    self._record(record, log, bar)
                    if on_record:
                        on_record(self.iteration, record)
                if self.iteration % self.config.save_every == 0:
                    self.save()
            self.save()
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            bar.close()
            log.close()

    def step(self) -> dict[str, Tensor]:
        """One optimiser step; the statistics stay on the device.

        Raises:
            FloatingPointError: on the CPU at once, on a GPU when the statistics are next read.
        """
        config, i = self.config, self.iteration
        batch = self.sequences.sample(config.batch, config.length(i), self.generator, self.fabric.device)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate(i)
        loss, statistics = self.bound(batch.frames, batch.actions, config.annealing(i))
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.bound.parameters(), config.clip or torch.inf)
        statistics["gradient_norm"] = norm.detach()
        if self.fabric.device.type == "cpu":
            check_finite({name: float(value) for name, value in statistics.items()}, i)
        self.optimizer.step()
        self.iteration += 1
        return statistics

    def save(self) -> None:
        """Write the checkpoint atomically."""
        self.fabric.barrier()
        if not self.fabric.is_global_zero:
            return
        state: dict[str, Any] = {
            "iteration": self.iteration,
            "seconds": self.seconds,
            "model": self.bound.module.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "random": torch.get_rng_state(),
        }
        if torch.cuda.is_available():
            state["random_cuda"] = torch.cuda.get_rng_state()
        save_checkpoint(self.checkpoint, state)

    def summary(self) -> dict[str, float]:
        """How long training took."""
        return {"iterations": self.iteration, "wall_minutes": self.seconds / 60}

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.bound.module.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{self.checkpoint} does not fit this model ({error}): was it another configuration?"
            ) from error
        self.iteration, self.seconds = state["iteration"], state["seconds"]
        if self.fabric.global_rank == 0:
            self.generator.set_state(state["generator"])
            torch.set_rng_state(state["random"])
            if torch.cuda.is_available() and "random_cuda" in state:
                torch.cuda.set_rng_state(state["random_cuda"])

    def _record(self, record: dict[str, float], log: SummaryWriter, bar: tqdm) -> None:
        check_finite(record, self.iteration)
        for name, value in record.items():
            log.add_scalar(f"train/{name}", value, self.iteration)
        shown = ("loss", "objects", "discovered", "frames_per_second")
        bar.set_postfix({name: f"{record[name]:.4g}" for name in shown})


class Meter:
    """Means of the statistics over `every` steps; the device is waited for only then."""

    def __init__(self, every: int):
        self.every, self._frames = every, 0
        self._steps: list[dict[str, Tensor]] = []
        self._since: float | None = None

    def add(self, statistics: dict[str, Tensor], frames: int, seconds: float) -> dict[str, float] | None:
        """Take in one step; returns the means, with the frame rate, once `every` steps are in."""
        since = self._since = seconds if self._since is None else self._since
        self._steps.append(statistics)
        self._frames += frames
        if len(self._steps) < self.every:
            return None
        means = {name: float(torch.stack([s[name] for s in self._steps]).mean()) for name in statistics}
        means["frames_per_second"] = self._frames / max(seconds - since, 1e-9)
        self._steps, self._frames, self._since = [], 0, seconds
        return means


def make_optimizer(model: SQAIR, config: TrainingConfig) -> torch.optim.Optimizer:
    """Adam, or RMSProp as published: momentum 0.9, not centred, squared gradients starting at one."""
    if config.optimizer == "adam":
        return torch.optim.Adam(model.parameters(), config.learning_rate, fused=True)
    optimizer = torch.optim.RMSprop(model.parameters(), config.learning_rate, alpha=0.9, eps=1e-10, momentum=0.9)
    for parameter in model.parameters():
        optimizer.state[parameter] = {
            "step": torch.zeros(()),
            "square_avg": torch.ones_like(parameter),
            "momentum_buffer": torch.zeros_like(parameter),
        }
    return optimizer


def _interval() -> float:
    """Seconds between updates of the progress bar: seldom in a log file."""
    return 0.2 if sys.stderr.isatty() else 30.0


def check_finite(statistics: dict[str, float], iteration: int) -> None:
    """Raise FloatingPointError that names the terms that are not finite."""
    bad = [name for name, value in statistics.items() if not abs(value) < float("inf")]
    if bad:
        raise FloatingPointError(
            f"iteration {iteration}: {', '.join(bad)} not finite; the last good weights are in the run's checkpoint. "
            "A smaller training.learning_rate usually helps."
        )
