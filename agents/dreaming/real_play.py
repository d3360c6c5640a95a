"""Training data of a critic from real play, which holds events that the world model does not imagine."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from sqair_wm.envs.layout import Layout
from sqair_wm.training.encoded import EncodedPlay

from ..extractors import present
from ..imagined_returns import Counting
from .returns import lambda_returns


class RealPlay(NamedTuple):
    """Real play: `T` frames of each of `B` stretches.

    Attributes:
        seen: `[T, B, N, D]`, the observation of each frame.
        reward: `[T, B]`, the reward that came with it, transformed (see `Counting`).
        ends: `[T, B]` bool, whether the game, or a life, ended with it.
    """

    seen: Tensor
    reward: Tensor
    ends: Tensor


class ReturnTargets(NamedTuple):
    """Observations `[M, N, D]`, in random order, and their returns `[M]`."""

    seen: Tensor
    returns: Tensor

    def rows(self, part: int, parts: int) -> ReturnTargets:
        """Minibatch number `part` of `parts`."""
        return ReturnTargets(self.seen[part::parts], self.returns[part::parts])


@torch.no_grad()
def return_targets(real: RealPlay, policy: ActorCriticPolicy, discount: float, lam: float) -> ReturnTargets:
    """Lambda returns of all frames but the last of each stretch; the critic gives the value at its end.

    The returns are off-policy: the actions are those of the policies that played, not those of `policy`.

    Args:
        real: real play.
        policy: whose critic gives the values.
        discount: of a step.
        lam: see `lambda_returns`.
    """
    frames, stretches = real.reward.shape
    value = policy.predict_values(present(real.seen.flatten(0, 1)))[:, 0].unflatten(0, (frames, stretches))
    weight = discount * (1 - real.ends[1:].to(value.dtype))
    returns = lambda_returns(real.reward[1:], weight, value, lam).flatten()
    order = torch.randperm(len(returns), device=returns.device)
    return ReturnTargets(present(real.seen[:-1].flatten(0, 1))[order], returns[order])


def stretches_of(
    play: EncodedPlay, layout: Layout, counting: Counting, stretches: int, length: int, generator: torch.Generator,
    device: torch.device,
) -> Callable[[], RealPlay] | None:  # fmt: skip
    """A function that returns new random stretches of `play` at each call; None where no episode is that long.

    Args:
        play: encoded by the world model.
        layout: of observations.
        counting: transforms the rewards.
        stretches: number of stretches that a call returns.
        length: of each, in frames.
        generator: of random numbers, on the CPU.
        device: where to put them.
    """
    try:
        play.starts(length)
    except ValueError:  # no episode lasts that long
        return None

    def draw() -> RealPlay:
        drawn = play.sample(stretches, length, generator, device)
        seen = layout.features(drawn.states.map(lambda x: x.flatten(0, 1))).unflatten(0, (length, stretches))
        return RealPlay(seen, counting.real(drawn.rewards), drawn.ends)

    return draw
