"""q of tracked objects, told where to look: search near the predicted place for foreground that nobody else claims."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqair_wm.attention import FrameView, to_where, window
from sqair_wm.config import ModelConfig
from sqair_wm.distributions import Normal, bernoulli_log_prob, positive
from sqair_wm.dynamics import Prediction
from sqair_wm.inference.guided_discovery import WIDE
from sqair_wm.inference.parts import CERTAIN, GlimpseReader, keep
from sqair_wm.inference.search import Others, covered, energy_map, search_near
from sqair_wm.networks import GRUCell, linear, mlp
from sqair_wm.packing import Rows
from sqair_wm.slots import Exploration, Noise, Slots

VISIBLE, COVERED = 0.04, 0.6
"""An object is seen if the mean squared intensity in its window is larger, and no older object covers more of it."""


class GuidedTracking(nn.Module):
    """Follows each object from the place that the dynamics predicts (paper, algorithm 2, with the search added).

    Unlike the paper's relation network, which takes the objects one after the other, all objects are followed at once:
    each leaves aside what the others are expected to cover, and is shown what they claim.
    """

    share: Tensor

    def __init__(self, config: ModelConfig, reader: GlimpseReader):
        super().__init__()
        hidden, w = config.hidden, config.what
        self.config, self.reader = config, reader
        share = torch.tensor([o / s for o, s in zip(config.object_size, config.frame_size, strict=True)])
        self.register_buffer("share", share, persistent=False)
        self.trust = mlp(hidden + 5, hidden // 2, 1, bias=1.0, zero=True)
        self.evidence = mlp(hidden + 5 + w + 4 + hidden, hidden, out=False)
        self.where = mlp(hidden, hidden, 8, zero=True)
        self.cell = GRUCell(hidden + 4 + 2 + 2 * w, hidden)
        self.what = linear(hidden, 2 * w)
        self.gates = linear(hidden, 3 * w, bias=1.0)
        self.presence = mlp(2 * hidden + w + 3, hidden // 2, 1, zero=True)

    def forward(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """One step of every object.

        Returns:
            The tracked objects in their old slots, log q of all that was sampled and of its discrete part, `[B]`.
        """
        b, n = slots.presence.shape
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        predicted_scale, predicted = window(prior.where.mean)
        expected = torch.cat([predicted, predicted_scale], -1).detach()

        def take(x: Tensor) -> Tensor:
            return rows.take(x.flatten(0, 1))

        what_before, where_before, temporal = take(slots.what), take(slots.where), take(slots.temporal)
        scale_before, centre_before = window(where_before)
        scene, start, (others, older) = rows.numbers() // n, take(predicted), self._others(rows, slots, expected)
        with torch.no_grad():
            height, width = self.config.object_size
            radius = (self.config.search_radius * height, self.config.search_radius * width)
            peak = search_near(energy_map(view, self.config.object_size), scene, take(expected), others, older, radius)
        apart, energy = peak.centre - start, peak.features
        seen = torch.cat([apart.detach() / self.share, energy], -1)
        base = start + apart * torch.sigmoid(self.trust(torch.cat([temporal, seen], -1)))
        wide = self.reader.around(view, scene, (WIDE * scale_before).clamp(max=1), base, others)
        evidence = self.evidence(torch.cat([wide, seen, what_before, where_before, temporal], -1))
        q_where = self._q_where(evidence, base, scale_before, take(prior.where.mean))
        where = q_where.sample(take(noise.where))
        scale, centre = window(where)
        pixels = self.reader.pixels(view, scene, scale, centre, others)
        glimpse = self.reader.what(pixels)
        velocity = centre - centre_before
        inputs = [evidence, where, velocity / self.share, glimpse.mean, glimpse.std]
        temporal = self.cell(torch.cat(inputs, -1), temporal)
        q_what = self._q_what(temporal, what_before, glimpse)
        what = q_what.sample(take(noise.what))
        correction = self.presence(torch.cat([evidence, temporal, what, energy], -1).detach()).squeeze(1)
        brightness = rows.put(pixels[:, :-1].square().sum(1).mean((1, 2))).unflatten(0, (b, n))
        unseen = self._unseen(slots, rows.put(where).unflatten(0, (b, n)), brightness)
        logit = keep(take(prior.stay_logit) + correction, explore.may_leave, scene)
        logit = torch.where(take(unseen) < self.config.patience, logit, -CERTAIN)
        presence = (take(noise.presence) < torch.sigmoid(logit)).to(what.dtype)
        log_discrete = bernoulli_log_prob(presence, logit)
        log_q = log_discrete + presence * (q_where.log_prob(where) + q_what.log_prob(what))
        fields = rows.put_all(what, where, presence, velocity, temporal, log_q, log_discrete)
        what, where, presence, velocity, temporal, log_q, log_discrete = (x.unflatten(0, (b, n)) for x in fields)
        identity = torch.where(presence.detach() > 0, slots.identity, -torch.ones_like(slots.identity))
        tracked = slots.replace(
            what=what,
            where=where,
            presence=presence,
            velocity=velocity,
            unseen=unseen,
            temporal=temporal,
            prior=prior.memory,
            identity=identity,
        )
        return tracked, log_q.sum(1), log_discrete.sum(1)

    @torch.no_grad()
    def _others(self, rows: Rows, slots: Slots, expected: Tensor) -> tuple[Others, Tensor]:
        """Windows where the other objects of each object's scene are expected, and which are older, `[R, N]`.

        `expected` is `[B, N, 4]`.
        """
        b, n = slots.presence.shape
        windows = expected.index_select(0, rows.numbers() // n)
        newer = (slots.identity[:, :, None] - slots.identity[:, None, :]).reshape(b * n, n)
        there = slots.presence.repeat_interleave(n, 0) * (newer != 0)
        return Others(windows[..., :2], windows[..., 2:], rows.take(there)), rows.take(newer > 0).to(expected.dtype)

    @torch.no_grad()
    def _unseen(self, slots: Slots, where: Tensor, energy: Tensor) -> Tensor:
        """Frames since an object was last seen, `[B, N]`; one whose window an older one covers is not seen.

        `where` `[B, N, 4]` and `energy` `[B, N]`, the mean squared intensity in its window.
        """
        share = covered(where[:, :, None], where[:, None])
        older = (slots.identity[:, None, :] < slots.identity[:, :, None]) * slots.presence[:, None]
        seen = (energy > VISIBLE) & ((share * older).amax(2) < COVERED)
        return torch.where(seen, 0, slots.unseen + 1)

    def _q_where(self, evidence: Tensor, base: Tensor, scale: Tensor, predicted: Tensor) -> Normal:
        """Around the place found, with a learned offset of at most half a window, and the predicted scale corrected."""
        offset, raw = self.where(evidence).chunk(2, -1)
        place = to_where(scale, base + 0.5 * scale * torch.tanh(offset[:, 2:]))
        mean = torch.cat([predicted[:, :2] + torch.tanh(offset[:, :2]), place[:, 2:]], -1)
        return Normal(mean, positive(raw - 4, self.config.least_std[1]))

    def _q_what(self, temporal: Tensor, before: Tensor, glimpse: Normal) -> Normal:
        """Gated mix of the last code, the glimpse's and the temporal state's (paper, appendix C)."""
        mean, raw = self.what(temporal).chunk(2, -1)
        forget, take_in, own = (torch.sigmoid(self.gates(temporal)) * 0.9999).chunk(3, -1)
        std = positive(raw, self.config.least_std[0])
        mix = forget * before + (1 - take_in) * glimpse.mean + (1 - own) * mean
        return Normal(mix, (1 - take_in) * glimpse.std + (1 - own) * std)
