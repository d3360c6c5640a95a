"""Settings that every kind of data has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqair_wm.common.limits import Limits


@dataclass(frozen=True)
class Shown:
    """What a run's report shows of the held-out data.

    Attributes:
        sequences: how many are measured; those in which most happens are shown.
        frames: of each sequence.
        seen: observed frames before imagination begins (burn-in).
    """

    sequences: int = 16
    frames: int = 20
    seen: int = 4

    LIMITS: ClassVar[Limits] = dict.fromkeys(("sequences", "frames", "seen"), (1, 10_000))


@dataclass(frozen=True)
class DataSettings:
    """Base of the settings of a kind of data.

    Attributes:
        kind: its name in `sqair_wm.evaluation.kinds`.
        name: of runs on the data.
        folder: in which recordings and other prepared data are stored.
        report: what the report shows.
    """

    kind: str = ""
    name: Any = ""
    folder: str = "data"
    report: Shown = field(default_factory=Shown)
