"""Scenes over time in which every object keeps its row; and running games that a model filters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sqair_wm.common.finite import broken_weights
from sqair_wm.common.frame import Frame
from sqair_wm.common.tensors import field_names
from sqair_wm.model.row_assignment import RowAssignment, in_rows
from sqair_wm.model.slots import Slots
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import WorldModel


class Scenes:
    """`B` scenes as the model left them, and the row in which agents see each object.

    Attributes:
        state: what the next `observe` or `imagine` takes; may be inference tensors (`torch.inference_mode`).
        assignment: the row of each object, which it keeps for as long as it lives.
    """

    def __init__(self, start: Slots):
        self.state, self.assignment = start, RowAssignment.still(start)
        self._slots: Slots | None = None

    @property
    def slots(self) -> Slots:
        """The scenes with every object in its row, as tensors that may also be used with gradients."""
        if self._slots is None:
            arranged = in_rows(self.state, self.assignment)
            self._slots = arranged.map(lambda x: x.clone() if x.is_inference() else x)
        return self._slots

    def advance(self, state: Slots, rows: np.ndarray | None = None) -> None:
        """Go on to `state`: of all scenes, or of those where `rows` `[B]` is true."""
        (previous,) = self.assignment.move(self.state.identity, empty=-1)
        if rows is not None:
            previous = previous[torch.from_numpy(rows).to(state.step.device)]
        self._put(rows, state, RowAssignment.of(state, previous))

    def restart(self, start: Slots, rows: np.ndarray) -> None:
        """Begin anew from the scenes `start` where `rows` `[B]` is true; objects keep the rows they have there."""
        self._put(rows, start, RowAssignment.still(start))

    def _put(self, rows: np.ndarray | None, state: Slots, assignment: RowAssignment) -> None:
        self._slots = None
        if rows is None or rows.all():
            self.state, self.assignment = state, assignment
            return
        index = torch.from_numpy(np.flatnonzero(rows)).to(state.step.device)

        def put(whole: Tensor, part: Tensor) -> Tensor:
            return whole.index_copy(0, index, part)

        self.state = Slots(**{n: put(getattr(self.state, n), getattr(state, n)) for n in field_names(Slots)})
        self.assignment = RowAssignment(*map(put, self.assignment, assignment))


class Tracker:
    """Filters `number` running games in one batch, deterministically.

    Attributes:
        scenes: the filtered scenes.
        preprocessors: the preprocessing of each game.
    """

    def __init__(self, model: WorldModel, number: int):
        self.model, self.number = model, number
        self.preprocessors = [model.preprocessor() for _ in range(number)]
        self.scenes = Scenes(model.initial(number))
        self._fresh = np.ones(number, bool)

    def begin(self, rows: np.ndarray) -> None:
        """Episodes start where `rows` `[B]` is true: nothing seen yet, and the background of the start."""
        if not rows.any():
            return
        for i in np.flatnonzero(rows):
            self.preprocessors[i].reset()
        self.scenes.restart(self.model.initial(int(rows.sum())), rows)
        self._fresh |= rows

    @torch.inference_mode()
    def see(
        self,
        frames: np.ndarray,
        actions: np.ndarray | None = None,
        rows: np.ndarray | None = None,
        lost: np.ndarray | None = None,
    ) -> None:
        """Take in the next frame of every game, or of those where `rows` `[B]` is true.

        Args:
            frames: `[B, H, W, 3]` uint8.
            actions: `[B]` the actions that led to these frames, ignored for episodes that just began; None if all
                episodes did.
            rows: the games that have a new frame; all by default.
            lost: `[B]` bool, the games in which a life was lost with this frame; by default none.

        Raises:
            FloatingPointError: if the model's densities are not finite: presences drawn from them mean nothing.
        """
        chosen = np.arange(self.number) if rows is None else np.flatnonzero(rows)
        seen = Frame.cat([self.preprocessors[i](frames[i]) for i in chosen])
        taken = np.zeros(self.number, np.int64) if actions is None else np.where(self._fresh, 0, actions)
        state, device = self.scenes.state, seen.foreground.device
        if rows is not None:
            state = state.select(torch.from_numpy(chosen).to(device))
        action = torch.from_numpy(taken[chosen]).to(device) if self.model.config.actions else None
        losses = None if lost is None else torch.from_numpy(lost[chosen]).to(device)
        self.scenes.advance(self.model.filter(state, seen, action, lost=losses, checked=True), rows)
        self._fresh[chosen] = False

    def state_dict(self) -> dict[str, Any]:
        """The filtered state of the games, in tensors on the CPU; see `Slots` and `RowAssignment`."""
        seen, assignment = self.scenes.state, self.scenes.assignment
        fields = {name: getattr(seen, name) for name in field_names(Slots)} | assignment._asdict()
        return {
            "scenes": {name: x.detach().cpu().clone() for name, x in fields.items()},
            "preprocessors": [p.state_dict() for p in self.preprocessors],
            "fresh": torch.from_numpy(self._fresh.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        device = self.scenes.state.step.device
        fields = {name: x.to(device) for name, x in state["scenes"].items()}
        assignment = RowAssignment(*(fields.pop(name) for name in RowAssignment._fields))
        self.scenes = Scenes(Slots.restore(fields))
        self.scenes.assignment = assignment
        known = state["preprocessors"] if "preprocessors" in state else state["eyes"]  # "eyes" until 0.10.0
        for preprocessor, seen in zip(self.preprocessors, known, strict=True):
            preprocessor.load_state_dict(seen)
        self._fresh = state["fresh"].numpy().copy()

    @property
    def backgrounds(self) -> Tensor:
        """The background of each game, `[B, 3, H, W]` uint8."""
        return torch.from_numpy(np.stack([p.background for p in self.preprocessors])).permute(0, 3, 1, 2).contiguous()


def load_for_game(folder: str | Path, device: str | torch.device = "cpu") -> WorldModel:
    """Load the model of a game; see `sqair_wm.load`.

    Raises:
        TypeError: if `folder` is not a path: Gymnasium has to be able to rebuild an environment from plain settings.
        ValueError: if the model was not trained on a game, or its weights are not finite.
    """
    if not isinstance(folder, (str, Path)):
        raise TypeError(f"model has to be the folder of a saved model, got {type(folder).__name__}: save it first")
    model = load(folder, device)
    if model.source is None:
        raise ValueError(f"the model in {folder} was not trained on a game, so there is no game to follow with it")
    if broken := broken_weights(model):
        raise ValueError(f"the model in {folder} has weights that are not finite ({broken[0]}, ...): train it again")
    return model
