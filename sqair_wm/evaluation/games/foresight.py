"""Foresight: predicted rewards of action sequences, by a model that filters a game or by another predictor."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch

from sqair_wm.model.rollout import roll_out
from sqair_wm.model.slots import Slots
from sqair_wm.world.scenes import Tracker
from sqair_wm.world.world_model import WorldModel


class Foresight(Protocol):
    """Filters a running game, and predicts the rewards of action sequences from its current state."""

    def begin(self, frame: np.ndarray) -> None:
        """An episode begins with `frame` `[H, W, 3]` uint8."""

    def see(self, frame: np.ndarray, action: int, lost: bool) -> None:
        """The game went on, under `action`; a life may have been `lost`."""

    def scene(self) -> Any:
        """The current state, for `rewards`."""

    def rewards(self, scenes: list[Any], plans: np.ndarray) -> np.ndarray:
        """Expected reward of every step of the plans `[T, K, C]` for the `K` scenes, `[T, K, C]`."""


class Imagination:
    """The foresight of a model: its likeliest future; rewards after a predicted ending do not count."""

    def __init__(self, model: WorldModel, discover: bool = False):
        self._model, self._discover, self._tracker = model, discover, Tracker(model, 1)

    def begin(self, frame: np.ndarray) -> None:
        """See `Foresight`."""
        self._tracker.begin(np.ones(1, bool))
        self._tracker.see(frame[None])

    def see(self, frame: np.ndarray, action: int, lost: bool) -> None:
        """See `Foresight`."""
        self._tracker.see(frame[None], np.array([action]), lost=np.array([lost]))

    def scene(self) -> Slots:
        """The model's scene."""
        return self._tracker.scenes.state

    @torch.inference_mode()
    def rewards(self, scenes: list[Slots], plans: np.ndarray) -> np.ndarray:
        """See `Foresight`."""
        start = Slots.cat(scenes).map(torch.clone).repeat(plans.shape[2])
        actions = torch.from_numpy(plans).flatten(1).to(start.step.device)
        going, rewards = torch.ones(actions.shape[1], device=start.step.device), []
        steps = roll_out(
            start, len(plans), lambda t, slots: self._model.step(slots, actions[t], discover=self._discover)
        )
        for _, _, outcome in steps:
            rewards.append(going * outcome.reward)
            going = going * (outcome.ends < 0.5)
        return torch.stack(rewards).reshape(plans.shape).double().cpu().numpy()
