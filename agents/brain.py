"""Policies of stable-baselines3 on sets of objects, without an environment: for agents that learn in imagination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
from torch import nn

from .extractors import SlotExtractor

try:
    from stable_baselines3 import PPO
except ImportError as error:
    raise ImportError("sqair_wm.agents needs stable-baselines3: pip install 'sqair-wm[agents]'") from error


@dataclass(frozen=True)
class NetworkSettings:
    """The networks of an agent.

    Attributes:
        features: of a scene.
        width: of the codes of objects.
        layers: of attention.
        hidden: units between the features and the policy, and between them and the value.
    """

    features: int = 128
    width: int = 64
    layers: int = 1
    hidden: int = 64


def extractor_options(settings: NetworkSettings) -> dict[str, Any]:
    """What makes a policy of stable-baselines3 see objects: plain data and a class, so that it can be saved."""
    return {
        "features_extractor_class": SlotExtractor,
        "features_extractor_kwargs": {
            "features_dim": settings.features,
            "width": settings.width,
            "layers": settings.layers,
        },
    }


def actor_critic(
    observations: gym.Space, actions: gym.Space, settings: NetworkSettings, device: str = "cpu", seed: int | None = None
) -> PPO:
    """A PPO of stable-baselines3 that nobody has trained yet, whose policy an agent of ours trains.

    It is saved, loaded and asked for actions as any other; nothing of a world model is in it.

    Args:
        observations: what a slot environment shows.
        actions: what the game takes.
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
    # As `PPO.load` makes a model without an environment.
    model.observation_space, model.action_space, model.n_envs = observations, actions, 1
    model._setup_model()
    model.policy.set_training_mode(False)
    return model
