"""Saved states of optimisers: whether they fit, and those from before parameters were divided into groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def regrouped(saved: dict[str, Any], optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Any]:
    """The state `saved` of an optimiser, for the groups that `optimizer` has now.

    Before 0.14.0, all parameters of `module` were one group, in their order. States with the same number of groups are
    returned as they are.

    Raises:
        ValueError: if it does not fit, see `fitting`.
    """
    return fitting(_in_groups(saved, optimizer, module), optimizer)


def _in_groups(saved: dict[str, Any], optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Any]:
    groups = optimizer.param_groups
    if len(saved["param_groups"]) != 1 or len(groups) == 1:
        return saved
    (before,), numbers = saved["param_groups"], {id(w): i for i, w in enumerate(module.parameters())}
    order = [numbers[id(w)] for group in groups for w in group["params"]]
    if sorted(order) != sorted(before["params"]):
        return saved
    state = {new: saved["state"][old] for new, old in enumerate(order) if old in saved["state"]}
    told, first = [], 0
    for group in groups:
        last = first + len(group["params"])
        own = {name: x for name, x in group.items() if name not in before}
        told.append(before | own | {"params": list(range(first, last))})
        first = last
    return {"state": state, "param_groups": told}


def fitting(saved: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state `saved` of an optimiser, once it is known to fit the parameters of `optimizer`.

    `load_state_dict` does not compare shapes, and a fused optimiser would write beyond the end of what does not fit.

    Raises:
        ValueError: if the numbers of parameters or the shapes differ.
    """
    weights = [w for group in optimizer.param_groups for w in group["params"]]
    numbers = [number for group in saved["param_groups"] for number in group["params"]]
    if len(weights) != len(numbers):
        raise ValueError(f"the optimiser has {len(weights)} parameters, its saved state {len(numbers)}")
    for number, weight in zip(numbers, weights, strict=True):
        for name, value in saved["state"].get(number, {}).items():
            if isinstance(value, torch.Tensor) and value.dim() and value.shape != weight.shape:
                shapes = f"{list(value.shape)}, the parameter {list(weight.shape)}"
                raise ValueError(f"{name} of parameter {number} of the optimiser has the shape {shapes}")
    return saved
