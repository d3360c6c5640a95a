"""Stretches (consecutive frames) of real play: recording them, and making a training set of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sqair_wm.games.policies import Policy
from sqair_wm.model.slots import Slots
from sqair_wm.training.behind import as_seen, in_hindsight
from sqair_wm.training.encoded import EncodedPlay, reduced
from sqair_wm.training.pauses import ended

from .games import RealGames, Tick

ARRAYS = ("actions", "rewards", "ends", "truncations", "starts", "losses")


@dataclass
class Stretch:
    """`T` frames of each of `B` games.

    Attributes:
        scenes: the filtered scenes, every tensor `[B * T, ...]`; the frames of one game follow those of another.
        arrays: by name, `[B * T]` each: `actions` int64, that led to a frame; `rewards` float32, that came with it; and
            bool: `ends` and `truncations` of episodes, `starts` of episodes, `losses` of lives.
        length: T.
        pictures, backgrounds: `[B * T, H, W, 3]` uint8; None if they were not kept.
    """

    scenes: Slots
    arrays: dict[str, np.ndarray]
    length: int
    pictures: np.ndarray | None = None
    backgrounds: np.ndarray | None = None

    @property
    def steps(self) -> int:
        """Number of real steps: all frames but the first of each episode, and of this stretch in each game."""
        first = np.arange(len(self.arrays["starts"])) % self.length == 0
        return int((~(self.arrays["starts"] | first)).sum())

    @property
    def over(self) -> np.ndarray:
        """`[B * T]` bool, where a life was lost or an episode ended or was truncated."""
        return np.asarray(self.arrays["ends"] | self.arrays["truncations"] | self.arrays["losses"])

    def over_in_hindsight(self, unit: float) -> Tensor:
        """`over`, and the pauses before lost lives and ends, `[B * T]` bool; `unit` is that of `EncodedPlay`."""
        lost = torch.from_numpy(self.arrays["ends"] | self.arrays["losses"])
        rewards = torch.from_numpy(self.arrays["rewards"])
        return torch.from_numpy(self.over) | ended(self.scenes, self.part, lost, rewards, unit)

    @property
    def part(self) -> Tensor:
        """`[B * T]` int64, the number of the episode (or part of one) of each frame."""
        first = np.arange(len(self.arrays["starts"])) % self.length == 0
        return torch.from_numpy((self.arrays["starts"] | first).cumsum() - 1)


def play(games: RealGames, policy: Policy, steps: int, *, epsilon: float, random: np.random.Generator,
         pictures: bool = True) -> Stretch:  # fmt: skip
    """Continue running games with sampled actions of a policy, and record them.

    Args:
        games: the games that are played; those that ended begin anew.
        policy: chooses the actions.
        steps: least number of steps of all games together; beginning a game is not a step.
        epsilon: probability of a uniformly random action instead.
        random: source of random numbers.
        pictures: whether to record the pictures of the games, and their backgrounds.
    """
    games.begin(games.over)
    everyone = np.zeros(games.number, bool)
    ticks = [Tick(everyone.astype(np.int64), everyone.astype(float), everyone, everyone, games.fresh.copy(), everyone)]
    scenes, shown, behind, memory, taken = [_scenes(games)], [games.frames.copy()], [games.backgrounds], None, 0
    while taken < steps:
        action, memory = policy.predict(games.observation, memory, games.fresh.copy(), deterministic=False)
        other = random.integers(games.action_space.n, size=games.number)
        tick = games.advance(np.where(random.random(games.number) < epsilon, other, action))
        ticks.append(tick)
        scenes.append(_scenes(games))
        taken += int((~tick.began).sum())
        if pictures:
            shown.append(games.frames.copy())
            behind.append(games.backgrounds)
    arrays = [np.stack(x).swapaxes(0, 1).reshape(-1) for x in zip(*ticks, strict=True)]
    named = dict(zip(ARRAYS, arrays, strict=True))
    named["rewards"] = named["rewards"].astype(np.float32)
    whole = Slots.stack(scenes).map(lambda x: x.transpose(0, 1).flatten(0, 1))
    images = [np.stack(x).swapaxes(0, 1).reshape(-1, *shown[0].shape[1:]) for x in (shown, behind)] if pictures else []
    seen = Stretch(whole, named, len(ticks), *images)
    rewards = torch.from_numpy(named["rewards"])
    return replace(seen, scenes=in_hindsight(whole, seen.part, rewards, games.world.config))


def _scenes(games: RealGames) -> Slots:
    """The scenes of games as `reduced`, on the CPU, with the background that is seen."""
    background = torch.from_numpy(games.backgrounds).movedim(-1, 1)
    return reduced(as_seen(games.slots, background, games.world.config)).to("cpu")


def encoded(stretches: Sequence[Stretch], unit: float, name: str = "") -> EncodedPlay:
    """Stretches as one training set; `unit` and `name` as in `EncodedPlay`."""
    scenes, part = joined(stretches)
    names = ("actions", "rewards", "ends", "losses")
    arrays = [torch.from_numpy(np.concatenate([s.arrays[n] for s in stretches])) for n in names]
    return EncodedPlay(scenes, part, arrays[0], arrays[1], arrays[2] | arrays[3], unit, name)


def joined(stretches: Sequence[Stretch]) -> tuple[Slots, Tensor]:
    """The scenes of all frames of some stretches, each tensor `[F, ...]`, and their parts, `[F]` int64."""
    parts, last = [], 0
    for stretch in stretches:
        parts.append(stretch.part + last)
        last = int(parts[-1][-1]) + 1
    alone = stretches[0].scenes if len(stretches) == 1 else None
    return alone or Slots.cat([s.scenes for s in stretches]), torch.cat(parts)
