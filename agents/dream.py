"""An actor-critic that learns in imagination, from scenes of real play on; thousands of them side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from .brain import SightSettings
from .extractors import present
from .outlook import Counting, Steps
from .replay import Known, Lived, known_returns
from .returns import ReturnRange, lambda_returns


@dataclass(frozen=True)
class DreamSettings(SightSettings, Counting):
    """How to learn in imagination.

    Attributes:
        scenes: imagined side by side.
        horizon: steps that are imagined from a scene of real play on; what follows is valued by the critic.
        lam: share of longer returns.
        entropy: weight of the policy's entropy; returns have a range of about one.
        learning_rate: of Adam.
        passes: over what was imagined.
        parts: minibatches of a pass, each with an optimiser step.
        clip: of PPO: by how much the probability ratio of an action may leave one before it stops teaching.
        value: weight of the critic's loss.
        replay: weight of the critic's loss on real play, beside that on what was imagined (as in DreamerV3): what the
            world model does not imagine, the critic can still know.
        stretches: of real play that the critic learns from along with what was imagined from `scenes`.
        stretch: frames of each of these.
        gradient: largest norm of a gradient.
        average: share of the averaged weights that an optimiser step leaves; they play the real game, since the policy
            of a single moment goes up and down. 0 to play with the weights that learn.
        stochastic: draw the future; otherwise the likeliest one is imagined.
        spread: of positions and looks that are drawn, see `Drawn`.
        discover: whether new objects may appear.
    """

    reward: str = "sign"
    scenes: int = 256
    horizon: int = 15
    lam: float = 0.95
    entropy: float = 3e-4
    learning_rate: float = 5e-4
    passes: int = 3
    parts: int = 8
    clip: float = 0.2
    value: float = 0.5
    replay: float = 0.3
    stretches: int = 32
    stretch: int = 32
    gradient: float = 1.0
    average: float = 0.999
    stochastic: bool = True
    spread: float = 0.25
    discover: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.scenes, self.horizon, self.passes, self.parts, self.stretches) < 1:
            raise ValueError(f"scenes, horizon, passes, parts and stretches have to be at least 1: {self}")
        if self.stretch < 2:
            raise ValueError(f"stretch has to be at least 2: a return takes two frames, got {self.stretch}")
        if not 0 <= self.spread <= 1:
            raise ValueError(f"spread has to lie between 0 and 1, got {self.spread}")


class Imagined(NamedTuple):
    """`T` imagined steps of `B` scenes, and what they taught; every tensor without gradients.

    Attributes:
        seen: `[T, B, N, D]`, the observation before each step.
        action: `[T, B]` int64, taken in it.
        chance: `[T, B]`, the logarithm of its probability then.
        value: `[T, B]`, what was expected.
        returns: `[T, B]`, what came of it.
        alive: `[T, B]`, the probability that the game had not ended before.
    """

    seen: Tensor
    action: Tensor
    chance: Tensor
    value: Tensor
    returns: Tensor
    alive: Tensor

    def flat(self) -> Imagined:
        """All steps behind one another, `[T * B, ...]`."""
        return Imagined(*(x.flatten(0, 1) for x in self))

    def rows(self, index: Tensor) -> Imagined:
        """Some of the steps of `flat`."""
        return Imagined(*(x[index] for x in self))


class Dream:
    """Learns a policy and a value in imagination. Nothing leaves the device in between.

    Args:
        world: that imagines.
        policy: of stable-baselines3, on observations like those of `look`.
        look: scenes as observations `[B, N, D]`, see `Layout.features`.
        settings: how to learn.

    Attributes:
        optimizer: of the policy's weights, and of nothing else.
        range: of returns, see `ReturnRange`.
        averaged: the moving average of the policy's weights, which acts in no imagination.
    """

    def __init__(self, world: Steps, policy: ActorCriticPolicy, look: Callable[[Any], Tensor], settings: DreamSettings):
        self.world, self.policy, self.look, self.settings = world, policy, look, settings
        self.range = ReturnRange()
        self.averaged = AveragedModel(policy, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)
        critic = list(policy.value_net.parameters())
        others = [w for w in policy.parameters() if all(w is not c for c in critic)]
        self.optimizer = torch.optim.Adam([{"params": others}, {"params": critic}], settings.learning_rate, eps=1e-6)

    def learn(self, starts: Any, steps: int, lived: Callable[[], Lived] | None = None) -> dict[str, float]:
        """Imagine at least `steps` steps from random ones of `starts`, and learn from them.

        Args:
            starts: scenes, `[S, ...]`.
            steps: see above.
            lived: gives other stretches of real play each time, which the critic learns from as well.

        Returns:
            Means of what was recorded, and `steps`, which were imagined.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        records, done = [], 0
        while done < steps:
            imagined = self.imagine(starts)
            known = known_returns(lived(), self.policy, self.settings.discount, self.settings.lam) if lived else None
            records.append(self._learn_from(imagined, known))
            done += imagined.action.numel()
        means = torch.stack([torch.stack(list(r.values())) for r in records]).mean(0).tolist()
        found = dict(zip(records[0], means, strict=True))
        if not all(torch.isfinite(torch.tensor(means))):
            raise FloatingPointError(f"learning in imagination diverged: {found}; try a smaller learning_rate")
        return found | {"range": self.range.average, "steps": done}

    @torch.no_grad()
    def imagine(self, starts: Any) -> Imagined:
        """Act in imagination as the policy says, from random scenes of `starts` on."""
        s, device = self.settings, starts.step.device
        self.policy.set_training_mode(False)
        scenes = starts.select(torch.randint(starts.step.shape[0], (s.scenes,), device=device))
        seen, said, rewards, weights = [], [], [], []
        for _ in range(s.horizon):
            seen.append(self.look(scenes))
            action, value, chance = self.policy(present(seen[-1]))
            scenes, outcome = self.world.step(scenes, action)
            said.append((action, chance, value[:, 0]))
            rewards.append(s.of(outcome))
            weights.append(s.discount * (1 - outcome.ends))
        action, chance, value = (torch.stack(x) for x in zip(*said, strict=True))
        beyond = self.policy.predict_values(present(self.look(scenes)))[:, 0]
        weight = torch.stack(weights)
        returns = lambda_returns(torch.stack(rewards), weight, torch.cat([value, beyond[None]]), s.lam)
        alive = torch.cat([torch.ones_like(weight[:1]), (weight[:-1] / s.discount).cumprod(0)])
        return Imagined(torch.stack(seen), action, chance, value, returns, alive)

    def _learn_from(self, imagined: Imagined, known: Known | None = None) -> dict[str, Tensor]:
        """A few optimiser steps; what there is to say of them."""
        s, span, flat = self.settings, self.range.update(imagined.returns), imagined.flat()
        flat = flat._replace(seen=present(flat.seen))
        # The critic's last layer has to grow with the returns.
        for group, factor in zip(self.optimizer.param_groups, (1.0, span), strict=True):
            group["lr"] = s.learning_rate * factor
        self.policy.set_training_mode(True)
        for _ in range(s.passes):
            for part, index in enumerate(torch.randperm(len(flat.action), device=flat.action.device).chunk(s.parts)):
                loss, record = self._loss(flat.rows(index), span)
                if known is not None:
                    replayed = self._replayed(known.rows(part, s.parts), span)
                    loss, record["replayed"] = loss + s.value * s.replay * replayed, replayed.detach()
                self.optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), s.gradient)
                self.optimizer.step()
                self.averaged.update_parameters(self.policy)
        self.policy.set_training_mode(False)
        return record | {"return": flat.returns.mean(), "ended": 1 - imagined.alive[-1].mean()}

    def _loss(self, part: Imagined, span: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Policy gradient, critic and entropy on steps `[M, ...]`; each counts as its game had not ended before."""
        s = self.settings
        value, chance, entropy = self.policy.evaluate_actions(part.seen, part.action)
        assert entropy is not None
        gain, ratio = (part.returns - part.value) / span, (chance - part.chance).exp()
        actor = -torch.minimum(ratio * gain, ratio.clamp(1 - s.clip, 1 + s.clip) * gain)
        critic = ((value.flatten() - part.returns) / span).square()
        loss = (part.alive * (actor + s.value * critic - s.entropy * entropy)).mean()
        record = {"loss": loss, "critic": critic.mean(), "entropy": entropy.mean()}
        return loss, {name: x.detach() for name, x in record.items()}

    def _replayed(self, part: Known, span: float) -> Tensor:
        """The critic's loss on real play."""
        return ((self.policy.predict_values(part.seen)[:, 0] - part.returns) / span).square().mean()

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue, in tensors and plain data, without the averaged weights."""
        parts: dict[str, Any] = {"optimizer": self.optimizer, "range": self.range, "policy": self.policy}
        return {name: part.state_dict() for name, part in parts.items()} | {"steps": int(self.averaged.n_averaged)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave; `averaged` has to have its weights already."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.range.load_state_dict(state["range"])
        # Before 0.8.0 the policy that learned was the one that played.
        self.policy.load_state_dict(state.get("policy", self.averaged.module.state_dict()))
        self.averaged.n_averaged.fill_(state.get("steps", 1))
