"""Planners: they imagine what actions bring, on `world.step` alone, and have stable-baselines3's `predict`."""
