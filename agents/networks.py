"""Policies of stable-baselines3 on sets of objects, without an environment: for agents that learn in imagination."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym
from torch import nn

from .extractors import HEADS, SlotExtractor

try:
    from stable_baselines3 import PPO
except ImportError as error:
    raise ImportError("sqair_wm.agents needs stable-baselines3: pip install 'sqair-wm[agents]'") from error


@dataclass(frozen=True)
class NetworkSettings:
    """The networks of an agent.

    Attributes:
        features: number of features of a scene.
        width: length of the code of an object.
        layers: number of attention layers.
        hidden: hidden units of the policy, and of the value.
        ahead: numbers of steps after which relative positions of objects are given as well, see `SlotExtractor`.
    """

    features: int = 128
    width: int = 64
    layers: int = 1
    hidden: int = 64
    ahead: list[int] = field(default_factory=lambda: [2, 4, 8, 16])

    def __post_init__(self) -> None:
        # Dataclasses that inherit from several classes check them all.
        getattr(super(), "__post_init__", lambda: None)()
        if self.width % HEADS:
            raise ValueError(
                f"agent.width is {self.width}: it has to be a multiple of {HEADS}, for the attention heads"
            )
        if any(steps < 1 for steps in self.ahead):
            raise ValueError(f"agent.ahead takes numbers of steps, from 1 on, got {list(self.ahead)}")


@dataclass(frozen=True)
class SlotNetworkSettings(NetworkSettings):
    """The networks of an agent whose observations are the objects that a world model finds.

    Attributes:
        around: whether observations also hold the background around each object, such as the pellets and walls of a
            maze; see `sqair_wm.envs.around.Around`. None: `python -m agents.train` decides, see `random_play_changes`.
    """

    around: bool | None = None


def reading_options(settings: NetworkSettings) -> dict[str, Any]:
    """How a `SlotExtractor` reads a scene, for any number of features: plain data, to be saved."""
    return {"width": settings.width, "layers": settings.layers, "ahead": tuple(settings.ahead)}


def extractor_options(settings: NetworkSettings) -> dict[str, Any]:
    """`policy_kwargs` of stable-baselines3 for observations of objects: plain data and a class, to be saved."""
    told = {"features_dim": settings.features} | reading_options(settings)
    return {"features_extractor_class": SlotExtractor, "features_extractor_kwargs": told}


def actor_critic(
    observations: gym.Space, actions: gym.Space, settings: NetworkSettings, device: str = "cpu", seed: int | None = None
) -> PPO:
    """An untrained PPO of stable-baselines3, whose policy is trained in imagination, see `Dream`.

    It is saved, loaded and asked for actions like any other PPO, and contains no part of the world model.

    Args:
        observations: space of a slot environment.
        actions: space of the game's actions.
        settings: of the networks.
        device: of the weights.
        seed: of the weights; None to leave the random numbers alone.
    """
    options = extractor_options(settings) | {
        "net_arch": {"pi": [settings.hidden], "vf": [settings.hidden]},
        "activation_fn": nn.ReLU,
    }
    none: Any = None
    model = PPO(
        "MlpPolicy",
        none,
        n_steps=2,
        batch_size=2,
        policy_kwargs=options,
        device=device,
        seed=seed,
        _init_setup_model=False,
    )
    # `PPO.load` makes a model without an environment in the same way.
    model.observation_space, model.action_space, model.n_envs = observations, actions, 1
    model._setup_model()
    model.policy.set_training_mode(False)
    return model
