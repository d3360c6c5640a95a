"""Lives of a running game, from the `info` of its environment."""

from __future__ import annotations

from typing import Any


class Lives:
    """Tells when a life is lost; a game that does not count lives never loses one.

    Attributes:
        left: lives that are left.
    """

    def __init__(self) -> None:
        self.left = 0

    def begin(self, info: dict[str, Any]) -> None:
        """An episode began, with the `info` of `reset`."""
        self.left = info.get("lives", 0)

    def lost(self, info: dict[str, Any]) -> bool:
        """Whether a life was lost with the step that returned `info`."""
        before, self.left = self.left, info.get("lives", 0)
        return bool(self.left < before)
