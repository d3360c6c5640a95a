"""Environments: the objects of the real game, and the model's imagination, for Gymnasium and stable-baselines3."""

from sqair_wm.registration import register_envs

register_envs()
