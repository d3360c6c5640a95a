"""Environments: the objects of the real game, and the model's imagination, for Gymnasium and stable-baselines3.

The package is `sqair_wm.envs`, in a checkout as when installed. Under the name of its folder it would be loaded a
second time, with classes that are not those of `gym.make`.
"""

if __name__ == "envs":
    raise ImportError("this folder is the package sqair_wm.envs: import it by that name instead of envs")
