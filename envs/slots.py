"""The slot observation wrapper: observations are the objects of the real game instead of its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.utils import EzPickle, RecordConstructorArgs

from sqair_wm.common.figures import identity_color
from sqair_wm.games.lives import Lives
from sqair_wm.games.names import BOUNCING, find_game, games, name_of
from sqair_wm.model.slots import Slots
from sqair_wm.world.scenes import Tracker, load_for_game
from sqair_wm.world.world_model import WorldModel

from .actions import checked
from .layout import Layout, Observation, row

Info = dict[str, Any]
START = np.ones(1, bool)
COPIED = "the game begins anew in a copy of its environment: call reset() before step()"
FRAME_SETTINGS = {"crop": "raw rows", "pool": "a maximum over raw frames:", "frame_skip": "raw frames an action:"}
"""Settings of `AtariFrames` that change the frames, and their names in error messages."""


class SlotObservation(RecordConstructorArgs, gym.Wrapper):
    """Observations are the objects that the model finds in a game; each keeps its row as long as it lives.

    The observation is laid out as `Layout` says. `info` gains `identities` `[N]` and `boxes` `[N, 4]` (top, left,
    height, width; pixels of the frame), which replace infos of the game with these names. Boxes enclose what the model
    draws of each object, and `render` shows the same ones. The wrapper is deterministic: the same frames and actions
    give the same observations. A planner finds the state to plan from in `env.get_wrapper_attr("slots")`, a batch of
    one scene.

    Args:
        env: the game as the model was trained on it; `WorldModel.make_env` makes it.
        model: folder of the saved model.
        form: `array`, `flat` or `dict`; see `Layout`.
        units: `normalised` or `pixels`.
        around: whether rows also hold the background around each object, see `Around`.
        device: where the model runs.
        draw: whether `render` draws the boxes into the game's picture.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged, or was trained on another game or on other frames.
    """

    def __init__(
        self,
        env: gym.Env,
        model: str | Path,
        *,
        form: str = "array",
        units: str = "normalised",
        around: bool = False,
        device: str = "cpu",
        draw: bool = False,
    ):
        options: Info = {"form": form, "units": units, "around": around, "device": device, "draw": draw}
        RecordConstructorArgs.__init__(self, model=str(model), **options)
        gym.Wrapper.__init__(self, env)
        self.model = load_for_game(model, device)
        check_fits(self.model, env.observation_space, env.action_space, env.unwrapped.spec, _frame_settings(env))
        self.layout, self.draw = Layout.for_agents(self.model, around, form, units), draw
        self.observation_space = self.layout.space
        self._tracker, self._lives = Tracker(self.model, 1), Lives()
        self._who: Info = {"boxes": np.zeros((0, 4), np.float32), "identities": np.zeros(0, np.int64)}
        self._copied = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy. If its game begins anew, the scene does not belong to its frames until `reset` is called."""
        self.__dict__.update(state)
        self._copied = begins_anew(self.env)

    @property
    def slots(self) -> Slots:
        """The scene after the last frame, rows as in the observation; the state that `model.step` goes on from."""
        return self._tracker.scenes.slots

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Start an episode of the game, with an empty scene and the background of the start."""
        frame, info = self.env.reset(seed=seed, options=options)
        self._copied = False
        self._tracker.begin(START)
        self._lives.begin(info)
        return self._see(frame, None, info)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, Info]:
        """Take `action` in the game, and filter the frame it led to.

        Raises:
            ValueError: if the game has no such action; nothing is played then.
            ResetNeeded: if this is a copy of an environment, and its game can't be copied.
        """
        if self._copied:
            raise ResetNeeded(COPIED)
        taken = checked(np.asarray(action)[None], 1, int(self.action_space.n))  # type: ignore[attr-defined]
        frame, reward, terminated, truncated, info = self.env.step(action)
        observation, info = self._see(frame, taken, info)
        return observation, float(reward), terminated, truncated, info

    def render(self) -> Any:
        """The game's own picture, with the boxes if `draw` is set."""
        picture = self.env.render()
        if not self.draw or not isinstance(picture, np.ndarray):
            return picture
        return self._draw(picture.copy())

    def _see(self, frame: np.ndarray, taken: np.ndarray | None, info: Info) -> tuple[Observation, Info]:
        self._tracker.see(frame[None], taken, lost=np.array([self._lives.lost(info)]))
        seen = self._tracker.scenes
        self._who = row(self.layout.info(seen.state, seen.assignment, self.model), 0)
        return row(self.layout.observe(seen.state, seen.assignment), 0), info | self._who

    def _draw(self, picture: np.ndarray) -> np.ndarray:
        """Boxes of the frame in the picture it was cut from."""
        first, last = self.get_wrapper_attr("crop") if self.has_wrapper_attr("crop") else (0, picture.shape[0])
        height, width = self.model.config.frame_size
        scale = np.array([(last - first) / height, picture.shape[1] / width])
        for box, identity in zip(self._who["boxes"], self._who["identities"], strict=True):
            if identity >= 0:
                start = box[:2] * scale + (first, 0)
                corners = np.stack([start, start + box[2:] * scale])[:, ::-1].round().astype(int).tolist()
                cv2.rectangle(picture, corners[0], corners[1], identity_color(int(identity)), 1)
        return picture


