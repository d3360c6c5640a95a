"""DQN of stable-baselines3 that learns from real and imagined transitions (Dyna, Sutton 1991)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from torch import Tensor

from sqair_wm.common.tensors import field_names
from sqair_wm.envs.layout import Layout
from sqair_wm.envs.starts import SETTLED
from sqair_wm.model.slots import Slots
from sqair_wm.training.encoded import reduced
from sqair_wm.world.world_model import WorldModel

from ..dreaming.experience import imaginable
from ..imagined_returns import Counting, Sampled, Tally
from ..planning.planner import slots_of


@dataclass(frozen=True)
class Branching(Counting):
    """How imagined transitions are made.

    A branch is a short rollout from a state of real play; it becomes one n-step transition.

    Attributes:
        share: share of a batch that is imagined.
        branches: number of branches that are imagined at once.
        every: real steps from one imagining of branches to the next.
        length: most steps of a branch.
        doubt: uncertainty in object sizes at which a branch is cut off, see `Outcome.uncertainty`.
        room: capacity of the buffer of imagined transitions; the newest are kept.
        scenes: number of the latest real steps from whose states branches start.
        spread: scale of the noise of sampled positions and appearances, see `Sampled`.
    """

    reward: str = "sign"
    share: float = 0.5
    branches: int = 128
    every: int = 16
    length: int = 5
    doubt: float = 0.5
    room: int = 20_000
    scenes: int = 5000
    spread: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.branches, self.every, self.length, self.room, self.scenes) < 1:
            raise ValueError(f"branches, every, length, room and scenes have to be at least 1: {self}")
        if not 0 <= self.share < 1:
            raise ValueError(f"share has to be at least 0 and below 1, got {self.share}")


KEPT = ("before", "after", "action", "reward", "discount")
"""The arrays of imagined transitions."""


class Transitions:
    """A buffer of the last `room` imagined n-step transitions.

    Args:
        room: its capacity.
        shape: of an observation.

    Attributes:
        held: number of transitions so far, at most `room`.
    """

    def __init__(self, room: int, shape: tuple[int, ...]):
        self.room, self.held, self._next = room, 0, 0
        self.before, self.after = (np.zeros((room, *shape), np.float32) for _ in range(2))
        self.action, self.reward, self.discount = (np.zeros((room, 1), np.float32) for _ in range(3))

    def add(self, before: Tensor, action: Tensor, reward: Tensor, discount: Tensor, after: Tensor) -> None:
        """Store `B` transitions.

        Args:
            before, after: `[B, ...]`, observations at their beginning and end.
            action: `[B]`, first actions.
            reward: `[B]`, discounted sums of rewards.
            discount: `[B]`, what the value of `after` is multiplied by; 0 where the game ended for certain.
        """
        rows = (self._next + np.arange(len(action))) % self.room
        self.before[rows], self.after[rows] = before.cpu().numpy(), after.cpu().numpy()
        for store, new in ((self.action, action), (self.reward, reward), (self.discount, discount)):
            store[rows, 0] = new.cpu().numpy()
        self._next = int(rows[-1] + 1) % self.room
        self.held = min(self.room, self.held + len(action))

    def arrays(self) -> dict[str, np.ndarray]:
        """All of them, and where the next one goes; for `fill`."""
        held = {name: getattr(self, name)[: self.held] for name in KEPT}
        return held | {"next": np.array(self._next)}

    def fill(self, arrays: dict[str, np.ndarray]) -> None:
        """Take what `arrays` gave, if it has room here; otherwise stay empty."""
        number = len(arrays["action"])
        if number <= self.room:
            for name in KEPT:
                getattr(self, name)[:number] = arrays[name]
            self.held, self._next = number, int(arrays["next"]) % self.room

    def sample(self, number: int) -> tuple[np.ndarray, ...]:
        """`number` random ones, ordered as `ReplayBufferSamples`; `dones` are 0, since discounts hold the endings."""
        rows = np.random.randint(self.held, size=number)
        never = np.zeros((number, 1), np.float32)
        return (
            *(x[rows] for x in (self.before, self.action, self.after)),
            never,
            self.reward[rows],
            self.discount[rows],
        )


class MixedReplay(NStepReplayBuffer):
    """A replay buffer of real transitions that mixes imagined ones into its batches; see `Branching.share`.

    Args:
        share: share of a batch that is imagined.
        room: capacity for imagined transitions.
        others, options: see `stable_baselines3.common.buffers.NStepReplayBuffer`.
    """

    def __init__(self, *others: Any, share: float = 0.5, room: int = 20_000, **options: Any):
        super().__init__(*others, **options)
        self.share, self.imagined = share, Transitions(room, self.obs_shape)

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """A batch, the real transitions first."""
        number = round(batch_size * self.share) if self.imagined.held else 0
        real = super().sample(batch_size - number, env)
        if not number:
            return real
        pairs = zip(real, map(self.to_torch, self.imagined.sample(number)), strict=True)
        return ReplayBufferSamples(*(torch.cat([a, b.to(a.dtype)]) for a, b in pairs if a is not None))


class Imagining(BaseCallback):
    """A callback that imagines branches from states of real play while an agent of stable-baselines3 learns.

    Args:
        world: the model that imagines.
        settings: how branches are imagined.
        greedy: the greedy policy: observations `[B, N, D]` to actions `[B]`.
        seed: of random numbers.
        around: whether observations hold the background around each object, see `Layout.for_agents`.
    """

    def __init__(
        self,
        world: WorldModel,
        settings: Branching,
        greedy: Callable[[Tensor], Tensor],
        seed: int = 0,
        around: bool = False,
    ):
        super().__init__()
        self.world, self.settings, self.greedy = world, settings, greedy
        self.look, self.actions = Layout.for_agents(world, around).features, world.config.actions
        self.generator = torch.Generator(world.background.device).manual_seed(seed)
        self.drawn = Sampled(world, self.generator, spread=settings.spread)
        self._seen: deque[Slots] = deque(maxlen=settings.scenes)

    def _on_step(self) -> bool:
        scenes = slots_of(self.training_env)
        settled = scenes.step >= SETTLED
        if settled.any():
            self._seen.append(reduced(scenes.select(settled)).to("cpu"))
        buffer = self.model.replay_buffer  # type: ignore[attr-defined]
        if len(self._seen) and self.n_calls % self.settings.every == 0:
            buffer.imagined.add(*self.imagine(self.starts()))
        return True

    def state_dict(self) -> dict[str, Any]:
        """The scenes of real play that branches start from, and the state of the random numbers."""
        whole = Slots.cat(list(self._seen)) if self._seen else None
        scenes = None if whole is None else {name: getattr(whole, name) for name in field_names(Slots)}
        sizes = [s.step.shape[0] for s in self._seen]
        return {"scenes": scenes, "sizes": sizes, "calls": self.n_calls, "random": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self._seen.clear()
        if state["scenes"] is not None:
            whole = Slots.restore(state["scenes"])
            for rows in torch.arange(sum(state["sizes"])).split(state["sizes"]):
                self._seen.append(whole.select(rows))
        self.n_calls = state["calls"]
        self.generator.set_state(state["random"])

    def starts(self) -> Slots:
        """Random start states from real play."""
        chosen = torch.randint(len(self._seen), (self.settings.branches,), generator=None)
        scenes = Slots.cat([self._seen[i] for i in chosen.tolist()])
        return imaginable(scenes.to(self.world.background.device), self.world)

    @torch.no_grad()
    def imagine(self, scenes: Slots) -> tuple[Tensor, ...]:
        """A branch from each of `B` scenes: a random action, then greedy ones, up to `length` steps.

        A branch has at least one step. It is cut off before a later step whose uncertainty exceeds `doubt`.

        Returns:
            What `Transitions.add` takes.
        """
        s, device = self.settings, scenes.step.device
        before = self.look(scenes)
        first = action = torch.randint(self.actions, scenes.step.shape, device=device, generator=self.generator)
        tally, after = Tally(s, len(first), device), before
        sure = torch.ones_like(first, dtype=torch.bool)
        for step in range(s.length):
            scenes, outcome = self.drawn.step(scenes, action)
            sure = sure & (outcome.uncertainty < s.doubt) if step else sure
            before_it = tally.total, tally.weight
            tally.add(outcome)
            tally.total, tally.weight = (
                torch.where(sure, new, old) for new, old in zip((tally.total, tally.weight), before_it, strict=True)
            )
            after = torch.where(sure[:, None, None], self.look(scenes), after)
            action = self.greedy(after)
        return before, first, tally.total, tally.weight, after


def greedy(model: DQN) -> Callable[[Tensor], Tensor]:
    """The greedy policy of a DQN: observations `[B, ...]` to the actions `[B]` with the largest Q values."""
    return lambda seen: model.q_net(seen).argmax(-1)
