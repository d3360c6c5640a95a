"""The agent that learns in imagination (`agent=dream`): its training in a run, its files, and its actor and critic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor

from sqair_wm.envs.layout import Layout
from sqair_wm.games.policies import Policy
from sqair_wm.model.slots import Slots
from sqair_wm.training.checkpoint import load_checkpoint
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.world.world_model import WorldModel

from ..imagined_returns import Sampled
from ..networks import actor_critic
from ..playing.held import Held
from ..run import AgentRun, layout_of
from ..saved import STATE, last_round, point, read_agent
from .dream import Dream, DreamSettings
from .learning import ImaginationLearner
from .loop import AgentLoop
from .real_play import stretches_of
from .recorded import recall
from .spread import SpreadMatch


class Dreamer:
    """An actor-critic of stable-baselines3 together with its training in imagination; a `Learner`.

    Args:
        world: the model; it may be trained further between calls.
        settings: of learning.
        seed: of weights and random numbers.

    Attributes:
        model: of stable-baselines3, whose policy plays and is saved; its weights are the moving average of the trained
            ones, see `DreamSettings.average`.
    """

    def __init__(self, world: WorldModel, settings: DreamSettings, seed: int = 0):
        device, self.world = world.background.device, world
        self.model = networks(world, settings, seed)
        self.generator = torch.Generator(device).manual_seed(seed)
        self.match = SpreadMatch() if settings.stochastic and settings.spread == "auto" else None
        spread = settings.spread if self.match is None else self.match.best
        self.drawn = Sampled(world, self.generator, settings.discover, spread)
        imagined = self.drawn if settings.stochastic else world
        self.settings, self.layout = settings, layout_of(world, settings)
        self.dream = Dream(imagined, self.model.policy, self.layout.features, settings)
        averaged = self.dream.averaged.module
        assert isinstance(averaged, ActorCriticPolicy)
        self.model.policy = averaged

    @property
    def policy(self) -> Policy:
        """The policy that plays the real game."""
        return held(self.model, self.settings)

    def learn(
        self, starts: Slots, steps: int, real: EncodedPlay | None = None, own: EncodedPlay | None = None
    ) -> dict[str, float]:
        """See `Learner.learn` and `Dream.learn`."""
        s, replay, found = self.settings, None, self._match_spread(own)
        if real is not None and s.replay:
            chance = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
            replay = stretches_of(real, self.layout, s, s.stretches, s.stretch, chance, starts.step.device)
        return self.dream.learn(starts, steps, replay) | found

    def _match_spread(self, own: EncodedPlay | None) -> dict[str, float]:
        """See `SpreadMatch.update`; the figures, and the scale."""
        if self.match is None:
            return {}
        s, policy, found = self.settings, self.model.policy, {}
        if own is not None:
            policy.set_training_mode(False)
            found = self.match.update(self.drawn, policy, self.layout.features, own, s, s.horizon, s.hold)
        return found | {"spread": self.drawn.spread}

    def begin_anew(self) -> None:
        """See `Learner.begin_anew`: new weights, optimiser, averages and range of returns."""
        fresh = Dreamer(self.world, self.settings, int(torch.randint(2**31, ())))
        self.model, self.dream, self.generator = fresh.model, fresh.dream, fresh.generator
        self.match, self.drawn = fresh.match, fresh.drawn

    def save(self, path: Path) -> None:
        """Write the model of stable-baselines3, see `stable_baselines3.PPO.save`."""
        self.model.save(path)

    def state_dict(self) -> dict[str, Any]:
        """See `Learner.state_dict`."""
        match = {} if self.match is None else {"match": self.match.state_dict()}
        return {"dream": self.dream.state_dict(), "generator": self.generator.get_state()} | match

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned; `model` has to have its weights already, from its own file."""
        self.dream.load_state_dict(state["dream"])
        self.generator.set_state(state["generator"])
        if self.match is not None and "match" in state:
            self.match.load_state_dict(state["match"])
            self.drawn.spread = self.match.best


def networks(world: WorldModel, settings: DreamSettings, seed: int | None = None) -> PPO:
    """An untrained model of stable-baselines3 for the scenes and the actions of a world model."""
    actions = gym.spaces.Discrete(world.config.actions)
    space = layout_of(world, settings).space
    return actor_critic(space, actions, settings, str(world.background.device), seed)


def load_networks(folder: Path, world: WorldModel, settings: DreamSettings) -> PPO:
    """The trained agent of a run.

    Raises:
        FileNotFoundError: if nothing was trained in `folder`.
        ValueError: if its file is damaged.
    """
    model = networks(world, settings)
    read_agent(model, folder, world.background.device, "delete it, and python -m agents.train writes it again")
    model.policy.set_training_mode(False)
    return model


def held(model: PPO, settings: DreamSettings) -> Policy:
    """The policy of an actor-critic, whose decisions are held as long as it learned to, see `DreamSettings.hold`."""
    return model if settings.hold == 1 else Held(model, settings.hold)


def train_dreamer(run: AgentRun, say: Callable[[dict[str, float]], None]) -> None:
    """Train the agent of a run, or continue its training; `say` is called with the figures of every round."""
    done = last_round(run.path)
    folder = point(run.path, done) if done else None
    world, fabric, settings = run.world(folder), run.fabric(), run.settings
    torch.manual_seed(run.seed)
    dreamer = Dreamer(world, settings, run.seed)
    world_learner = ImaginationLearner(world, settings.world, fabric, folder, run.seed)
    if folder is not None:
        read_agent(dreamer.model, folder, world.background.device, f"delete {folder}, and the run begins anew")
        dreamer.load_state_dict(load_checkpoint(folder / STATE)["learner"])
    loop = AgentLoop(run.path, world, dreamer, world_learner, settings, run.seed, done, dreamer.layout)
    if settings.recorded:
        recall(loop.play, world, Path(run.config.model))
    loop.run(int(run.config.steps), say)


def value_of(model: PPO, layout: Layout) -> Callable[[Slots], Tensor]:
    """The critic of an actor-critic, for planners: scenes to expected returns `[B]`."""
    return lambda scenes: model.policy.predict_values(layout.features(scenes))[:, 0]


def logits_of(model: PPO, layout: Layout) -> Callable[[Slots], Tensor]:
    """The actor of an actor-critic, for planners: scenes to logits of actions `[B, A]`."""

    def prior(scenes: Slots) -> Tensor:
        chance = model.policy.get_distribution(layout.features(scenes)).distribution
        assert isinstance(chance, torch.distributions.Categorical)
        return chance.logits

    return prior
