"""The slot observation wrapper for many games at once: one call of the model for each step of all games."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ResetNeeded
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from torch import Tensor

from sqair_wm.games.atari import AtariFrames
from sqair_wm.model.slots import Slots
from sqair_wm.world.scenes import Tracker, load_for_game

from .actions import checked
from .layout import Layout, Observation, row
from .slots import COPIED, begins_anew, check_fits

Info = dict[str, Any]
Step = tuple[Observation, np.ndarray, np.ndarray, np.ndarray, Info]


class SlotVectorObservation(VectorWrapper):
    """`SlotObservation` for a vector of games, in any of the three autoreset modes.

    Args:
        env: games as the model was trained on them, such as `SyncVectorEnv([model.make_env] * 8)`.
        model: folder of the saved model.
        form: see `SlotObservation`; units, around and device too.
        units: of position and velocity.
        around: whether rows also show the background.
        device: where the model runs.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged, was trained on another game or on other frames, or if the
            metadata of `env` do not name an `AutoresetMode`.
    """

    def __init__(
        self,
        env: VectorEnv,
        model: str | Path,
        *,
        form: str = "array",
        units: str = "normalised",
        around: bool = False,
        device: str = "cpu",
    ):
        super().__init__(env)
        self.model = load_for_game(model, device)
        spec = env.get_attr("spec")[0] if hasattr(env, "get_attr") else env.spec
        check_fits(self.model, env.single_observation_space, env.single_action_space, spec, _frame_settings(spec))
        mode = env.metadata.get("autoreset_mode")
        if not isinstance(mode, AutoresetMode):
            raise ValueError(f"metadata['autoreset_mode'] of {env} has to be an AutoresetMode, not {mode!r}")
        self.autoreset_mode, self.layout = mode, Layout.for_agents(self.model, around, form, units)
        self.single_observation_space = self.layout.space
        self.observation_space = batch_space(self.layout.space, env.num_envs)
        self._tracker = Tracker(self.model, env.num_envs)
        self._ended, self._lives = np.zeros(env.num_envs, bool), np.zeros(env.num_envs, np.int64)
        self._copied = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        """See `SlotObservation.__setstate__`."""
        self.__dict__.update(state)
        self._copied = any(map(begins_anew, getattr(self.env, "envs", ())))

    @property
    def slots(self) -> Slots:
        """The scenes after the last frames, rows as in the observation."""
        return self._tracker.scenes.slots

    @property
    def backgrounds(self) -> Tensor:
        """What is behind the objects of each game, `[B, 3, H, W]` uint8."""
        return self._tracker.backgrounds

    def reset(self, *, seed: Any = None, options: Info | None = None) -> tuple[Observation, Info]:
        """Start episodes of all games, or of those in `options["reset_mask"]`; the others stay as they are."""
        rows = (options or {}).get("reset_mask", np.ones(self.num_envs, bool))
        frames, infos = self.env.reset(seed=seed, options=options)
        self._copied &= not rows.all()
        self._tracker.begin(rows)
        self._tracker.see(frames, None, None if rows.all() else rows)
        self._count(infos)
        self._ended &= ~rows
        return self._show(infos)

    def step(self, actions: np.ndarray) -> Step:
        """Play one step of every game.

        Raises:
            ValueError: if a game has no such action; no game is played then.
            ResetNeeded: if this is a copy of an environment, and its games can't be copied.
        """
        if self._copied:
            raise ResetNeeded(COPIED)
        actions = checked(actions, self.num_envs, int(self.single_action_space.n))  # type: ignore[attr-defined]
        frames, rewards, terminated, truncated, infos = self.env.step(actions)
        ended = terminated | truncated
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._tracker.begin(self._ended)
        if self.autoreset_mode is AutoresetMode.SAME_STEP and ended.any():
            self._finish(frames, actions, ended, infos)
        else:
            self._tracker.see(frames, actions, lost=self._count(infos))
        self._ended = ended
        observation, infos = self._show(infos)
        return observation, rewards, terminated, truncated, infos

    def _finish(self, frames: np.ndarray, actions: np.ndarray, ended: np.ndarray, infos: Info) -> None:
        """Filter the last frames of the episodes that ended, then the first ones of the next."""
        last = frames.copy()
        for i in np.flatnonzero(ended):
            last[i] = infos["final_obs"][i]
        self._tracker.see(last, actions, lost=self._count(infos))
        final, who = self._see()
        infos["final_obs"], infos["_final_obs"] = final_observations(final, ended), ended.copy()
        infos["final_info"] = {**infos.get("final_info", {}), **with_masks(who, ended)}
        infos["_final_info"] = ended.copy()
        self._tracker.begin(ended)
        self._tracker.see(frames, None, ended)

    def _count(self, infos: Info) -> np.ndarray:
        """In which games a life was lost, `[B]` bool. Games that began anew have no fewer lives than before."""
        before, known = self._lives, infos.get("_lives", np.ones(self.num_envs, bool))
        self._lives = np.where(known, infos.get("lives", before), before)
        return np.asarray(self._lives < before)

    def _show(self, infos: Info) -> tuple[Observation, Info]:
        observation, who = self._see()
        return observation, {**infos, **with_masks(who, np.ones(self.num_envs, bool))}

    def _see(self) -> tuple[Observation, dict[str, np.ndarray]]:
        seen = self._tracker.scenes
        return self.layout.observe(seen.state, seen.assignment), self.layout.info(
            seen.state, seen.assignment, self.model
        )


def _frame_settings(spec: EnvSpec | None) -> dict[str, Any]:
    """The settings of the `AtariFrames` around a game, read from its spec; see `check_fits`."""
    wrappers = [w.kwargs for w in spec.additional_wrappers if w.name == AtariFrames.class_name()] if spec else []
    if not wrappers:
        return {}
    shown_as = wrappers[-1] or {}
    return {"crop": tuple(shown_as["crop"]), "pool": shown_as["pool"], "frame_skip": shown_as["frame_skip"]}


def with_masks(infos: dict[str, np.ndarray], rows: np.ndarray) -> Info:
    """Infos as Gymnasium vector environments give them: each with a mask of the rows that it is for."""
    return infos | {f"_{name}": rows.copy() for name in infos}


def final_observations(batch: Observation, ended: np.ndarray) -> np.ndarray:
    """`[B]` objects: the observation of each scene that ended, None elsewhere."""
    final = np.full(len(ended), None, dtype=object)
    for i in np.flatnonzero(ended).tolist():
        final[i] = row(batch, i)
    return final


def make_slots_vector(
    model: str | Path,
    num_envs: int = 1,
    *,
    form: str = "array",
    units: str = "normalised",
    around: bool = False,
    device: str = "cpu",
    autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    processes: bool = False,
    max_episode_steps: int | None = None,
    **game: Any,
) -> SlotVectorObservation:
    """Several games of a saved model; what `gym.make_vec("sqair_wm/Slots-v0", num_envs=8, model=...)` calls.

    Args:
        model: folder of the saved model.
        num_envs: number of games.
        form: see `SlotObservation`; units, around and device too.
        units: of position and velocity.
        around: whether rows also show the background.
        device: where the model runs.
        autoreset_mode: when the next episode starts: `NextStep`, `SameStep` (what stable-baselines3 needs), `Disabled`.
        processes: run every game in a process of its own; the model stays in this one.
        max_episode_steps: truncate episodes after so many steps.
        game: passed on to `WorldModel.make_env`.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model is damaged or not of a game, or a setting is not one that it was trained with.
    """
    mode, source = AutoresetMode(autoreset_mode), load_for_game(model)

    def make() -> gym.Env:
        env = source.make_env(**game)
        return env if max_episode_steps is None else gym.wrappers.TimeLimit(env, max_episode_steps)

    games = [make] * num_envs
    if processes:
        env: VectorEnv = AsyncVectorEnv(games, autoreset_mode=mode)
    else:
        env = SyncVectorEnv(games, autoreset_mode=mode)
    return SlotVectorObservation(env, model, form=form, units=units, around=around, device=device)
