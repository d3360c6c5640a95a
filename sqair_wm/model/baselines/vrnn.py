"""VRNN (Chung et al. 2015): one Gaussian code for the whole frame, no objects. The baseline of the paper's Table 1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.common.finite import check_finite
from sqair_wm.common.frame import Frame
from sqair_wm.common.tensors import TensorRecord
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Exploration, Noise, StepTerms
from sqair_wm.model.sqair import Rendering
from sqair_wm.nn.distributions import Normal, positive
from sqair_wm.nn.networks import Linear, mlp

MAPS, STRIDES = (32, 32, 32, 64, 64, 64), (1, 2, 1, 2, 1, 2)
"""Of the convolutional variant, as published (its medium size)."""


@dataclass
class Scene(TensorRecord):
    """The state of a VRNN, with as much of `Slots` as its readers need: one slot, always empty.

    Attributes:
        what: `[B, 1, W]` the code of the frame.
        hidden, cell: `[B, H]` of the LSTM when that code was drawn.
        seen: `[B, H]` features of the frame, as it was shown or, imagined, of its mean.
        step: `[B]` int64, frames seen or imagined so far.
    """

    what: Tensor
    hidden: Tensor
    cell: Tensor
    seen: Tensor
    step: Tensor

    @property
    def presence(self) -> Tensor:
        """`[B, 1]`, 0: there are no objects."""
        return torch.zeros_like(self.what[..., 0])

    @property
    def identity(self) -> Tensor:
        """`[B, 1]` int64, -1."""
        return -torch.ones_like(self.step[:, None])

    @property
    def where(self) -> Tensor:
        """`[B, 1, 4]`, 0."""
        return self.what.new_zeros(len(self.what), 1, 4)

    def repeat(self, copies: int) -> Scene:
        """`[B, ...]` to `[B * copies, ...]`; the copies of a scene are neighbours."""
        return self.map(lambda x: x.repeat_interleave(copies, 0))

    def select(self, rows: Tensor) -> Scene:
        """The scenes named by an index or a boolean mask over the batch."""
        return self.map(lambda x: x[rows])


class VRNN(nn.Module):
    """A recurrent model of whole frames: initial, observe, imagine, render as SQAIR has them.

    The LSTM reads features of the last frame and the last code; from its output come the prior of the code, together
    with the frame the posterior (its mean relative to the prior's), and together with the code the mean image. Of the
    configuration it uses the frame, `what` (length of the code), `hidden`, `encoder`, `output_std` and the first of
    `least_std`. The encoder `mlp` has two hidden layers in every network, `conv` one and six convolutions each way.
    """

    dense = True

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        h, w, layers = config.hidden, config.what, 1 if config.encoder == "conv" else 2
        inner = (h,) * layers
        encode, decode = (ConvEncoder, ConvDecoder) if config.encoder == "conv" else (FrameEncoder, FrameDecoder)
        self.encode_frame, self.decode_frame = encode(config), decode(config, 2 * h)
        self.encode_code = mlp(w, *inner, h, out=False)
        self.lstm = nn.LSTMCell(2 * h, h)
        self.prior = mlp(h, *inner, 2 * w)
        self.posterior = mlp(2 * h, *inner, 2 * w)

    def initial(self, batch: int) -> Scene:
        """A state that has seen nothing, for each of `batch` rows."""
        like, h = self.lstm.weight_ih, self.config.hidden
        blank = like.new_zeros(batch, h)
        step = torch.zeros(batch, dtype=torch.int64, device=like.device)
        return Scene(like.new_zeros(batch, 1, self.config.what), blank, blank, blank, step)

    def observe(
        self,
        slots: Scene,
        frame: Frame,
        action: Tensor | None = None,
        *,
        noise: Noise | None = None,
        explore: Exploration | None = None,
        pad: bool = True,
    ) -> tuple[Scene, StepTerms]:
        """Posterior step.

        Args:
            slots: `B` states as they were before this frame.
            frame: `B` of them, or `B / K` when K neighbouring states share a frame; the background is not looked at.
            action: ignored, as are `explore` and `pad`: nothing is discrete here and there are no slots.
            noise: of which the first `what` is used; fresh by default, `Noise.none(slots)` for means.

        Raises:
            ValueError: if the frame does not fit the model or the batch.
        """
        image = frame.foreground
        copies = self._check(image, slots)
        hidden, cell, prior = self._step(slots)
        seen = self.encode_frame(image).repeat_interleave(copies, 0)
        shift, raw = self.posterior(torch.cat([hidden, seen], 1)).chunk(2, 1)
        posterior = Normal(prior.mean + shift, positive(raw, self.config.least_std[0]))
        z = posterior.sample(self._noise(slots, noise))
        after = Scene(z[:, None], hidden, cell, seen, slots.step + 1)
        none = torch.zeros_like(z[:, 0])
        terms = StepTerms(
            log_likelihood=self._log_likelihood(self.render(after).frame, image.repeat_interleave(copies, 0)),
            log_q=posterior.log_prob(z),
            log_p=prior.log_prob(z),
            log_q_discrete=none,
            discovered=none,
            present=none,
        )
        return after, terms

    def filter(self, slots: Scene, frame: Frame, action: Tensor | None = None, *, checked: bool = False) -> Scene:
        """Posterior step without densities, by means; see `SQAIR.filter`."""
        after, terms = self.observe(slots, frame, action, noise=Noise.none(slots))  # type: ignore[arg-type]
        if checked:
            check_finite(terms.log_q[:, None].cpu().numpy(), "a log density")
        return after

    def imagine(
        self, slots: Scene, action: Tensor | None = None, *, noise: Noise | None = None, discover: bool = True
    ) -> Scene:
        """Prior step; the imagined mean image stands for the frame. `action` and `discover` are ignored."""
        hidden, cell, prior = self._step(slots)
        z = prior.sample(self._noise(slots, noise))
        drawn = Scene(z[:, None], hidden, cell, slots.seen, slots.step + 1)
        return replace(drawn, seen=self.encode_frame(self.render(drawn).frame))

    def render(self, slots: Scene) -> Rendering:
        """The mean image of each state; the glimpse of its one slot is empty."""
        frame = self.decode_frame(torch.cat([self.encode_code(slots.what[:, 0]), slots.hidden], 1))
        return Rendering(frame, frame.new_zeros(len(frame), 1, self.config.channels, *self.config.glimpse))

    def _noise(self, slots: Scene, noise: Noise | None) -> Tensor:
        return torch.randn_like(slots.what[:, 0]) if noise is None else noise.what[:, 0]

    def _step(self, slots: Scene) -> tuple[Tensor, Tensor, Normal]:
        hidden, cell = self.lstm(
            torch.cat([slots.seen, self.encode_code(slots.what[:, 0])], 1), (slots.hidden, slots.cell)
        )
        mean, raw = self.prior(hidden).chunk(2, 1)
        return hidden, cell, Normal(mean, positive(raw, self.config.least_std[0]))

    def _log_likelihood(self, mean: Tensor, frame: Tensor) -> Tensor:
        error = (frame - mean).flatten(1)
        constant = math.log(self.config.output_std) + 0.5 * math.log(2 * math.pi)
        return -0.5 / self.config.output_std**2 * error.square().sum(1) - error.shape[1] * constant

    def _check(self, frame: Tensor, slots: Scene) -> int:
        expected = (self.config.channels, *self.config.frame_size)
        if tuple(frame.shape[1:]) != expected or len(slots.step) % len(frame):
            raise ValueError(
                f"this model takes frames of {expected} (channels, height, width) that {len(slots.step)} states share "
                f"evenly, got {tuple(frame.shape)}; was it trained on other data?"
            )
        return len(slots.step) // len(frame)


class FrameEncoder(nn.Module):
    """Pixels to features by three fully connected ELU layers."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        h = config.hidden
        self.net = mlp(config.channels * math.prod(config.frame_size), h, h, h, out=False)

    def forward(self, frame: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, hidden]`."""
        return self.net(frame.flatten(1))


class FrameDecoder(nn.Module):
    """Features to pixels by two hidden ELU layers."""

    def __init__(self, config: ModelConfig, inputs: int):
        super().__init__()
        self.shape = (config.channels, *config.frame_size)
        self.net = mlp(inputs, config.hidden, config.hidden, math.prod(self.shape))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs]` to `[B, C, H, W]`."""
        return self.net(x).view(-1, *self.shape)


class ConvEncoder(nn.Module):
    """Pixels to features by 3x3 convolutions and one fully connected ELU layer."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        maps = (config.channels, *MAPS)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 3, s, 1) for a, b, s in zip(maps, MAPS, STRIDES, strict=False))
        height, width = sides(config.frame_size)[-1]
        self.head = mlp(MAPS[-1] * height * width, config.hidden, out=False)

    def forward(self, frame: Tensor) -> Tensor:
        """`[B, C, H, W]` to `[B, hidden]`."""
        for layer in self.layers:
            frame = F.elu(layer(frame))
        return self.head(frame.flatten(1))


class ConvDecoder(nn.Module):
    """The way back by transposed convolutions."""

    def __init__(self, config: ModelConfig, inputs: int):
        super().__init__()
        maps, sizes = (config.channels, *MAPS), sides(config.frame_size)
        self.small = (MAPS[-1], *sizes[-1])
        self.head = nn.Sequential(Linear(inputs, math.prod(self.small)), nn.ELU())
        self.layers = nn.ModuleList()
        for i in reversed(range(len(MAPS))):
            (h, w), (small_h, small_w), s = sizes[i], sizes[i + 1], STRIDES[i]
            missing = (h - s * (small_h - 1) - 1, w - s * (small_w - 1) - 1)
            self.layers.append(nn.ConvTranspose2d(maps[i + 1], maps[i], 3, s, 1, output_padding=missing))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, inputs]` to `[B, C, H, W]`."""
        x = self.head(x).view(-1, *self.small)
        for i, layer in enumerate(self.layers):
            x = layer(F.elu(x) if i else x)
        return x


def sides(size: tuple[int, int]) -> list[tuple[int, int]]:
    """(height, width) of a frame of `size` before the first and after each of the convolutions."""
    found = [size]
    for stride in STRIDES:
        found.append((-(-found[-1][0] // stride), -(-found[-1][1] // stride)))
    return found
