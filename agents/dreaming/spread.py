"""How much chance imagination needs: so much that it brings as many rewards and endings as the agent's own play."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.world.world_model import WorldModel

from ..extractors import present
from ..imagined_returns import Counting, Sampled
from .experience import imaginable

SPREADS = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0)
"""The scales of the noise that are compared, see `Sampled`."""

FIRST = 0.25
"""The scale before there is any play to compare with."""

SCENES, KEPT = 400, 0.7
"""Most scenes of play from which futures are compared; and what earlier play counts for, each round."""

BETTER = 2.0
"""By how much the deviance of another scale has to be less for it to replace the present one. Where points are few, as
in Pong, all scales are about as good; a different one in each round would be a different game in each round."""


class SpreadMatch:
    """Chooses the scale of the noise of sampled futures by comparing them with the game.

    From scenes of the agent's latest play, the agent goes on in imagination, once with each of `SPREADS`. Each time the
    expected numbers of gains, of losses and of endings are compared with what the game gave from these scenes, by the
    deviance of a Poisson distribution. An agent that learns in imagination finds what goes wrong too seldom there, such
    as an opponent's punches; how much noise makes up for it differs between games and changes as the agent learns.

    Attributes:
        misses: `[S]`, the deviance of each scale, over all rounds, those before counted less.
        best: the scale in use: the one with the lowest deviance, unless the one before is about as good (`BETTER`).
    """

    def __init__(self) -> None:
        self.misses = torch.tensor([float(spread != FIRST) for spread in SPREADS])
        self.best = FIRST

    def update(self, world: Sampled, policy: ActorCriticPolicy, look: Callable[[Any], Tensor], play: EncodedPlay,
               counting: Counting, decisions: int, hold: int = 1) -> dict[str, float]:  # fmt: skip
        """Compare with play, and give `world` the best scale.

        Args:
            world: imagines; its own scale is not used here.
            policy: the one that played.
            look: function from scenes to observations `[B, N, D]`.
            play: of that policy alone.
            counting: transforms the rewards.
            decisions: for how many futures are compared.
            hold: steps for which each is held.

        Returns:
            Gains, losses and endings of a future, in the game and in imagination with the best scale.
        """
        steps = decisions * hold
        chosen, true = real_futures(play, counting, steps)
        if not len(chosen):
            return {}
        assert isinstance(world.world, WorldModel)
        device = world.world.background.device
        scenes = imaginable(play.states.select(chosen).to(device), world.world)
        found = []
        for spread in SPREADS:
            world.spread = spread
            found.append(imagined_futures(world, policy, look, scenes, counting, decisions, hold).cpu())
        self.misses = KEPT * self.misses + torch.stack([deviance(true, x) for x in found]) / steps
        if self.misses.min() < self.misses[SPREADS.index(self.best)] - BETTER:
            self.best = SPREADS[int(self.misses.argmin())]
        world.spread = self.best
        names, best = ("gains", "losses", "endings"), found[SPREADS.index(self.best)]
        real = {f"{name}_real": float(x) / len(chosen) for name, x in zip(names, true, strict=True)}
        return real | {f"{name}_imagined": float(x) / len(chosen) for name, x in zip(names, best, strict=True)}

    def state_dict(self) -> dict[str, Any]:
        """The deviances, and the scale in use."""
        return {"misses": self.misses, "best": self.best}

    def load_state_dict(self, state: Any) -> None:
        """Continue from what `state_dict` returned, or from the deviances alone, as runs up to 0.19.0 saved them."""
        whole = state if isinstance(state, dict) else {"misses": state, "best": SPREADS[int(state.argmin())]}
        self.misses, self.best = whole["misses"], whole["best"]


def real_futures(play: EncodedPlay, counting: Counting, steps: int) -> tuple[Tensor, Tensor]:
    """Scenes of play that are followed by `steps` frames, and what these bring.

    Returns:
        Numbers of at most `SCENES` random frames, `[K]` int64, and the sums of gains, losses and endings in the steps
        after them, `[3]`, each up to an ending.
    """
    try:
        good = play.starts(steps + 1)
    except ValueError:  # no episode lasts that long
        good = torch.zeros(0, dtype=torch.int64)
    good = good[~play.over[good]]
    chosen = good[torch.randperm(len(good))[:SCENES].sort().values]
    later = chosen + torch.arange(1, steps + 1)[:, None]
    reward, over = counting.real(play.rewards[later]), play.over[later]
    going = torch.cat([torch.ones_like(over[:1]), ~over[:-1]]).cumprod(0)
    return chosen, torch.stack([(going * x).sum() for x in (reward.clamp(min=0), (-reward).clamp(min=0), over)])


@torch.no_grad()
def imagined_futures(
    world: Sampled,
    policy: ActorCriticPolicy,
    look: Callable[[Any], Tensor],
    scenes: Slots,
    counting: Counting,
    decisions: int,
    hold: int = 1,
) -> Tensor:
    """The expected sums of gains, losses and endings of some decisions, `[3]`, each held for `hold` steps."""
    going, sums = torch.ones_like(scenes.presence[:, 0]), []
    for step in range(decisions * hold):
        if step % hold == 0:
            action = policy(present(look(scenes)))[0]
        scenes, outcome = world.step(scenes, action)
        reward = counting.of(outcome)
        sums.append(torch.stack([reward.clamp(min=0), (-reward).clamp(min=0), outcome.ends]) @ going)
        going = going * (1 - outcome.ends)
    return torch.stack(sums).sum(0)


def deviance(true: Tensor, expected: Tensor) -> Tensor:
    """Twice the logarithm by which numbers of events are likelier if they, and not `expected`, are what is expected.

    Of a Poisson distribution; half an event is added to each number, because there may be none.
    """
    true, expected = true + 0.5, expected + 0.5
    return 2 * (true * (true / expected).log() - (true - expected)).sum()
