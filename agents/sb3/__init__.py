"""Agents of stable-baselines3 that learn in the real game: references, and those that imagine beside it."""
