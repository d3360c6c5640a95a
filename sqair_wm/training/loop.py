"""The training loop: sample, step, record, checkpoint; a training that was stopped continues bit for bit."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from sqair_wm.common.stopping import StopRequests
from sqair_wm.common.tensor_files import save_weights
from sqair_wm.training.checkpoint import load_checkpoint, save_checkpoint
from sqair_wm.training.diverged import telling
from sqair_wm.training.graph import Compute, GraphedSteps, can_record
from sqair_wm.training.journal import Journal, OnRecord, check_finite
from sqair_wm.training.prefetch import Prefetcher
from sqair_wm.training.regroup import regrouped
from sqair_wm.training.schedule import Schedule

SNAPSHOTS = "snapshots"


class Loop(ABC):
    """Minimises a loss; subclasses say which, and where its batches come from.

    Args:
        loss: a module whose `forward(*arguments)` returns the loss and statistics, scalar tensors by name.
        optimizer: of its parameters.
        config: the schedule.
        checkpoint: the file that holds the state of the run; read if it is there.
        fabric: devices, precision and processes.
        seed: of sampling and noise.
        follows: the `fingerprint` of the weights with which the training before this one ended; empty if there was
            none.
    """

    title = "training"

    def __init__(
        self,
        loss: nn.Module,
        optimizer: torch.optim.Optimizer,
        config: Schedule,
        checkpoint: Path,
        fabric: Fabric,
        seed: int,
        follows: str = "",
    ):
        self.schedule, self.checkpoint, self.fabric, self.seed = config, checkpoint, fabric, seed
        self.follows = follows
        self.loss: Any = loss
        self.optimizer = optimizer
        on_gpu = fabric.device.type == "cuda"
        self.batches = Prefetcher(self.sample, torch.Generator(), ahead=on_gpu)
        self._gradients: Compute = self._compute
        self._work = time.perf_counter if on_gpu else time.thread_time
        self.iteration, self.seconds, self.computing, self._lead = 0, 0.0, 0.0, 0
        self._begun = False
        self._saved: int | None = None

    def begin(self) -> Self:
        """Put loss and optimiser on their devices, seed the random numbers, and go on from the checkpoint, if any.

        `train` and `step` begin by themselves; a second call does nothing.

        Raises:
            ValueError: if the checkpoint is damaged or of another model.
        """
        if self._begun:
            return self
        self._begun, rank = True, self.fabric.global_rank
        self.loss, self.optimizer = self.fabric.setup(self.loss, self.optimizer)
        torch.manual_seed(self.seed * 1000 + 500 + rank)
        self.batches.set_state(torch.Generator().manual_seed(self.seed * 1000 + rank).get_state())
        if self._graphs():
            self._gradients = GraphedSteps(self._compute, list(self.loss.parameters()))
        if self.checkpoint.exists():
            self._restore(load_checkpoint(self.checkpoint))
        return self

    @abstractmethod
    def sample(self, position: int, generator: torch.Generator) -> Any:
        """The batch at a position of the schedule."""

    @abstractmethod
    def arguments(self, batch: Any, position: int) -> tuple[Any, ...]:
        """The arguments with which the loss is called."""

    @abstractmethod
    def frames(self, position: int) -> int:
        """Frames of the batch at a position of the schedule."""

    def note(self, batch: Any, position: int, statistics: dict[str, Tensor]) -> None:  # noqa: B027
        """Take what the loss tells of a batch besides scalars out of `statistics`."""

    def memory(self) -> dict[str, Any]:
        """What else a checkpoint has to hold, in tensors and plain data."""
        return {}

    def recall(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Go on from a checkpoint, which holds what `memory` gave."""

    @property
    def kept(self) -> nn.Module:
        """The module that a snapshot holds: the loss, unless it has more than weights."""
        module: nn.Module = self.loss.module
        return module

    @property
    def finished(self) -> bool:
        """Whether the iterations, or the minutes, are used up."""
        return self.position >= self.schedule.iterations

    @property
    def position(self) -> int:
        """Where in the schedule training is, in iterations; ahead of `iteration` if the minutes are short."""
        return self.iteration + self._lead

    def train(self, until: int | None = None, on_record: OnRecord | None = None) -> None:
        """Train to the end, or to position `until`; a checkpoint is written on the way, at the end, and when stopped.

        Args:
            until: position in the schedule to stop at.
            on_record: called with the iteration and the means of the statistics whenever they are recorded.

        Raises:
            FloatingPointError: if a term of the loss is not finite; the message says what is saved, and what helps.
            KeyboardInterrupt: after SIGINT or SIGTERM, once the step under way is done and saved.
        """
        self.begin()
        config = self.schedule
        stop = min(config.iterations, until or config.iterations)
        folder = self.checkpoint.parent if self.fabric.is_global_zero else None
        journal = Journal(folder, self.iteration, config.iterations, config.log_every, on_record, self.title)
        clock, work = time.perf_counter(), self._work()
        with StopRequests() as requests, closing(journal), telling(config, self.checkpoint, lambda: self._saved):
            while self.position < stop and not self.finished and not requests.asked:
                frames = self.frames(self.position) * self.fabric.world_size
                statistics = self.step()
                now, done = time.perf_counter(), self._work()
                self.seconds, clock = self.seconds + now - clock, now
                before, self.computing, work = self.computing, self.computing + done - work, done
                self._keep_snapshots(before)
                if journal.add(statistics, frames, self.seconds):
                    self._lead = self._find_lead()
                if self.iteration % config.save_every == 0:
                    journal.check()
                    self.save()
            journal.check()
            self.save()
        if requests.asked:
            raise KeyboardInterrupt

    def _find_lead(self) -> int:
        """See `Schedule.lead`; the first process decides for all."""
        lead = self.schedule.lead(self.iteration, self.computing / 60)
        return int(self.fabric.broadcast(lead)) if self.fabric.world_size > 1 else lead

    def step(self) -> dict[str, Tensor]:
        """One optimiser step; the statistics stay on the device.

        Raises:
            FloatingPointError: on the CPU at once, on a GPU when the statistics are next read.
        """
        self.begin()
        config, position = self.schedule, self.position
        batch = self.batches.next(position)
        for group in self.optimizer.param_groups:
            group["lr"] = config.rate(position) * group.get("factor", 1.0)
        self.optimizer.zero_grad()
        statistics = self._gradients(*self.arguments(batch, position))
        self.note(batch, position, statistics)
        norm = torch.nn.utils.clip_grad_norm_(self.loss.parameters(), config.clip or torch.inf)
        statistics["gradient_norm"] = norm.detach()
        if self.fabric.device.type == "cpu":
            check_finite({name: float(value) for name, value in statistics.items()}, self.iteration)
        self.optimizer.step()
        self.iteration += 1
        return statistics

    def _graphs(self) -> bool:
        """Whether steps are recorded as CUDA graphs."""
        return self.schedule.graphs and can_record(self.fabric)

    def _compute(self, *arguments: Any) -> dict[str, Tensor]:
        """Gradients of the loss; its statistics."""
        loss, statistics = self.loss(*arguments)
        self.fabric.backward(loss)
        return dict(statistics)

    def save(self) -> None:
        """Write the checkpoint atomically."""
        self.fabric.barrier()
        if not self.fabric.is_global_zero:
            return
        state: dict[str, Any] = {
            "iteration": self.iteration,
            "follows": self.follows,
            "lead": self._lead,
            "seconds": self.seconds,
            "computing": self.computing,
            "model": self.loss.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.batches.state,
            "random": torch.get_rng_state(),
        } | self.memory()
        if torch.cuda.is_available():
            state["random_cuda"] = torch.cuda.get_rng_state()
        save_checkpoint(self.checkpoint, state)
        self._saved = self.iteration

    def _keep_snapshots(self, before: float) -> None:
        """Keep the weights if one of the moments asked for lies between `before` and now, in seconds of computing."""
        for minutes in self.schedule.snapshots:
            if before < 60 * minutes <= self.computing and self.fabric.is_global_zero:
                path = self.checkpoint.parent / SNAPSHOTS / f"{self.title}-{minutes:g}.safetensors"
                path.parent.mkdir(exist_ok=True)
                save_weights(path, self.kept)

    def _restore(self, state: dict[str, Any]) -> None:
        if self.follows and state.get("follows", self.follows) != self.follows:
            raise ValueError(
                f"{self.checkpoint} continues from other weights than those that this run has now: delete it, and "
                f"{self.title} begins anew"
            )
        try:
            self.loss.module.load_state_dict(state["model"])
            self.optimizer.load_state_dict(regrouped(state["optimizer"], self.optimizer, self.loss))
        except (RuntimeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{self.checkpoint} does not fit this model ({error}): was the configuration changed?"
            ) from error
        self.iteration, self.seconds, self.computing = (state[n] for n in ("iteration", "seconds", "computing"))
        self._saved = self.iteration
        self.recall(state)
        if self.fabric.global_rank == 0:
            self.batches.set_state(state["generator"])
            torch.set_rng_state(state["random"])
            if torch.cuda.is_available() and "random_cuda" in state:
                torch.cuda.set_rng_state(state["random_cuda"])
        else:
            seed = int(state["iteration"]) * 1000 + self.fabric.global_rank
            self.batches.set_state(torch.Generator().manual_seed(seed).get_state())
            torch.manual_seed(seed)
        self._lead = int(state.get("lead", self._find_lead()))
