"""The basic layers and networks from which all others are built."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn


class Linear(nn.Linear):
    """A linear layer whose product may run in low precision (autocast); its result has the type of its weights."""

    def forward(self, x: Tensor) -> Tensor:
        """`[..., inputs]` to `[..., outputs]`."""
        return nn.functional.linear(x, self.weight, self.bias).to(self.weight.dtype)


def linear_beside(x: Tensor, rest: Tensor | None, layer: nn.Linear) -> Tensor:
    """A linear layer of `x` `[R, n]` concatenated with `rest` `[R, m]`, which gets no gradient; None means zeros."""
    if torch.compiler.is_compiling() or any(map(torch.is_autocast_enabled, ("cpu", "cuda"))):
        missing = layer.in_features - x.shape[1]
        return layer.forward(nn.functional.pad(x, (0, missing)) if rest is None else torch.cat([x, rest], 1))
    return _Beside.apply(x, rest, layer.weight, layer.bias)


class _Beside(torch.autograd.Function):
    """`linear_beside` without products that are not needed: those with zeros, and those of the gradient of `rest`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rest: Tensor | None, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, rest, weight)
        n = x.shape[1]
        out = nn.functional.linear(x, weight[:, :n], bias)
        return out if rest is None else out.addmm_(rest, weight[:, n:].t())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, Tensor | None, Tensor | None]:
        x, rest, weight = ctx.saved_tensors
        n, grad = x.shape[1], grads[0]
        grad_x = grad @ weight[:, :n] if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[2]:
            return grad_x, None, None, None
        grad_weight = torch.empty_like(weight)
        torch.mm(grad.t(), x, out=grad_weight[:, :n])
        if rest is None:
            grad_weight[:, n:].zero_()
        else:
            torch.mm(grad.t(), rest, out=grad_weight[:, n:])
        return grad_x, None, grad_weight, grad.sum(0)


class MLP(nn.Sequential):
    """Linear layers and activations, called without the overhead of calling a module: many of them are small."""

    def forward(self, x: Tensor) -> Tensor:
        """`[..., inputs]` to `[..., outputs]`."""
        for layer in self:
            x = layer.forward(x)
        return x


def linear(inputs: int, outputs: int, bias: float = 0.0) -> Linear:
    """A linear layer with truncated normal weights of std 1/sqrt(inputs) and a constant bias, as published."""
    layer = Linear(inputs, outputs)
    nn.init.trunc_normal_(layer.weight, std=inputs**-0.5, a=-2 * inputs**-0.5, b=2 * inputs**-0.5)
    nn.init.constant_(layer.bias, bias)
    return layer


def mlp(
    *sizes: int, out: bool = True, bias: float = 0.0, zero: bool = False, activation: type[nn.Module] = nn.ELU
) -> MLP:
    """Linear layers with an activation between them.

    Args:
        sizes: widths, that of the input first.
        out: whether the last layer is a plain output; otherwise an activation follows it as well.
        bias: initial bias of the last layer.
        zero: start with the last layer's weights at zero.
        activation: ELU as published, or another.
    """
    layers: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        layers.append(linear(a, b, bias if last else 0.0))
        if not (last and out):
            layers.append(activation())
    if zero:
        nn.init.zeros_(cast(nn.Linear, layers[-1]).weight)
    return MLP(*layers)


class VanillaCell(nn.Module):
    """A plain recurrent cell: tanh(W x + b + U h + c)."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.input, self.recurrent = linear(inputs, hidden), linear(hidden, hidden)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """`[R, inputs]` and `[R, hidden]` to `[R, hidden]`."""
        return torch.tanh(self.input(x) + self.recurrent(h))


class GRUCell(nn.Module):
    """A GRU whose reset gate acts before the matrix product: c = tanh(W x + U (r * h) + b)."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        self.input = Linear(inputs, 3 * hidden)
        self.gates = Linear(hidden, 2 * hidden, bias=False)
        self.candidate = Linear(hidden, hidden, bias=False)
        for weight in (self.input.weight, self.gates.weight, self.candidate.weight):
            for block in weight.data.split(hidden):
                nn.init.xavier_uniform_(block)
        nn.init.uniform_(self.input.bias, -((3 / hidden) ** 0.5), (3 / hidden) ** 0.5)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """`[R, inputs]` and `[R, hidden]` to `[R, hidden]`."""
        gates, candidate = self.input(x).split((2 * self.hidden, self.hidden), -1)
        update, reset = self.gates(h).add_(gates).sigmoid_().chunk(2, -1)
        return torch.lerp(h, self.candidate(reset * h).add_(candidate).tanh_(), update)


