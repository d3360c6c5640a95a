"""An imagination-augmented policy (Weber et al. 2017): PPO of stable-baselines3 that reads what each action leads to.

The observation holds the rollouts, see `agents.sb3.rollouts`. This module has the networks that read them, and the
training of the rollout policy, which acts in them. Differences from the paper: scenes are sets of objects, not
pictures; the agent learns by PPO, not A3C; and the rollout policy has optimiser steps of its own, see `Distillation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from ..extractors import SlotExtractor, present
from ..networks import NetworkSettings, reading_options
from .rollouts import IMAGINED, REWARDS, SLOTS


class RolloutPolicy(nn.Module):
    """The small policy that acts in imagination (section 3).

    Args:
        rows: space of a scene's rows, `[N, D]`.
        actions: number A of actions.
        width: of its codes of objects.
        ahead: see `SlotExtractor`.
    """

    def __init__(self, rows: gym.Space, actions: int, width: int = 64, ahead: Sequence[int] = ()):
        super().__init__()
        self.look = SlotExtractor(rows, width, width=width, ahead=ahead)
        self.choose = nn.Linear(width, actions)

    def forward(self, seen: Tensor) -> Tensor:
        """Rows `[B, N, D]` to logits `[B, A]`."""
        return self.choose(self.look(seen))


class RolloutEncoder(nn.Module):
    """An LSTM that reads each rollout from its last step to its first, in the order in which values are backed up.

    This is the encoder of section 2.

    Args:
        rows: space of a scene's rows, `[N, D]`.
        code: length of the code of a rollout.
        width: of the codes of objects.
        layers: of attention over objects.
        ahead: see `SlotExtractor`.
    """

    def __init__(self, rows: gym.Space, code: int = 64, width: int = 64, layers: int = 1, ahead: Sequence[int] = ()):
        super().__init__()
        self.look = SlotExtractor(rows, code, width=width, layers=layers, ahead=ahead)
        self.read = nn.LSTM(code + 1, code)

    def forward(self, imagined: Tensor, rewards: Tensor) -> Tensor:
        """The code of each rollout.

        Args:
            imagined: `[B, A, T, N, D]`, rows after each step.
            rewards: `[B, A, T]`, the reward of each step.

        Returns:
            `[B, A, code]`.
        """
        features = self.look(present(imagined.flatten(0, 2))).unflatten(0, (-1, imagined.shape[2]))
        steps = torch.cat([features, rewards.flatten(0, 1)[..., None]], -1)
        _, (code, _) = self.read(steps.flip(1).transpose(0, 1))
        return code[0].unflatten(0, imagined.shape[:2])


class ImaginationExtractor(BaseFeaturesExtractor):
    """Features of a scene, concatenated with the codes of its rollouts in the order of the actions (section 2).

    The rollout policy is a submodule so that it is saved with the agent. The features do not depend on it, and the
    losses of PPO do not train it.

    Args:
        observation_space: see `agents.sb3.rollouts.rollout_space`.
        model_free: number of features of the scene itself (the model-free path of the paper).
        code: length of the code of a rollout.
        width: of the codes of objects.
        layers: of attention over objects.
        ahead: see `SlotExtractor`.

    Attributes:
        rollout_policy: the policy that acts in imagination.
    """

    def __init__(
        self,
        observation_space: gym.spaces.Dict,
        model_free: int = 128,
        code: int = 64,
        width: int = 64,
        layers: int = 1,
        ahead: Sequence[int] = (),
    ):
        rows, (actions, _) = observation_space[SLOTS], observation_space[REWARDS].shape or (0, 0)
        super().__init__(observation_space, model_free + actions * code)
        self.model_free = SlotExtractor(rows, model_free, width=width, layers=layers, ahead=ahead)
        self.encoder = RolloutEncoder(rows, code, width, layers, ahead)
        self.rollout_policy = RolloutPolicy(rows, actions, width, ahead)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """`B` observations to `[B, model_free + A * code]`."""
        codes = self.encoder(observations[IMAGINED], observations[REWARDS])
        return torch.cat([self.model_free(present(observations[SLOTS])), codes.flatten(1)], -1)


def imagination_options(settings: NetworkSettings, code: int) -> dict[str, Any]:
    """`policy_kwargs` of stable-baselines3 for observations with rollouts: plain data and a class, to be saved."""
    told = {"model_free": settings.features, "code": code} | reading_options(settings)
    return {"features_extractor_class": ImaginationExtractor, "features_extractor_kwargs": told}


def rollout_policy_of(agent: PPO) -> RolloutPolicy:
    """The rollout policy of an agent, ready to act.

    Raises:
        TypeError: if the agent has none.
    """
    extractor = agent.policy.features_extractor
    if not isinstance(extractor, ImaginationExtractor):
        raise TypeError(f"the agent reads no rollouts: its features extractor is {type(extractor).__name__}")
    return extractor.rollout_policy.eval()  # acting must not update its `RunningScale`


class Distillation(BaseCallback):
    """Distils the agent's policy into its rollout policy: minimises the cross entropy between the two.

    The paper (section 3) adds this loss to that of the agent. PPO of stable-baselines3 takes no further loss, so this
    one has steps of its own after each stretch of play: on the same observations, with the same number of passes and
    batches, and with the agent's optimiser, which is saved with the agent and changes only parameters with a gradient.
    The target is the policy that has just played; no gradient reaches it.
    """

    model: PPO

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        ppo, losses = self.model, []
        shown: list[Any] = [batch.observations for batch in ppo.rollout_buffer.get(ppo.batch_size)]
        lessons = [(seen[SLOTS], self.chances(seen)) for seen in shown]
        for _ in range(ppo.n_epochs):
            losses += [self.teach(*lesson) for lesson in lessons]
        self.logger.record("train/distillation_loss", float(torch.stack(losses).mean()))

    @torch.no_grad()
    def chances(self, observations: Any) -> Tensor:
        """Probabilities of the actions under the agent's policy, `[B, A]`."""
        chance = self.model.policy.get_distribution(observations).distribution
        assert isinstance(chance, torch.distributions.Categorical)
        return chance.probs

    def teach(self, seen: Tensor, chances: Tensor) -> Tensor:
        """One step of the rollout policy on `seen` `[B, N, D]` towards `chances` `[B, A]`; returns its loss."""
        student, optimizer = rollout_policy_of(self.model), self.model.policy.optimizer
        student.train()
        loss = -(chances * student(present(seen)).log_softmax(-1)).sum(-1).mean()
        student.eval()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()
