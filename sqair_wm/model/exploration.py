"""Perturbations of inference in early training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Exploration:
    """How early training perturbs inference so that it tries more than it would choose.

    Attributes:
        presence_margin: discovery probabilities in the first frame are kept in [margin, 1 - margin].
        may_discover: `[B]` bool, whether a scene may discover after its first frame; None means all may.
        may_leave: `[B]` bool, whether tracked objects of a scene may vanish; None means all may. Until they
            may, a hidden or blinking object can only be explained by its appearance, and learns to keep its identity.
        duplicates: guided discovery may accept an object of which other objects explain all that is seen. Training
            allows it, because a refused proposal teaches nothing.
    """

    presence_margin: float = 0.0
    may_discover: Tensor | None = None
    may_leave: Tensor | None = None
    duplicates: bool = False
