"""The world model: SQAIR, heads for reward and ending, and the preprocessing of its game; saved as one folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from sqair_wm.common.frame import Frame
from sqair_wm.common.named_folders import WEIGHTS
from sqair_wm.common.notes import write_note
from sqair_wm.common.tensor_files import save_weights
from sqair_wm.games.games import make_game
from sqair_wm.model import baselines
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.outcome import Outcome, OutcomeHeads
from sqair_wm.model.rollout import roll_out
from sqair_wm.model.slots import Noise, Slots, StepTerms
from sqair_wm.model.sqair import Rendering
from sqair_wm.world.source import Preprocessor, Source

DESCRIPTION = "model.json"
"""The file that describes a saved model, beside its weights."""


class WorldModel(nn.Module):
    """SQAIR (or a baseline in its place), heads for reward and ending, the background of the game and its source.

    Args:
        config: of the model.
        source: of the frames; None if the data are not a game.
        background: `[H, W, 3]` uint8, the background at the start of an episode.
        dense: see `SQAIR`.
    """

    background: Tensor

    def __init__(
        self,
        config: ModelConfig,
        source: Source | None = None,
        background: np.ndarray | None = None,
        dense: bool | None = None,
    ):
        super().__init__()
        self.config, self.source = config, source
        self.sqair = baselines.build(config, dense)
        self.heads = OutcomeHeads(config) if config.actions else None
        blank = np.zeros((*config.frame_size, 3), np.uint8)
        self.register_buffer("background", torch.from_numpy((blank if background is None else background).copy()))

    def initial(self, batch: int) -> Slots:
        """An empty scene for each of `batch` rows; see `SQAIR.initial`."""
        return self.sqair.initial(batch)

    def observe(
        self, slots: Slots, frame: Frame, action: Tensor | None = None, **options: Any
    ) -> tuple[Slots, StepTerms]:
        """Posterior step with its densities; see `SQAIR.observe`."""
        return self.sqair.observe(slots, frame, action, **options)

    def filter(
        self,
        slots: Slots,
        frame: Frame,
        action: Tensor | None = None,
        *,
        lost: Tensor | None = None,
        checked: bool = False,
    ) -> Slots:
        """Posterior step without sampling, as for agents; see `SQAIR.filter`.

        `lost` `[B]` bool says in which scenes a life was lost with this frame; None if in none, or if it is not known.
        """
        after = self.sqair.filter(slots, frame, action, checked=checked)
        return after if lost is None or not self.config.timing else after.after_loss(lost)

    def filtered(
        self,
        frames: Iterable[Frame],
        actions: Iterable[Tensor | None],
        batch: int,
        lost: Iterable[Tensor | None] | None = None,
    ) -> Iterator[Slots]:
        """The scenes after each frame of `batch` sequences, starting from empty scenes.

        Args:
            frames: one frame of all `batch` sequences after the other, such as a `Frame` of `[T, B, ...]`.
            actions: `[B]` the action that led to each of them; None if there is none.
            batch: number of sequences.
            lost: `[B]` bool, where a life was lost with each frame; by default in none.
        """
        slots = self.initial(batch)
        for frame, action, loss in zip(frames, actions, repeat(None) if lost is None else lost, strict=False):
            slots = self.filter(slots, frame, action, lost=loss)
            yield slots

    def imagine(self, slots: Slots, action: Tensor | None = None, **options: Any) -> Slots:
        """Prior step; see `SQAIR.imagine`."""
        return self.sqair.imagine(slots, action, **options)

    def step(
        self, slots: Slots, action: Tensor, noise: Noise | None = None, *, discover: bool = True
    ) -> tuple[Slots, Outcome]:
        """One imagined step and its outcome, in tensors on the device of `slots`: all that a planner needs.

        Args:
            slots: `B` scenes of `N` slots.
            action: `[B]` int64, the action taken in each.
            noise: the random numbers of the step, see `Noise.draw`; None for the likeliest step.
            discover: whether new objects may appear.

        Returns:
            The `B` scenes one step later, and the outcome, each of its tensors `[B]` or `[E, B, ...]`, see `Outcome`.

        Raises:
            ValueError: if the model was trained on data without actions.
        """
        after = self.imagine(slots, action, noise=noise or Noise.none(slots), discover=discover)
        return after, self.outcome(slots, action, after)

    def unroll(
        self, slots: Slots, actions: Tensor, noise: Noise | None = None, *, discover: bool = True
    ) -> tuple[Slots, Outcome]:
        """`T` imagined steps, one after the other.

        Args:
            slots: `B` scenes.
            actions: `[T, B]` int64.
            noise: of all steps, each tensor `[T, B, ...]`, see `Noise.stack`; None for the likeliest future.
            discover: whether new objects may appear.

        Returns:
            The scenes after each step and the outcomes of the steps, each tensor with a leading axis of `T`.

        Raises:
            ValueError: if the model was trained on data without actions.
        """

        def step(t: int, scenes: Slots) -> tuple[Slots, Outcome]:
            return self.step(
                scenes, actions[t], None if noise is None else noise.map(lambda x: x[t]), discover=discover
            )

        steps = list(roll_out(slots, len(actions), step))
        said = zip(*(s.said for s in steps), strict=True)
        return Slots.stack([s.after for s in steps]), Outcome(*map(torch.stack, said))

    def imagined(
        self, slots: Slots, actions: Iterable[Tensor | None], *, sample: bool = False, discover: bool = False
    ) -> Iterator[Slots]:
        """`unroll` without outcomes, for models of any data: the scenes after each step.

        Args:
            slots: `B` scenes.
            actions: `[B]` the action of each step; None if there are no actions.
            sample: sample the future; otherwise the likeliest one.
            discover: whether new objects may appear.
        """
        taken = list(actions)

        def step(t: int, scenes: Slots) -> tuple[Slots, None]:
            return self.imagine(scenes, taken[t], noise=None if sample else Noise.none(scenes), discover=discover), None

        return (s.after for s in roll_out(slots, len(taken), step))

    def render(self, slots: Slots) -> Rendering:
        """Mean image and glimpses; see `SQAIR.render`."""
        return self.sqair.render(slots)

    def outcome(self, slots: Slots, action: Tensor, after: Slots, *, imagined: bool = True) -> Outcome:
        """Reward and ending of a step from `slots` under `action` `[B]` to `after`.

        Args:
            slots: `B` scenes before the step.
            action: `[B]` int64.
            after: the scenes after it.
            imagined: whether these are imagined; otherwise they were observed.

        Raises:
            ValueError: if the model was trained on data without actions.
        """
        if self.heads is None:
            raise ValueError("this model was trained on data without actions and rewards, so it predicts no outcome")
        return self.heads(slots, action, after, self.sqair.dense, imagined)

    def make_env(self, **kwargs: Any) -> gym.Env:
        """The game with the frames that this model was trained on; `kwargs` go to `gymnasium.make`.

        Raises:
            ValueError: if the model was not trained on a game, or `kwargs` ask for another frame skip, stickiness,
                crop, pooling or size than it was trained with.
        """
        source = self._source()
        return make_game(source.game, **source.settings_with(kwargs))

    def preprocessor(self) -> Preprocessor:
        """New preprocessing for one running game (a background model), on the device of the weights.

        Raises:
            ValueError: if the model was not trained on a game.
        """
        return Preprocessor(self.background.cpu().numpy(), self._source().memory, self.background.device)

    def _source(self) -> Source:
        if self.source is None:
            raise ValueError("this model was not trained on a game, so it has neither a game nor its background")
        return self.source

    def save(self, folder: Path) -> None:
        """Write weights and description into `folder`, each atomically."""
        description = {"model": self.config.to_json(), "source": None if self.source is None else asdict(self.source)}
        save_weights(folder / WEIGHTS, self)
        write_note(folder / DESCRIPTION, description)
