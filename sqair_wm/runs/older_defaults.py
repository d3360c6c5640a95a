"""Defaults of older versions, for runs whose configuration lacks a setting or has the default of then."""

from __future__ import annotations

from typing import Any

BEFORE_020: dict[str, Any] = {
    "model.what": 50,
    "model.glimpse": [20, 20],
    "model.hidden": 256,
    "model.output_std": "auto",
    "model.least_std": [0.01, 0.01],
    "model.size": "free",
    "model.conditional_discovery": True,
    "training.particles": 5,
}
"""Values of settings that runs of 0.1.0 and before lack, where the code then did not do what is the default now.

When you add a setting whose default changes what a run does, add what the code did before to a table like this one.
"""

BEFORE_030: dict[str, Any] = {
    "model.pairs": "place",
    "model.changing": False,
    "model.births": False,
    "model.clock": False,
    "model.smooth": False,
    "model.speck": 0.2,
    "imagination.eventful": 0.0,
    "imagination.rounds": [],
    "imagination.iterations": 1000,
    "imagination.minutes": 7.0,
    "imagination.batch": 32,
    "imagination.steps": [[0, 2], [150, 5], [350, 10], [700, 16]],
}
"""The same of 0.2.0 and before."""

BEFORE_040: dict[str, Any] = {
    "model.lasting": False,
    "model.inertia": "free",
    "imagination.astray": 0.0,
    "imagination.dreamt": 0.1,
    "imagination.minutes": 8.0,
}
"""The same of 0.3.0 and before."""

BEFORE_050: dict[str, Any] = {"imagination.objects": 0}
"""The same of 0.4.0 and before."""

BEFORE_070: dict[str, Any] = {"model.pairs": "contact", "imagination.intent": 0.0}
"""The same of 0.6.0 and before."""

BEFORE_090: dict[str, Any] = {"model.pairs": "intent"}
"""The same of 0.8.0 and before."""

BEFORE_0100: dict[str, Any] = {
    "model.inertia": "kept",
    "imagination.brief": 0,
    "imagination.context": 8,
    "imagination.iterations": 1600,
    "imagination.rounds": [[700, 4000], [1100, 4000]],
    "imagination.steps": [[0, 2], [150, 5], [400, 10], [800, 16]],
}
"""The same of 0.9.0 and before."""

BEFORE_0110: dict[str, Any] = {"model.changing": True}
"""The same of 0.10.0 and before."""

BEFORE_0120: dict[str, Any] = {"model.timing": False, "model.recognition": False}
"""The same of 0.11.0 and before."""

BEFORE_0140: dict[str, Any] = {"model.leaving": False}
"""The same of 0.13.0 and before."""

BEFORE_0160: dict[str, Any] = {"model.imagined_heads": False, "imagination.weight_decay": 0.0}
"""The same of 0.15.0 and before."""

BEFORE_0190: dict[str, Any] = {"imagination.muon": 0.0}
"""The same of 0.18.0 and before."""

BEFORE_0200: dict[str, Any] = {"model.behind": False}
"""The same of 0.19.0 and before."""

BEFORE_0210: dict[str, Any] = {
    "model.patience_when_full": 100_000,
    "imagination.remember": 0,
    "imagination.context": 4,
}
"""The same of 0.20.0 and before."""

BEFORE_0220: dict[str, Any] = {"model.at_once": 1}
"""The same of 0.21.0 and before."""

DEFAULTS_BEFORE = {
    (0, 4, 0): BEFORE_040,
    (0, 5, 0): BEFORE_050,
    (0, 7, 0): BEFORE_070,
    (0, 9, 0): BEFORE_090,
    (0, 10, 0): BEFORE_0100,
    (0, 11, 0): BEFORE_0110,
    (0, 12, 0): BEFORE_0120,
    (0, 14, 0): BEFORE_0140,
    (0, 16, 0): BEFORE_0160,
    (0, 19, 0): BEFORE_0190,
    (0, 20, 0): BEFORE_0200,
    (0, 21, 0): BEFORE_0210,
    (0, 22, 0): BEFORE_0220,
}
"""The defaults before each version, from 0.4.0 on, for settings that a run lacks."""
