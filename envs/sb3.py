"""Gymnasium vector environments as stable-baselines3 takes them: imagined games, real games as objects, any others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from .imagination import ImaginationVectorEnv

try:
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import is_wrapped
    from stable_baselines3.common.vec_env import VecEnv
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn
except ImportError as error:
    raise ImportError("sqair_wm.envs.sb3 needs stable-baselines3: pip install 'sqair-wm[agents]'") from error

SINGLE = {"observation_space": "single_observation_space", "action_space": "single_action_space"}


class GymVectorToSB3(VecEnv):
    """A `gymnasium.vector.VectorEnv` as a stable-baselines3 `VecEnv`.

    Args:
        vector: the environments; they restart a finished row within the same step (`AutoresetMode.SAME_STEP`).

    Raises:
        ValueError: if `vector` has another autoreset mode.
    """

    def __init__(self, vector: VectorEnv):
        mode = vector.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                f"stable-baselines3 needs environments that restart within the step: make {vector} with "
                f"autoreset_mode=AutoresetMode.SAME_STEP instead of {mode}"
            )
        self.vector, self.render_mode = vector, vector.render_mode
        self._actions = np.zeros(0)
        super().__init__(vector.num_envs, vector.single_observation_space, vector.single_action_space)

    def reset(self) -> VecEnvObs:
        """Start all rows, with the seeds and options set before; infos go to `reset_infos`.

        Raises:
            ValueError: if rows were given different options.
        """
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        if any(options != self._options[0] for options in self._options):
            raise ValueError("a vector environment takes the same options for all rows: pass a dict to set_options")
        observation, infos = self.vector.reset(seed=seeds, options=self._options[0] or None)  # type: ignore[arg-type]
        self.reset_infos = split(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return _copy(observation)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep `actions` for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step.

        A row that ended shows the first observation of its next episode; the last one of the old episode is
        `terminal_observation` in its info.
        """
        observation, rewards, terminated, truncated, infos = self.vector.step(self._actions)
        ended, last, final = terminated | truncated, infos.pop("final_obs", None), infos.pop("final_info", {})
        infos.pop("_final_obs", None)
        infos.pop("_final_info", None)
        rows = split(infos, self.num_envs)
        if ended.any():
            endings = split(final, self.num_envs)
            for i in np.flatnonzero(ended).tolist():
                self.reset_infos[i], rows[i] = rows[i], endings[i]
                rows[i]["terminal_observation"] = _copy(last[i])
        for i, info in enumerate(rows):
            info["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return _copy(observation), np.array(rewards, np.float32), ended.copy(), rows

    def close(self) -> None:
        """Close all rows."""
        self.vector.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture of every row."""
        pictures = self.vector.render()
        return [None] * self.num_envs if pictures is None else list(pictures)  # type: ignore[arg-type]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the vector environment, the same for all rows, or else of every row's own environment.

        Raises:
            AttributeError: if neither has it.
        """
        name, chosen = SINGLE.get(attr_name, attr_name), list(self._get_indices(indices))
        owner = self._owner(name)
        if owner is not None:
            return [getattr(owner, name)] * len(chosen)
        base = self.vector.unwrapped
        if not hasattr(base, "get_attr"):
            raise AttributeError(f"{self.vector} has no attribute {attr_name!r}")
        values = base.get_attr(name)
        return [values[i] for i in chosen]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute where `get_attr` finds it.

        Raises:
            AttributeError: if neither has it.
            ValueError: if it belongs to all rows and only some are named.
        """
        owner = self._owner(attr_name)
        if owner is None:
            for env in self._envs(attr_name, indices):
                env.set_wrapper_attr(attr_name, value)
            return
        self._all(attr_name, indices)
        setattr(owner, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method: of the vector environment once for all rows, or else of every row's own environment.

        Raises:
            AttributeError: if neither has it.
            ValueError: if it belongs to all rows and only some are named.
        """
        owner = self._owner(method_name)
        if owner is None:
            envs = self._envs(method_name, indices)
            return [env.get_wrapper_attr(method_name)(*method_args, **method_kwargs) for env in envs]
        self._all(method_name, indices)
        return [getattr(owner, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Whether each row's own environment has that wrapper; rows of a batch have none."""
        envs = getattr(self.vector.unwrapped, "envs", None)
        return [envs is not None and is_wrapped(envs[i], wrapper_class) for i in self._get_indices(indices)]

    def _owner(self, name: str) -> VectorEnv | None:
        """The outermost of the vector environment and its wrappers that has the attribute."""
        layer: VectorEnv | None = self.vector
        while layer is not None and not hasattr(layer, name):
            layer = getattr(layer, "env", None)
        return layer

    def _envs(self, name: str, indices: VecEnvIndices) -> list[gym.Env]:
        envs = getattr(self.vector.unwrapped, "envs", None)
        if envs is None:
            raise AttributeError(
                f"{self.vector} has no attribute {name!r}, and its rows are not separate environments in this process"
            )
        return [envs[i] for i in self._get_indices(indices)]

    def _all(self, name: str, indices: VecEnvIndices) -> None:
        if len(set(self._get_indices(indices))) < self.num_envs:
            raise ValueError(f"{name} belongs to all rows at once: leave indices out")


class ImaginationVecEnv(GymVectorToSB3):
    """Many imagined games for stable-baselines3; see `ImaginationVectorEnv` and `Rules`.

    Truncated rows are slow: PPO and A2C ask for the value of each one's last observation by itself. Training on
    imagination alone is faster with `horizon` greater than `n_steps`, and `RestartEachRollout`.

    Args:
        model: folder of the saved model.
        num_envs: number of rows.
        render_mode: None or `rgb_array`.
        rules: see `Rules`.

    Raises:
        FileNotFoundError: if there is no model in the folder.
        ValueError: if the model or a setting cannot be used; the message says why.
    """

    vector: ImaginationVectorEnv

    def __init__(self, model: str | Path, num_envs: int, *, render_mode: str | None = None, **rules: Any):
        mode = AutoresetMode.SAME_STEP
        super().__init__(ImaginationVectorEnv(model, num_envs, render_mode=render_mode, autoreset_mode=mode, **rules))


class RestartEachRollout(BaseCallback):
    """Begins every rollout of an on-policy algorithm at new start states, so that `n_steps` is the imagined horizon.

    Rows that reach the end of the rollout are then valued in one batch. A `VecMonitor` sees no episode end there.
    """

    def _on_rollout_start(self) -> None:
        environment = self.model.get_env()
        assert environment is not None
        self.model._last_obs = environment.reset()  # type: ignore[assignment]
        self.model._last_episode_starts = np.ones(environment.num_envs, bool)

    def _on_step(self) -> bool:
        return True


def as_sb3(vector: VectorEnv) -> GymVectorToSB3:
    """Wrap any Gymnasium `VectorEnv` with `AutoresetMode.SAME_STEP` as a stable-baselines3 `VecEnv`.

    Raises:
        TypeError: if `vector` is a single environment.
        ValueError: see `GymVectorToSB3`.
    """
    if not isinstance(vector, VectorEnv):
        raise TypeError(
            f"as_sb3 takes a vector of environments, and this is {vector}: make many with gym.make_vec(...), or give "
            "a single one to stable-baselines3 as it is"
        )
    return GymVectorToSB3(vector)


def split(infos: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Infos of a vector environment as one dict for each row; keys without a mask belong to all rows."""
    rows: list[dict[str, Any]] = [{} for _ in range(number)]
    for name, values in infos.items():
        if name.startswith("_") and name[1:] in infos:
            continue
        parts = split(values, number) if isinstance(values, dict) else values
        for i in np.flatnonzero(infos.get(f"_{name}", np.ones(number, bool))):
            rows[i][name] = parts[i]
    return rows


def _copy(observation: Any) -> Any:
    if isinstance(observation, dict):
        return {name: np.array(x) for name, x in observation.items()}
    return np.array(observation)
