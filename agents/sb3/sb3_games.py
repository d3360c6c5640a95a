"""Real games as a vector environment of stable-baselines3, whose state can be saved."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from sqair_wm.model.slots import Slots

from ..playing.games import RealGames
from ..playing.oracle import TruthSight
from .sights import Sight


class SB3Games(VecEnv):
    """Games that begin anew in the step in which they end.

    Args:
        games: the games, not begun yet.
        sight: what is shown of them.
    """

    def __init__(self, games: RealGames, sight: Sight):
        self.games, self.sight, self.render_mode = games, sight, None
        self._actions = np.zeros(games.number, np.int64)
        if isinstance(sight, TruthSight):
            sight.follow(games)
        super().__init__(games.number, sight.space, games.action_space)

    @property
    def slots(self) -> Slots:
        """See `RealGames.slots`."""
        return self.games.slots

    def reset(self) -> VecEnvObs:
        """Begin all games, with the seeds set before, if there are any."""
        seeds = [s for s in self._seeds if s is not None]
        self.games.begin(np.ones(self.num_envs, bool), seeds if len(seeds) == self.num_envs else None)
        self._reset_seeds()
        self._reset_options()
        return self.sight.see(self.games)

    def step_async(self, actions: np.ndarray) -> None:
        """Keep `actions` for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step. What was seen last of a game that ended is `terminal_observation` in its info."""
        tick = self.games.step(self._actions)
        ended, seen = tick.ended | tick.truncated, self.sight.see(self.games)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(ended).tolist():
            infos[i] = {"terminal_observation": _row(seen, i), "TimeLimit.truncated": bool(tick.truncated[i])}
        if ended.any():
            self.games.begin(ended)
            seen = self.sight.see(self.games, ended)
        return seen, tick.reward.astype(np.float32), ended, infos

    def close(self) -> None:
        """Close all games."""
        self.games.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of this environment, which all games share."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of this environment."""
        setattr(self, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Call a method of this environment once."""
        return [getattr(self, method_name)(*args, **kwargs)] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """No game is wrapped on its own."""
        return [False] * len(list(self._get_indices(indices)))

    def state_dict(self) -> dict[str, Any]:
        """The state of the games and of what is shown of them, in tensors and plain data."""
        return {"games": self.games.state_dict(), "sight": self.sight.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, without `reset`."""
        self.games.load_state_dict(state["games"])
        self.sight.load_state_dict(state["sight"])


def _row(seen: Any, i: int) -> Any:
    return {name: x[i] for name, x in seen.items()} if isinstance(seen, dict) else seen[i]
