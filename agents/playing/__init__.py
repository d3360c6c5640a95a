"""The real game: played side by side, recorded, and seen as the world model, the truth or pixels show it."""
