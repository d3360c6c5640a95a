"""VRNN (Chung et al. 2015): one Gaussian code for the whole frame, no objects. The baseline of the paper's Table 1."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from sqair_wm.common.finite import check_finite
from sqair_wm.common.frame import Frame
from sqair_wm.common.tensors import TensorRecord
from sqair_wm.model.baselines.frame_networks import ConvDecoder, ConvEncoder, FrameDecoder, FrameEncoder
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.slots import Noise, StepTerms
from sqair_wm.model.sqair import Rendering
from sqair_wm.nn.distributions import Normal, positive
from sqair_wm.nn.networks import mlp


@dataclass
class Scene(TensorRecord):
    """The state of a VRNN, with the fields of `Slots` that other code reads: one slot, always empty.

    Attributes:
        what: `[B, 1, W]` the code of the frame.
        hidden, cell: `[B, H]` of the LSTM when that code was drawn.
        seen: `[B, H]` features of the last frame; if it was imagined, of its mean image.
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
    `least_std`. With `encoder=mlp` the networks have two hidden layers; with `conv` they have one, and frames are
    encoded and decoded by six convolutions.
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
            frame: `B` frames, or `B / K` when K neighbouring states share a frame; the background is ignored.
            action: ignored, as are `explore` and `pad`: nothing is discrete here and there are no slots.
            noise: only `what` of the first slot is used; fresh by default, `Noise.none(slots)` for means.

        Returns:
            The states after this frame, and the log densities of the step.

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
