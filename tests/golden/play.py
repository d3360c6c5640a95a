"""What the committed models see and imagine: `python -m tests.golden.play GAME ...` prints it as JSON."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch

import sqair_wm  # noqa: F401 (registers the environments)

MODELS = Path(__file__).parents[2] / "pretrained"
STEPS, ROWS, HORIZON = 40, 4, 12


def digest(values: list[np.ndarray]) -> str:
    """A fingerprint of arrays, to the bit."""
    code = hashlib.sha256()
    for value in values:
        code.update(np.ascontiguousarray(value).tobytes())
    return code.hexdigest()[:16]


def observed(game: str) -> dict[str, Any]:
    """The objects of `STEPS` steps of the real game under fixed actions."""
    env = gym.make("sqair_wm/Slots-v0", model=str(MODELS / game))
    seen, info = env.reset(seed=3)
    actions = np.random.default_rng(3).integers(env.action_space.n, size=STEPS)  # type: ignore[attr-defined]
    rows, boxes = [seen], [info["boxes"]]
    for action in actions.repeat(3)[:STEPS]:
        seen, _, terminated, truncated, info = env.step(int(action))
        rows.append(seen)
        boxes.append(info["boxes"])
        assert not (terminated or truncated)
    env.close()
    return {"observed": digest(rows), "observed_sum": [float(np.abs(r).sum()) for r in rows[::10]]}


def imagined(game: str) -> dict[str, Any]:
    """`HORIZON` sampled steps of `ROWS` scenes of imagination, with rewards, endings and uncertainty."""
    env = gym.make_vec(
        "sqair_wm/Imagination-v0", num_envs=ROWS, model=str(MODELS / game), start_states=8, horizon=HORIZON + 1
    )
    seen, _ = env.reset(seed=5)
    actions = np.random.default_rng(5).integers(env.single_action_space.n, size=(HORIZON, ROWS))  # type: ignore[attr-defined]
    values, rewards = [seen], []
    for action in actions:
        seen, reward, terminated, truncated, infos = env.step(action)
        values += [seen, reward, terminated, truncated, infos["uncertainty"], infos["identities"]]
        rewards.append(float(np.abs(reward).sum()))
    env.close()
    return {"imagined": digest(values), "imagined_sum": float(np.abs(values[0]).sum()), "rewards": rewards}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({game: observed(game) | imagined(game) for game in sys.argv[1:]}))