class ConvTrunk(nn.Module):
    """3x3 convolutions that images and glimpses share (convolutional variant); a side becomes ceil(side / stride)."""

    def __init__(
        self, channels: int, maps: tuple[int, ...] = (16, 32, 32, 64), strides: tuple[int, ...] = (2, 2, 1, 1)
    ):
        super().__init__()
        self.strides, self.maps = strides, maps
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 3, s, 1) for a, b, s in zip((channels, *maps), maps, strides, strict=False)
        )

    def features(self, size: tuple[int, int]) -> int:
        """Number of outputs for an input of `size` (height, width)."""
        h, w = size
        for s in self.strides:
            h, w = -(-h // s), -(-w // s)
        return h * w * self.maps[-1]

    def forward(self, x: Tensor) -> Tensor:
        """`[R, C, H, W]` to `[R, features]`."""
        for layer in self.layers:
            x = nn.functional.elu(layer(x))
        return x.flatten(1)


class Encoder(nn.Module):
    """Pixels to a code: two ELU layers, or the shared convolutions and one ELU layer."""

    def __init__(self, channels: int, size: tuple[int, int], hidden: int, trunk: ConvTrunk | None = None):
        super().__init__()
        self.trunk = trunk
        if trunk is None:
            self.head = mlp(channels * size[0] * size[1], hidden, hidden, out=False)
        else:
            self.head = mlp(trunk.features(size), hidden, out=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[R, C, H, W]` to `[R, hidden]`."""
        return self.head(x.flatten(1) if self.trunk is None else self.trunk(x))

    def beside(self, x: Tensor, rest: Tensor | None) -> Tensor:
        """The code of channels `x` and further ones `rest`, which get no gradient (None: zeros). Without a trunk."""
        first, *layers = self.head
        x = linear_beside(x.flatten(1), None if rest is None else rest.flatten(1), cast(nn.Linear, first))
        for layer in layers:
            x = layer.forward(x)
        return x


class SubPixelDecoder(nn.Module):
    """Appearance code to glimpse by convolutions and depth-to-space, which doubles height and width twice.

    Raises:
        ValueError: if a side of a glimpse is not a multiple of 4.
    """

    def __init__(self, what: int, channels: int, size: tuple[int, int]):
        super().__init__()
        if size[0] % 4 or size[1] % 4:
            raise ValueError(f"model.decoder=conv needs glimpse sides that are multiples of 4, got {size}")
        self.small = (size[0] // 4, size[1] // 4)
        self.fc = mlp(what, 256, 32 * self.small[0] * self.small[1], out=False)
        steps = ((32, 32, 1), (32, 64, 2), (64, 64, 2))
        self.layers = nn.ModuleList(nn.Conv2d(a, b * s * s, 3, 1, 1) for a, b, s in steps)
        self.factors = [s for _, _, s in steps]
        self.out = nn.Conv2d(64, channels, 3, 1, 1)

    def forward(self, what: Tensor) -> Tensor:
        """`[R, W]` to `[R, C, h, w]`."""
        x = self.fc(what).view(-1, 32, *self.small)
        for layer, factor in zip(self.layers, self.factors, strict=True):
            x = nn.functional.pixel_shuffle(nn.functional.elu(layer(x)), factor)
        return self.out(x).float()


class MLPDecoder(nn.Module):
    """Appearance code to glimpse by two hidden ELU layers."""

    def __init__(self, what: int, channels: int, size: tuple[int, int], hidden: int):
        super().__init__()
        self.shape = (channels, *size)
        self.net = mlp(what, hidden, hidden, channels * size[0] * size[1])

    def forward(self, what: Tensor) -> Tensor:
        """`[R, W]` to `[R, C, h, w]`."""
        return self.net(what).view(-1, *self.shape)
