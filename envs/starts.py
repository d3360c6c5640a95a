"""Start states of imagination: a pool of filtered states of the real game."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.checksums import DamagedError
from sqair_wm.common.tensor_files import read_tensors, save_tensors
from sqair_wm.games.policies import Policy, RandomPolicy
from sqair_wm.model.slots import Slots
from sqair_wm.world.world_model import WorldModel

from .layout import Observation
from .slots_vector import SlotVectorObservation, make_slots_vector

REMEDY = "delete it and collect the states again: StatePool.collect"

SETTLED = 4
"""Frames of an episode before its state may be a start state (burn-in): the model needs them to infer velocities."""


@dataclass(frozen=True)
class Collection:
    """How a pool is filled by playing the real game.

    Attributes:
        model: folder of the saved model, which is read again for every collection.
        size: number of states.
        seed: of the games and of the random player.
        games: number of games played side by side.
        every: steps between two states of one game.
        form: what the policy observes, see `Layout`; units too.
        units: of position and velocity.
        around: whether the policy sees the background around objects.
        device: where the model runs.
    """

    model: str
    size: int = 256
    seed: int = 0
    games: int = 4
    every: int = 2
    form: str = "array"
    units: str = "normalised"
    around: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        if min(self.size, self.games, self.every) < 1:
            raise ValueError(f"size, games and every have to be at least 1: {self}")

    def play(self, policy: Policy | None = None) -> tuple[Slots, Tensor]:
        """Play until there are enough states; by default at random.

        Returns:
            `size` scenes, with objects in the rows of observations, and their backgrounds `[size, 3, H, W]` uint8.
        """
        env = make_slots_vector(
            self.model,
            self.games,
            form=self.form,
            units=self.units,
            around=self.around,
            device=self.device,
            autoreset_mode="SameStep",
        )
        policy = policy or RandomPolicy(self.games, env.model.config.actions, self.seed)
        states, backgrounds = self._states(env, policy)
        env.close()
        return Slots.cat(states).map(lambda x: x[: self.size]), torch.cat(backgrounds)[: self.size]

    def _states(self, env: SlotVectorObservation, policy: Policy) -> tuple[list[Slots], list[Tensor]]:
        states: list[Slots] = []
        backgrounds: list[Tensor] = []
        observation: Observation
        observation, _ = env.reset(seed=self.seed)
        memory, starts, step = None, np.ones(self.games, bool), 0
        while sum(len(b) for b in backgrounds) < self.size:
            action, memory = policy.predict(observation, state=memory, episode_start=starts, deterministic=False)
            observation, _, terminated, truncated, _ = env.step(action)
            starts, step = terminated | truncated, step + 1
            if step % self.every == 0:
                ready = env.slots.step >= SETTLED
                states.append(env.slots.select(ready))
                backgrounds.append(env.backgrounds.to(ready.device)[ready])
        return states, backgrounds


class StatePool:
    """States that imagined episodes start from.

    Args:
        slots: `P` scenes, P at least 1, with objects in the rows of their observations.
        backgrounds: `[P, 3, H, W]` uint8, drawn behind the objects of each scene.
        collection: how to collect new states; None if the states were given, so that `refresh` is refused.

    Raises:
        ValueError: if there are no states, or not one background for each.
    """

    def __init__(self, slots: Slots, backgrounds: Tensor, collection: Collection | None = None):
        self.slots, self.backgrounds, self.collection = slots, backgrounds, collection
        if not len(self) or len(backgrounds) != len(self):
            raise ValueError(f"a pool needs states and a background for each, got {len(self)} and {len(backgrounds)}")

    def __len__(self) -> int:
        return self.slots.step.shape[0]

    @staticmethod
    def collect(collection: Collection, policy: Policy | None = None) -> StatePool:
        """A pool filled by playing the real game with `policy`, by default at random."""
        return StatePool(*collection.play(policy), collection)

    def refresh(self, policy: Policy | None = None) -> None:
        """Replace all states by those that `policy` reaches with the model as it is saved now.

        Raises:
            ValueError: if the pool was not filled by playing.
        """
        if self.collection is None:
            raise ValueError("this pool was given its states, so it cannot play for new ones: collect it instead")
        self.slots, self.backgrounds = self.collection.play(policy)

    def draw(self, number: int, generator: torch.Generator) -> Tensor:
        """Indices `[number]` int64 of random states, drawn with replacement."""
        return torch.randint(len(self), (number,), generator=generator, device=generator.device)

    def save(self, path: str | Path) -> None:
        """Write the states to a safetensors file, atomically."""
        tensors = {f.name: getattr(self.slots, f.name) for f in fields(Slots)} | {"backgrounds": self.backgrounds}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        save_tensors(Path(path), tensors)

    @staticmethod
    def load(path: str | Path, model: WorldModel) -> StatePool:
        """Read states that `save` wrote, onto the device of `model`.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or its states are those of another model.
        """
        if not Path(path).exists():
            raise FileNotFoundError(f"no pool of states at {path}: StatePool.save writes one")
        tensors, _ = read_tensors(Path(path), REMEDY, model.background.device)
        try:
            backgrounds = tensors.pop("backgrounds")
            slots = Slots.restore(tensors)
        except (KeyError, TypeError) as error:
            raise DamagedError(f"{path} is damaged or no pool of states: {error} ({REMEDY})") from error
        empty = model.initial(1)
        for name in (f.name for f in fields(Slots)):
            given, wanted = getattr(slots, name), getattr(empty, name)
            if given.shape[1:] != wanted.shape[1:] or given.dtype != wanted.dtype:
                raise ValueError(f"{path} holds states of another model: {name} is {tuple(given.shape[1:])}")
        return StatePool(slots, backgrounds)
