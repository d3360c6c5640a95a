"""Environments: the real game as the model sees it, its objects, and the model's imagination.

`import envs` registers `sqair_wm/Slots-v0`, `sqair_wm/Imagination-v0` and `sqair_wm/Bouncing-v0` with Gymnasium;
without the import, `gym.make("envs:sqair_wm/Slots-v0", ...)` does both.
"""

import gymnasium as gym

gym.register(
    id="sqair_wm/Slots-v0",
    entry_point="envs.slots:make_slots",
    vector_entry_point="envs.slots_vector:make_slots_vector",
)
gym.register(
    id="sqair_wm/Imagination-v0",
    entry_point="envs.imagination:ImaginationEnv",
    vector_entry_point="envs.imagination:ImaginationVectorEnv",
)
gym.register(id="sqair_wm/Bouncing-v0", entry_point="envs.bouncing:Bouncing")
