"""Gradients of weights that every frame of a sequence uses: added up in place, with hand-written backward passes.

Autograd makes a new matrix for each use of a weight, adds them afterwards, and keeps a node for each operation. Here
whole blocks (layers with ELU, a GRU) are one node, and the product that gives a weight's gradient adds to the others.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn


class WeightSum:
    """The gradient of one linear layer, summed over its uses.

    Attributes:
        weight: `[outputs, inputs]`; bias: `[outputs]` or None, the layer's own.
        anchor: what every use has to depend on, so that autograd collects the sums after the last of them.
    """

    def __init__(self, layer: nn.Linear):
        self.weight, self.bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
        self.anchor, self._transposed = self.weight, self.weight.t()
        self._weight_grad: Tensor | None = None
        self._bias_grad: Tensor | None = None

    def add(self, x: Tensor, grad: Tensor) -> None:
        """Count a use with inputs `x` `[R, inputs]` whose outputs have the gradient `grad` `[R, outputs]`."""
        outputs = grad.t()
        if self._weight_grad is None:
            self._weight_grad = outputs @ x
            self._bias_grad = None if self.bias is None else grad.sum(0)
        else:
            self._weight_grad.addmm_(outputs, x)
            if self._bias_grad is not None:
                self._bias_grad.add_(grad.sum(0))

    def product(self, x: Tensor) -> Tensor:
        """The layer itself: `[R, inputs]` to `[R, outputs]`."""
        return x @ self._transposed if self.bias is None else torch.addmm(self.bias, x, self._transposed)

    def collect(self) -> tuple[Tensor | None, Tensor | None]:
        """The sums of weight and bias, which are forgotten here; None if the layer was not used."""
        found = self._weight_grad, self._bias_grad
        self._weight_grad = self._bias_grad = None
        return found


class WeightGradients:
    """Within `with`, the linear layers of a model sum the gradients of their weights over all uses.

    To be entered as often as needed for one loss, also while it is recomputed in the backward pass. Under autocast it
    does nothing.
    """

    def __init__(self, model: nn.Module):
        self._layers = [m for m in model.modules() if isinstance(m, SummingLinear)]
        self._sums = [WeightSum(layer) for layer in self._layers]
        parameters = [p for layer in self._layers for p in (layer.weight, layer.bias)]
        anchor = _Collect.apply(self._sums, *parameters)
        for total in self._sums:
            total.anchor = anchor

    def __enter__(self) -> None:
        if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            return
        for layer, total in zip(self._layers, self._sums, strict=True):
            vars(layer)["total"] = total

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for layer in self._layers:
            vars(layer)["total"] = None


class SummingLinear(nn.Linear):
    """A linear layer with a bias; `total` is where the gradient of its weights goes within `WeightGradients`."""

    total: WeightSum | None = None


class _Collect(torch.autograd.Function):
    """Depends on all weights and on nothing else; its backward pass runs after that of every use."""

    @staticmethod
    def forward(ctx: Any, sums: list[WeightSum], *parameters: Tensor | None) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.sums = sums
        return sums[0].weight.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return None, *(grad for total in ctx.sums for grad in total.collect())


class Layers(torch.autograd.Function):
    """Linear layers one after the other, each with or without an ELU behind it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, anchor: Tensor, sums: list[WeightSum], elu: list[bool]) -> Tensor:
        """`[R, inputs]` to `[R, outputs]`."""
        values = [x]
        for total, bent in zip(sums, elu, strict=True):
            x = total.product(x)
            if bent:
                x = nn.functional.elu_(x)
            values.append(x)
        ctx.save_for_backward(*(values if elu[-1] else values[:-1]))
        ctx.sums, ctx.elu = sums, elu
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None, None]:
        """The gradient of `x`; those of the weights go to their sums."""
        grad, values = grads[0], ctx.saved_tensors
        for i in reversed(range(len(ctx.sums))):
            if ctx.elu[i]:
                grad = torch.ops.aten.elu_backward(grad, 1, 1, 1, True, values[i + 1])
            ctx.sums[i].add(values[i], grad)
            if i == 0 and not ctx.needs_input_grad[0]:
                return None, None, None, None
            grad = grad @ ctx.sums[i].weight
        return grad, None, None, None


class GRUStep(torch.autograd.Function):
    """A GRU cell with the reset before the recurrent product; see `networks.GRUCell`."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, h: Tensor, anchor: Tensor, into: WeightSum, gates: WeightSum, candidate: WeightSum
    ) -> Tensor:
        """`[R, inputs]` and `[R, hidden]` to `[R, hidden]`."""
        n = h.shape[1]
        inputs = into.product(x)
        gate = gates.product(h).add_(inputs[:, : 2 * n]).sigmoid_()
        kept = gate[:, n:] * h
        c = candidate.product(kept).add_(inputs[:, 2 * n :]).tanh_()
        ctx.save_for_backward(x, h, gate, kept, c)
        ctx.sums = into, gates, candidate
        return torch.lerp(h, c, gate[:, :n])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor, None, None, None, None]:
        """The gradients of `x` and `h`; those of the weights go to their sums."""
        x, h, gate, kept, c = ctx.saved_tensors
        (into, gates, candidate), grad, n = ctx.sums, grads[0], h.shape[1]
        update, reset = gate[:, :n], gate[:, n:]
        through = grad * update
        change = torch.ops.aten.tanh_backward(through, c)
        candidate.add(kept, change)
        grad_kept = change @ candidate.weight
        raw = torch.ops.aten.sigmoid_backward(torch.cat([grad * (c - h), grad_kept * h], 1), gate)
        gates.add(h, raw)
        grad_h = (grad - through).addcmul_(grad_kept, reset).addmm_(raw, gates.weight)
        raw = torch.cat([raw, change], 1)
        into.add(x, raw)
        return raw @ into.weight if ctx.needs_input_grad[0] else None, grad_h, None, None, None, None


def apply_layers(x: Tensor, sums: list[WeightSum], elu: list[bool]) -> Tensor:
    """`Layers` for inputs of any shape: `[..., inputs]` to `[..., outputs]`."""
    if x.dim() == 2:
        return Layers.apply(x, sums[0].anchor, sums, elu)
    return Layers.apply(x.flatten(0, -2), sums[0].anchor, sums, elu).unflatten(0, x.shape[:-1])
