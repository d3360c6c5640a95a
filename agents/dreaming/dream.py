"""An actor-critic that learns in imagination: from many start states of real play at once, on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from sqair_wm.training.regroup import fitting

from ..extractors import present
from ..imagined_returns import Counting, Steps, Tally
from ..networks import SlotNetworkSettings
from .real_play import RealPlay, ReturnTargets, return_targets
from .returns import ReturnRange, lambda_returns


@dataclass(frozen=True)
class DreamSettings(SlotNetworkSettings, Counting):
    """How to learn in imagination.

    Attributes:
        scenes: number of start states, imagined as one batch.
        horizon: imagined decisions from each start state; the critic estimates the return of the steps beyond.
        hold: steps for which a decision is held, in imagination and in the game. With 1, waiting for several steps is
            learned only if waiting a single step is of use. See `agents.playing.held`.
        lam: lambda of the lambda returns: 0 for one step, 1 for the whole horizon.
        entropy: weight of the policy's entropy; advantages are divided by the range of returns, see `ReturnRange`.
        learning_rate: of Adam.
        passes: passes (epochs) over an imagined batch.
        parts: minibatches of a pass, each with an optimiser step.
        clip: clipping of PPO: an action whose probability ratio is further from one than this has no gradient.
        value: weight of the critic's loss on imagined steps.
        replay: weight of the critic's loss on real play, relative to that on imagined steps (as in DreamerV3): the
            critic also learns from events that the world model does not imagine.
        stretches: stretches of real play in a batch for that loss.
        stretch: frames of each of these.
        gradient: largest norm of a gradient.
        average: decay of the moving average of the policy's weights. The averaged policy plays the real game, because
            the current one fluctuates. 0 to play with the current weights.
        stochastic: sample futures; otherwise imagine the likeliest one.
        spread: scale of the noise of sampled futures, see `Sampled`, from 0 to 1; `auto`: matched with real play in
            each round, see `SpreadMatch`.
        discover: whether new objects may appear in imagination.
        memory: whether the agent sees what the dynamics remembers of each object, see `Layout`.
    """

    reward: str = "sign"
    scenes: int = 256
    horizon: int = 15
    hold: int = 1
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
    spread: Any = "auto"
    discover: bool = True
    memory: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.scenes, self.horizon, self.hold, self.passes, self.parts, self.stretches) < 1:
            raise ValueError(f"scenes, horizon, hold, passes, parts and stretches have to be at least 1: {self}")
        if self.stretch < 2:
            raise ValueError(f"stretch has to be at least 2: a return takes two frames, got {self.stretch}")
        if self.spread != "auto" and not (isinstance(self.spread, (int, float)) and 0 <= self.spread <= 1):
            raise ValueError(f"spread has to lie between 0 and 1, or be auto, got {self.spread!r}")


class Imagined(NamedTuple):
    """Rollouts of `T` imagined decisions from `B` scenes, with what the losses need; no tensor has gradients.

    Attributes:
        seen: `[T, B, N, D]`, the observation before each decision.
        action: `[T, B]` int64, the action of each decision.
        chance: `[T, B]`, its log probability under the policy that acted.
        value: `[T, B]`, the critic's value before each decision.
        returns: `[T, B]`, the lambda return of each decision.
        alive: `[T, B]`, the probability that the episode had not ended before the decision.
    """

    seen: Tensor
    action: Tensor
    chance: Tensor
    value: Tensor
    returns: Tensor
    alive: Tensor

    def flat(self) -> Imagined:
        """All steps in one batch, `[T * B, ...]`."""
        return Imagined(*(x.flatten(0, 1) for x in self))

    def rows(self, index: Tensor) -> Imagined:
        """The steps with the numbers `index` of `flat`."""
        return Imagined(*(x[index] for x in self))


class Dream:
    """Learns a policy and a value function in imagination; all computation stays on one device.

    Args:
        world: the model that imagines.
        policy: of stable-baselines3, on observations as `look` returns them.
        look: function from scenes to observations `[B, N, D]`, such as `Layout.features`.
        settings: of learning.

    Attributes:
        optimizer: of the policy's weights alone.
        range: of returns, see `ReturnRange`.
        averaged: the moving average of the policy's weights; it does not act in imagination.
    """

    def __init__(self, world: Steps, policy: ActorCriticPolicy, look: Callable[[Any], Tensor], settings: DreamSettings):
        self.world, self.policy, self.look, self.settings = world, policy, look, settings
        self.range = ReturnRange()
        self.averaged = AveragedModel(policy, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)
        critic = list(policy.value_net.parameters())
        others = [w for w in policy.parameters() if all(w is not c for c in critic)]
        self.optimizer = torch.optim.Adam([{"params": others}, {"params": critic}], settings.learning_rate, eps=1e-6)

    def learn(self, starts: Any, steps: int, real: Callable[[], RealPlay] | None = None) -> dict[str, float]:
        """Imagine at least `steps` steps from random start states, and learn from them.

        Args:
            starts: start states, `[S, ...]`.
            steps: least number of imagined steps.
            real: returns new random stretches of real play at each call, from which the critic also learns.

        Returns:
            Means of the statistics, and `steps`, the number of imagined steps.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        records, done = [], 0
        while done < steps:
            imagined = self.imagine(starts)
            known = return_targets(real(), self.policy, self.settings.discount, self.settings.lam) if real else None
            records.append(self._learn_from(imagined, known))
            done += imagined.action.numel() * self.settings.hold
        means = torch.stack([torch.stack(list(r.values())) for r in records]).mean(0).tolist()
        found = dict(zip(records[0], means, strict=True))
        if not all(torch.isfinite(torch.tensor(means))):
            raise FloatingPointError(f"learning in imagination diverged: {found}; try a smaller learning_rate")
        return found | {"range": self.range.average, "steps": done}

    @torch.no_grad()
    def imagine(self, starts: Any) -> Imagined:
        """Rollouts of the policy in imagination, from random start states."""
        s, device = self.settings, starts.step.device
        self.policy.set_training_mode(False)
        scenes = starts.select(torch.randint(starts.step.shape[0], (s.scenes,), device=device))
        seen, said, rewards, weights = [], [], [], []
        for _ in range(s.horizon):
            seen.append(self.look(scenes))
            action, value, chance = self.policy(present(seen[-1]))
            tally = Tally(s, s.scenes, device)
            for _ in range(s.hold):
                scenes, outcome = self.world.step(scenes, action)
                tally.add(outcome)
            said.append((action, chance, value[:, 0]))
            rewards.append(tally.total)
            weights.append(tally.weight)
        action, chance, value = (torch.stack(x) for x in zip(*said, strict=True))
        beyond = self.policy.predict_values(present(self.look(scenes)))[:, 0]
        weight = torch.stack(weights)
        returns = lambda_returns(torch.stack(rewards), weight, torch.cat([value, beyond[None]]), s.lam)
        alive = torch.cat([torch.ones_like(weight[:1]), (weight[:-1] / s.discount**s.hold).cumprod(0)])
        return Imagined(torch.stack(seen), action, chance, value, returns, alive)

    def _learn_from(self, imagined: Imagined, known: ReturnTargets | None = None) -> dict[str, Tensor]:
        """Optimiser steps on one imagined batch; returns their statistics."""
        s, span, flat = self.settings, self.range.update(imagined.returns), imagined.flat()
        flat = flat._replace(seen=present(flat.seen))
        # The critic's last layer has a learning rate that grows with the returns, as its weights have to.
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
        """Losses of policy, critic and entropy on steps `[M, ...]`, each weighted by its `alive`."""
        s = self.settings
        value, chance, entropy = self.policy.evaluate_actions(part.seen, part.action)
        assert entropy is not None
        gain, ratio = (part.returns - part.value) / span, (chance - part.chance).exp()
        actor = -torch.minimum(ratio * gain, ratio.clamp(1 - s.clip, 1 + s.clip) * gain)
        critic = ((value.flatten() - part.returns) / span).square()
        loss = (part.alive * (actor + s.value * critic - s.entropy * entropy)).mean()
        record = {"loss": loss, "critic": critic.mean(), "entropy": entropy.mean()}
        return loss, {name: x.detach() for name, x in record.items()}

    def _replayed(self, part: ReturnTargets, span: float) -> Tensor:
        """The critic's loss on real play."""
        return ((self.policy.predict_values(part.seen)[:, 0] - part.returns) / span).square().mean()

    def state_dict(self) -> dict[str, Any]:
        """The state of learning in tensors and plain data, without the averaged weights."""
        parts: dict[str, Any] = {"optimizer": self.optimizer, "range": self.range, "policy": self.policy}
        return {name: part.state_dict() for name, part in parts.items()} | {"steps": int(self.averaged.n_averaged)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; `averaged` has to have its weights already."""
        self.optimizer.load_state_dict(fitting(state["optimizer"], self.optimizer))
        self.range.load_state_dict(state["range"])
        # Checkpoints of versions before 0.8.0 hold no policy weights: the current policy was the one that played.
        self.policy.load_state_dict(state.get("policy", self.averaged.module.state_dict()))
        self.averaged.n_averaged.fill_(state.get("steps", 1))
