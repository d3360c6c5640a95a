"""The optimiser of imagination: Muon for the layers of its networks, and AdamW for all other parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LEAST = 8
"""Least height and width of a layer's weights for Muon; smaller matrices are tables, such as those of actions."""


class MuonAdamW(torch.optim.Optimizer):
    """One optimiser made of two: Muon (Jordan et al. 2024) for the layers of some groups, and AdamW for the rest.

    Muon gives all singular values of an update about the same size, so that a layer also learns in directions in which
    its gradients are small. The root mean square of its updates is that of AdamW (Liu et al. 2025, "Muon is Scalable
    for LLM Training"), times `muon`; weights decay as with AdamW.

    Args:
        groups: of parameters, as for AdamW. Those with a true value of `layers` give their matrices to Muon. The
            training loop multiplies the learning rate of each group by its `factor`, if it has one.
        learning_rate: of the groups without a factor.
        muon: factor on the learning rate for Muon; 0 to leave all parameters to AdamW.
    """

    def __init__(self, groups: list[dict[str, Any]], learning_rate: float, muon: float):
        layers: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for group in groups:
            options = {name: x for name, x in group.items() if name not in ("params", "layers")}
            chosen = [w for w in group["params"] if muon and group.get("layers") and is_layer(w)]
            known = {id(w) for w in chosen}
            others.append(options | {"params": [w for w in group["params"] if id(w) not in known]})
            if chosen:
                factor, decay = muon * options.get("factor", 1.0), options.get("weight_decay", 0.0) / muon
                layers.append(options | {"params": chosen, "factor": factor, "weight_decay": decay})
        others = [group for group in others if group["params"]]
        self._parts: list[torch.optim.Optimizer] = []
        if layers:
            own = torch.optim.Muon(layers, learning_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
            self._parts.append(own)
        if others:
            self._parts.append(torch.optim.AdamW(others, learning_rate, weight_decay=0.0, fused=True))
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Let both optimisers work on the groups and the state of this one."""
        first = 0
        for part in self._parts:
            last = first + len(part.param_groups)
            part.state, part.param_groups = self.state, self.param_groups[first:last]
            first = last

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of both; see `torch.optim.Optimizer.step`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self._parts:
            part.step()
        return loss


def is_layer(weight: Tensor) -> bool:
    """Whether Muon may train a parameter: a matrix with at least `LEAST` rows and columns."""
    return weight.dim() == 2 and min(weight.shape) >= LEAST
