"""q of tracked objects, guided by a search near the predicted position for foreground that no other object claims."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.dynamics import Prediction
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.inference.guided_discovery import FIRST_LOOK
from sqair_wm.model.inference.matching import Matcher, nearest
from sqair_wm.model.inference.parts import CERTAIN, Decode, GlimpseReader, keep, limited
from sqair_wm.model.inference.recognition import contested, recognised, sight
from sqair_wm.model.inference.search import Others, energy_map, search_near
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.distributions import Normal, bernoulli_log_prob, bounded, positive, sample_log_prob
from sqair_wm.nn.networks import GRUCell, linear, mlp
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import held_shift, in_frame, slope, window

SURE = 4.0
"""Initial logit of the share of the prior's standard deviation that a corrected code keeps."""


class _Packed(NamedTuple):
    """Tracked objects before the step, `[R, ...]`."""

    what: Tensor
    where: Tensor
    temporal: Tensor


class GuidedTracking(nn.Module):
    """Tracks each object from its predicted position (paper, algorithm 2, with the search added).

    The paper's relation network takes the objects one after the other; here all are tracked at once. The search for
    each object masks the windows where others are expected, and an input channel of its networks holds these claims.
    """

    packs = True
    share: Tensor

    def __init__(self, config: ModelConfig, reader: GlimpseReader, decode: Decode):
        super().__init__()
        hidden, w = config.hidden, config.what
        self.config, self.reader, self.decode = config, reader, decode
        share = torch.tensor(config.object_share)
        self.register_buffer("share", share, persistent=False)
        self.trust = mlp(hidden + 5, hidden // 2, 1, bias=1.0, zero=True)
        self.evidence = mlp(hidden + 5 + w + 4 + hidden, hidden, out=False)
        self.where = mlp(hidden, hidden, 8, zero=True)
        self.cell = GRUCell(hidden + 4 + 2 + 2 * w, hidden)
        self.what = linear(hidden, 2 * w)
        self.gates = linear(hidden, 3 * w, bias=1.0) if config.appearance == "gated" else None
        if self.gates is None:
            nn.init.zeros_(self.what.weight)
        self.presence = mlp(2 * hidden + w + 3, hidden // 2, 1, zero=True)

    def forward(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """One step of every object.

        Returns:
            The tracked objects in their old slots, log q of all that was sampled and of its discrete part, `[B]`.
        """
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        if rows.empty:
            nothing = slots.presence.new_zeros(slots.presence.shape[0])
            return slots.replace(prior=prior.memory), nothing, nothing
        before = _Packed(*(rows.take(x.flatten(0, 1)) for x in (slots.what, slots.where, slots.temporal)))
        noise = Noise(*(rows.take(x.flatten(0, 1)) for x in (noise.where, noise.what, noise.presence)))
        scene = rows.numbers() // slots.presence.shape[1]
        others, seen, base = self._find(rows, scene, slots, view, prior, before, dense)
        scale_before, centre_before = window(before.where)
        wide = self.reader.around(view, scene, (FIRST_LOOK * scale_before).clamp(max=1), base, others)
        evidence = self.evidence(torch.cat([wide, seen, before.what, before.where, before.temporal], -1))
        predicted = Normal(*(rows.take(x.flatten(0, 1)) for x in prior.where))
        q_where = self._q_where(evidence, base, scale_before, predicted)
        where = q_where.sample(noise.where)
        scale, centre = window(where)
        look = self.reader.look(view, scene, scale, centre, others)
        glimpse, velocity = self.reader.what(look), centre - centre_before
        inputs = [evidence, where, velocity / self.share, glimpse.mean, glimpse.std]
        temporal = self.cell(torch.cat(inputs, -1), before.temporal)
        if self.gates is None:
            expected = Normal(*(rows.take(x.flatten(0, 1)) for x in prior.what))
            q_what = self._corrected(temporal, expected, in_frame(scale, centre))
        else:
            q_what = self._mixed(temporal, torch.sigmoid(self.gates(temporal)) * 0.9999, before.what, glimpse)
        what = q_what.sample(noise.what)
        correction = self.presence(torch.cat([evidence, temporal, what, seen[:, 2:]], -1).detach()).squeeze(1)
        correction = limited(correction, self.config.certainty)
        unseen, colour = sight(self.config, rows, slots, view, (scale, centre), look)
        logit = keep(rows.take(prior.stay_logit.flatten()) + correction, explore.may_leave, scene)
        logit = torch.where(rows.take(unseen.flatten()) < self.config.patience, logit, -CERTAIN)
        presence = (noise.presence < torch.sigmoid(logit)).to(what.dtype)
        log_discrete = bernoulli_log_prob(presence, logit)
        log_q = log_discrete + presence * sample_log_prob((q_where, q_what), (noise.where, noise.what))
        fields = rows.put_all(what, where, presence, velocity, temporal, log_q, log_discrete)
        *fields, log_q, log_discrete = (x.unflatten(0, slots.presence.shape) for x in fields)
        names = ("what", "where", "presence", "velocity", "temporal")
        belief = torch.where(unseen > 0, slots.belief * prior.remains.detach(), 1)
        seen_as = {"unseen": unseen, "belief": belief, "colour": colour}
        tracked = slots.replace(**dict(zip(names, fields, strict=True)), **seen_as, prior=prior.memory)
        identity = torch.where(tracked.presence > 0, slots.identity, -torch.ones_like(slots.identity))
        return tracked.replace(identity=identity), log_q.sum(1), log_discrete.sum(1)

    def _find(
        self, rows: Rows, scene: Tensor, slots: Slots, view: FrameView, prior: Prediction, before: _Packed, dense: bool
    ) -> tuple[Others | None, Tensor, Tensor]:
        """Search around each predicted position.

        Returns:
            What others are expected to cover; displacement and energies of the peak found, `[R, 5]`; and the position
            between prediction and peak at which the glimpse is read, `[R, 2]`. No gradient reaches the prediction from
            here: it learns from log p, whose gradient is small beside that of the likelihood.
        """
        predicted_scale, predicted = window(prior.where.mean.detach())
        expected = torch.cat([predicted, predicted_scale], -1)
        expected = self._meet(slots, view, prior, expected, dense)
        others, older = self._others(rows, slots, expected)
        size, radius, (tall, wide) = self.config.object_size, self.config.search_radius, self.config.search_size
        with torch.no_grad():
            place = rows.take(expected.flatten(0, 1))
            reach = (radius * tall, radius * wide)
            peak = search_near(energy_map(view, size), scene, place, others, older, reach)
            peak = recognised(self.config, self.reader, rows, slots, view, place, peak, others)
            peak = contested(self.config, rows, slots, view, place, peak)
        start = rows.take(predicted.flatten(0, 1))
        apart = peak.centre - start
        seen = torch.cat([apart.detach() / self.share, peak.features], -1)
        return others, seen, start + apart * torch.sigmoid(self.trust(torch.cat([before.temporal, seen], -1)))

    @torch.no_grad()
    def _meet(self, slots: Slots, view: FrameView, prior: Prediction, expected: Tensor, dense: bool) -> Tensor:
        """The `expected` windows `[B, N, 4]`; those of neighbours moved to where the frame looks like them."""
        b, n = slots.presence.shape
        if n == 1:
            return expected
        size, (tall, wide), radius = self.config.object_size, self.config.search_size, self.config.search_radius
        close, rival = nearest(expected[..., :2], slots.presence, (tall, wide), view.size, radius)
        rows = Rows(close.flatten(), dense)
        if rows.empty:
            return expected
        place, what = rows.take(expected.flatten(0, 1)), rows.take(slots.what.flatten(0, 1))
        row = rows.put(torch.arange(place.shape[0], device=place.device))
        beside = row[rows.take((torch.arange(b, device=place.device)[:, None] * n + rival).flatten())]
        spread = rows.take(prior.where.std[..., 2:].flatten(0, 1)) * slope(place[:, :2])
        matcher = Matcher(view, size, (radius * tall, radius * wide), self.config.surprise)
        centre = matcher.meet(rows.numbers() // n, place, spread, self.decode(what), beside)
        moved = rows.put(centre).unflatten(0, (b, n))
        return torch.cat([torch.where(close[..., None], moved, expected[..., :2]), expected[..., 2:]], -1)

    @torch.no_grad()
    def _others(self, rows: Rows, slots: Slots, expected: Tensor) -> tuple[Others | None, Tensor | None]:
        """Windows where the other objects of each object's scene are expected, and which are older, `[R, N]`.

        `expected` is `[B, N, 4]`. Both are None if scenes have a single slot.
        """
        b, n = slots.presence.shape
        if n == 1:
            return None, None
        windows = expected.index_select(0, rows.numbers() // n)
        newer = (slots.identity[:, :, None] - slots.identity[:, None, :]).reshape(b * n, n)
        there = slots.presence.repeat_interleave(n, 0) * (newer != 0)
        return Others(windows[..., :2], windows[..., 2:], rows.take(there)), rows.take(newer > 0).to(expected.dtype)

    def _q_where(self, evidence: Tensor, base: Tensor, scale: Tensor, predicted: Normal) -> Normal:
        """Around the position `base`, offset by at most half a window (learned); the predicted scale is corrected."""
        grow, move, raw = self.where(evidence).split((2, 2, 4), -1)
        expected = Normal(predicted.mean[:, :2], predicted.std[:, :2])
        predicted_scale = expected.mean.sigmoid()
        shift = held_shift(torch.addcmul(base, scale, torch.tanh(move), value=0.5), predicted_scale)
        least = self.config.least_std[1]
        std = bounded(positive(raw - 4, least))
        if self.config.size != "steady":
            return Normal(torch.cat([expected.mean + torch.tanh(grow), shift], -1), std)
        size = corrected(expected, grow, raw[:, :2], in_frame(predicted_scale, base), least)
        return Normal(torch.cat([size.mean, shift], -1), torch.cat([size.std, std[:, 2:]], -1))

    def _mixed(self, temporal: Tensor, gates: Tensor, before: Tensor, glimpse: Normal) -> Normal:
        """Gated mix of the last code, the glimpse's and the temporal state's (paper, appendix C)."""
        mean, raw = self.what(temporal).chunk(2, -1)
        forget, closed = gates.split((before.shape[1], 2 * before.shape[1]), -1)
        take_in, own = (1 - closed).chunk(2, -1)
        mix = torch.addcmul(torch.addcmul(forget * before, take_in, glimpse.mean), own, mean)
        return Normal(mix, torch.addcmul(take_in * glimpse.std, own, positive(raw, self.config.least_std[0])))

    def _corrected(self, temporal: Tensor, expected: Normal, seen: Tensor) -> Normal:
        """The prior's `expected` code, corrected; `seen` `[R]`, see `corrected`."""
        move, raw = self.what(temporal).chunk(2, -1)
        return corrected(expected, move, raw, seen, self.config.least_std[0])


def corrected(expected: Normal, move: Tensor, raw: Tensor, seen: Tensor, least: float) -> Normal:
    """What the prior expects, moved by multiples of its standard deviation, and at most as uncertain; all `[R, D]`.

    The smaller the share `seen` `[R]` of an object's window that lies in the frame, the less it is moved: an object
    that leaves, and is not quite where it is looked for, would otherwise be taken for a fainter one.
    """
    floor = torch.full_like(raw, least)
    mean = torch.addcmul(expected.mean, expected.std, move * seen.detach().square()[:, None])
    return Normal(mean, torch.addcmul(floor, expected.std - floor, torch.sigmoid(raw + SURE)))
