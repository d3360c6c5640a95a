"""Descriptions of models that older versions wrote."""

from __future__ import annotations

from typing import Any

BEFORE: dict[str, Any] = {
    "pairs": "place",
    "changing": False,
    "behind": False,
    "births": False,
    "at_once": 1,
    "clock": False,
    "timing": False,
    "imagined_heads": False,
    "recognition": False,
    "lasting": False,
    "leaving": False,
    "inertia": "free",
    "patience_when_full": 100_000,
}
"""How models behave whose description, written by an older version, lacks a setting."""


def upgrade(data: dict[str, Any]) -> dict[str, Any]:
    """A description of a model as this version writes it.

    Before 0.2.0, `encoder` chose the decoder too, `decoder` was its width, `inference` chose the discovery prior.
    Before 0.3.0, pairs of objects were described without contact, and in imagination the background stayed and new
    objects were drawn from the discovery prior; nothing was told the time. Before 0.4.0, what left stayed on in
    imagination for a while, and velocities were not kept. Before 0.12.0, objects were not recognised by their colour,
    and the model was not told of lost lives. Before 0.16.0, the same heads judged observed and imagined steps. Before
    0.20.0, the background behind an object was what had been seen there last. Before 0.21.0, nothing new was found as
    long as all slots were taken by objects that had been seen lately. Before 0.22.0, at most one new object appeared in
    an imagined step.
    """
    data = BEFORE | data
    if isinstance(data.get("decoder"), int):
        data["decoder_width"] = data["decoder"]
        data["decoder"] = "conv" if data.get("encoder") == "conv" else "mlp"
    if "discovery_prior" not in data and "inference" in data:
        data["discovery_prior"] = discovery_prior_of(data["inference"])
    return data


def discovery_prior_of(inference: str) -> str:
    """The discovery prior that an inference network is used with unless another one is asked for."""
    return "measured" if inference in ("guided", "guided_discovery") else "paper"
