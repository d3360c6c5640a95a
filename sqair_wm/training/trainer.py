"""The training loop: sample, step, record, checkpoint; stops and continues to the bit."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from sqair_wm.data.sequences import Batch, Sequences
from sqair_wm.sqair import SQAIR
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.journal import Journal, OnRecord, check_finite
from sqair_wm.training.prefetch import Prefetcher
from sqair_wm.training.stopping import StopRequests

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
        model.dense = config.compile or fabric.device.type != "cpu"
        if config.compile:
            model.observe = torch.compile(model.observe, fullgraph=True, dynamic=False)  # type: ignore[method-assign]
        optimizer = make_optimizer(model, config)
        bound = SequenceBound(model, config.particles, config.estimator, config.recompute)
        self.bound, self.optimizer = fabric.setup(bound, optimizer)
        torch.manual_seed(seed * 1000 + 500 + fabric.global_rank)
        generator = torch.Generator().manual_seed(seed * 1000 + fabric.global_rank)
        self.batches = Prefetcher(self._sample, generator, ahead=fabric.device.type == "cuda")
        self.iteration, self.seconds, self._late = 0, 0.0, False
        self.checkpoint = folder / CHECKPOINT
        if self.checkpoint.exists():
            self._restore(load_checkpoint(self.checkpoint))

    @property
    def finished(self) -> bool:
        """Whether the iterations, or the minutes, are used up."""
        return self.iteration >= self.config.iterations or self._late

    def train(self, until: int | None = None, on_record: OnRecord | None = None) -> None:
        """Train to the end, or to iteration `until`; a checkpoint is written on the way, at the end, and when stopped.

        Args:
            until: iteration to stop at.
            on_record: called with the iteration and the means of the statistics whenever they are recorded.

        Raises:
            FloatingPointError: if a term of the loss is not finite; the last good weights are in the checkpoint.
            KeyboardInterrupt: after SIGINT or SIGTERM, once the step under way is done and saved.
        """
        stop = min(self.config.iterations, until or self.config.iterations)
        folder = self.folder if self.fabric.is_global_zero else None
        journal = Journal(folder, self.iteration, self.config.iterations, self.config.log_every, on_record)
        clock = time.perf_counter()
        with StopRequests() as requests, closing(journal):
            while self.iteration < stop and not self.finished and not requests.asked:
                frames = self.config.batch * self.config.length(self.iteration) * self.fabric.world_size
                statistics = self.step()
                now = time.perf_counter()
                self.seconds, clock = self.seconds + now - clock, now
                if journal.add(statistics, frames, self.seconds):
                    self._late = self._is_late()
                if self.iteration % self.config.save_every == 0:
                    journal.check()
                    self.save()
            journal.check()
            self.save()
        if requests.asked:
            raise KeyboardInterrupt

    def _is_late(self) -> bool:
        """Whether the minutes are used up; the first process decides for all."""
        late = 0 < 60 * self.config.minutes <= self.seconds
        return bool(self.fabric.broadcast(late)) if self.fabric.world_size > 1 else late

    def _sample(self, iteration: int, generator: torch.Generator) -> Batch:
        length = self.config.length(iteration)
        return self.sequences.sample(self.config.batch, length, generator, self.fabric.device)

    def step(self) -> dict[str, Tensor]:
        """One optimiser step; the statistics stay on the device.

        Raises:
            FloatingPointError: on the CPU at once, on a GPU when the statistics are next read.
        """
        config, i = self.config, self.iteration
        batch = self.batches.next(i)
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
            "generator": self.batches.state,
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
            self.batches.set_state(state["generator"])
            torch.set_rng_state(state["random"])
            if torch.cuda.is_available() and "random_cuda" in state:
                torch.cuda.set_rng_state(state["random_cuda"])
        else:
            seed = int(state["iteration"]) * 1000 + self.fabric.global_rank
            self.batches.set_state(torch.Generator().manual_seed(seed).get_state())
            torch.manual_seed(seed)
        self._late = self._is_late()


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