def make_slots(
    model: str | Path,
    *,
    form: str = "array",
    units: str = "normalised",
    around: bool = False,
    device: str = "cpu",
    draw: bool = False,
    **game: Any,
) -> gym.Env:
    """The game of a saved model with its objects as observations; `gym.make("sqair_wm/Slots-v0", model=...)` calls it.

    Args:
        model: folder of the saved model.
        form: see `SlotObservation`; units, around, device and draw too.
        units: of position and velocity.
        around: whether rows also show the background.
        device: where the model runs.
        draw: whether `render` draws boxes.
        game: passed on to `WorldModel.make_env`, such as `render_mode`.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged or not of a game, or a setting is not one that it was trained with.
    """
    env = load_for_game(model).make_env(**game)
    return SlotObservation(env, model, form=form, units=units, around=around, device=device, draw=draw)


def begins_anew(env: gym.Env) -> bool:
    """Whether a copy of a game begins anew instead of going on, as that of an Atari game does."""
    return isinstance(env.unwrapped, EzPickle)


def check_fits(
    model: WorldModel, frames: gym.Space, actions: gym.Space, spec: EnvSpec | None, shown_as: dict[str, Any]
) -> None:
    """Raise ValueError if a game's frames, actions or name are not those that the model was trained on.

    What is not known is not checked.

    Args:
        model: of a game.
        frames: space of the frames that the game shows.
        actions: space of the actions that it takes.
        spec: of the game; None if it is not known.
        shown_as: `crop`, `pool` and `frame_skip` of `AtariFrames`; empty if they are not known.
    """
    source, config = model.source, model.config
    assert source is not None
    shape, advice = (*config.frame_size, 3), "model.make_env() makes the game as the model was trained on it"
    known = find_game(source.game)
    if spec is not None:
        name = name_of(spec)
        # An id that is not known may belong to an Atari game.
        hidden = known.atari and name not in [*games(), BOUNCING]
        if not hidden and name != known.name.rpartition(":")[2]:
            raise ValueError(f"the model was trained on {source.game}, the game is {name}: {advice}")
    if frames.shape != shape or frames.dtype != np.uint8:
        raise ValueError(f"the model takes frames {shape} uint8, not {frames.shape} {frames.dtype}: {advice}")
    if config.actions and getattr(actions, "n", None) != config.actions:
        raise ValueError(f"the model knows {config.actions} actions, the game takes {actions}: {advice}")
    if shown_as and known.atari:
        for name, what in FRAME_SETTINGS.items():
            wanted, shown = source.settings[name], shown_as[name]
            if shown != wanted:
                raise ValueError(f"the model was trained on {what} {wanted}, the game shows {shown}: {advice}")


def _frame_settings(env: gym.Env) -> dict[str, Any]:
    """The settings of the `AtariFrames` around a game, see `check_fits`."""
    known = all(env.has_wrapper_attr(name) for name in FRAME_SETTINGS)
    return {name: env.get_wrapper_attr(name) for name in FRAME_SETTINGS} if known else {}
