"""The Gymnasium ids of this project; `import sqair_wm` registers them."""

from __future__ import annotations

import gymnasium as gym


def register_envs() -> None:
    """Register `sqair_wm/Slots-v0`, `sqair_wm/Imagination-v0` and `sqair_wm/Bouncing-v0`, once."""
    if "sqair_wm/Slots-v0" in gym.registry:
        return
    gym.register(
        id="sqair_wm/Slots-v0",
        entry_point="sqair_wm.envs.slots:make_slots",
        vector_entry_point="sqair_wm.envs.slots_vector:make_slots_vector",
    )
    gym.register(
        id="sqair_wm/Imagination-v0",
        entry_point="sqair_wm.envs.imagination:ImaginationEnv",
        vector_entry_point="sqair_wm.envs.imagination:ImaginationVectorEnv",
    )
    gym.register(id="sqair_wm/Bouncing-v0", entry_point="sqair_wm.games.bouncing:Bouncing")
