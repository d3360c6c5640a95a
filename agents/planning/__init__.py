"""Planners: they choose actions by imagining, with `world.step` alone, and have the `predict` of stable-baselines3."""
