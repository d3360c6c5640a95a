"""States of optimisers that were saved before their parameters were divided into groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def regrouped(saved: dict[str, Any], optimizer: torch.optim.Optimizer, module: nn.Module) -> dict[str, Any]:
    """The state `saved` of an optimiser, for the groups that `optimizer` has now.

    Before 0.14.0, all parameters of `module` were one group, in their order. States with the same number of groups are
    returned as they are.
    """
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
