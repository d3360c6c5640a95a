"""The published inference network, shape for shape (paper, appendix A and C; released form)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.discovery import SetEncoder
from sqair_wm.model.dynamics import ABSENT, Prediction
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.inference.parts import keep
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.distributions import Normal, bernoulli_log_prob, clamp_probability, positive
from sqair_wm.nn.networks import ConvTrunk, Encoder, GRUCell, VanillaCell, linear, mlp
from sqair_wm.nn.where import window


class PaperReader(nn.Module):
    """The glimpse encoder that both halves share; with `encoder="conv"` the image shares its convolutions."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.shape, self.least = config.glimpse, config.least_std[0]
        self.trunk = ConvTrunk(config.channels) if config.encoder == "conv" else None
        self.glimpse = Encoder(config.channels, config.glimpse, config.hidden, self.trunk)
        self.what = linear(config.hidden, 2 * config.what)

    def forward(self, view: FrameView, scene: Tensor, where: Tensor, mask: Tensor | None = None) -> Normal:
        """What is seen at `where` `[B, 4]`, under a mask `[B, 1, h, w]`: Gaussian over what, `[B, W]`."""
        pixels = view.read(scene, *window(where), self.shape)
        mean, raw = self.what(self.glimpse(pixels if mask is None else pixels * mask)).chunk(2, -1)
        return Normal(mean, positive(raw, self.least))


class PaperTracking(nn.Module):
    """Relation and temporal networks, object after object. All slots are always computed; empty ones are masked."""

    packs = False

    def __init__(self, config: ModelConfig, reader: PaperReader):
        super().__init__()
        h, w = config.hidden, config.what
        self.config, self.reader = config, reader
        self.mask = nn.Sequential(mlp(h, 128, config.glimpse[0] * config.glimpse[1], bias=1.0), nn.Sigmoid())
        self.proposal = mlp(h, 128, 4)
        self.relation, self.relation_start = VanillaCell(2 * (w + 5) + w + h, h), nn.Parameter(torch.zeros(h))
        self.where = mlp(2 * h + 4, h, h, 8)
        self.where_bias = nn.Parameter(torch.tensor(-3.0))
        self.where_covariance = nn.Parameter(torch.empty(10).uniform_(-0.55, 0.55))
        self.temporal = GRUCell(h + 4 + 2 * w, h)
        self.what = linear(h, 2 * w)
        self.gates = linear(h, 3 * w, bias=1.0)
        self.stay = mlp(2 * h + w, h // 2 if config.encoder == "conv" else 128, 1, bias=5.0)

    def forward(
        self, slots: Slots, view: FrameView, prior: Prediction, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor]:
        """Slots one after the other in stored order; see `Inference.track`."""
        b, n, w = slots.what.shape
        scene = torch.arange(b, device=slots.what.device)
        before = torch.cat([slots.what, slots.where, slots.presence[..., None]], -1)
        proposal = slots.where + 0.1 * self.proposal(slots.temporal)
        masks = self.mask(slots.temporal).view(b, n, 1, *self.config.glimpse)
        relation, previous = self.relation_start.expand(b, -1), slots.what.new_zeros(b, w + 5)
        outputs: list[tuple[Tensor, ...]] = []
        for i in range(n):
            memory = slots.temporal[:, i]
            first_look = self.reader(view, scene, proposal[:, i], masks[:, i]).mean
            relation = self.relation(torch.cat([first_look, previous, before[:, i], memory], -1), relation)
            where, log_where = self._track_where(relation, slots.where[:, i], memory, noise.where[:, i])
            look = self.reader(view, scene, where, masks[:, i])
            new_memory = self.temporal(torch.cat([relation, where, look.mean, look.std], -1), memory)
            q_what = self._track_what(new_memory, slots.what[:, i], look)
            what = q_what.sample(noise.what[:, i])
            was = slots.presence[:, i]
            stay = keep(self.stay(torch.cat([relation, memory, what], -1)).squeeze(1), explore.may_leave, scene)
            logit = was * stay + ABSENT * (1 - was)
            presence = (noise.presence[:, i] < torch.sigmoid(logit)).to(what.dtype) * was
            log_discrete = was * bernoulli_log_prob(presence, logit)
            log_q = log_discrete + was * presence * (log_where + q_what.log_prob(what))
            outputs.append((what, where, presence, new_memory, log_q, log_discrete))
            previous = torch.cat([what, where, presence[:, None]], -1)
        what, where, presence, temporal, log_q, log_discrete = (torch.stack(x, 1) for x in zip(*outputs, strict=True))
        tracked = slots.replace(
            what=what,
            where=where,
            presence=presence,
            velocity=window(where)[1] - window(slots.where)[1],
            temporal=temporal,
            prior=prior.memory,
            identity=torch.where(presence > 0, slots.identity, -torch.ones_like(slots.identity)),
        )
        return tracked, log_q.sum(1), log_discrete.sum(1)

    def _track_where(self, relation: Tensor, before: Tensor, memory: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Sample and log density of a full-covariance Gaussian around the last position: diag(s) (I + L)."""
        shift, raw = self.where(torch.cat([relation, before, memory], -1)).chunk(2, -1)
        std = positive(raw + self.where_bias - 1, self.config.least_std[1])
        lower = torch.zeros(4, 4, dtype=std.dtype, device=std.device)
        rows, columns = torch.tril_indices(4, 4, device=std.device)
        factor = torch.eye(4, device=std.device, dtype=std.dtype) + lower.index_put(
            (rows, columns), self.where_covariance
        )
        where = before + shift + std * (noise @ factor.T)
        log_det = std.log().sum(-1) + factor.diagonal().abs().log().sum()
        return where, Normal(torch.zeros_like(noise), torch.ones_like(noise)).log_prob(noise) - log_det

    def _track_what(self, memory: Tensor, before: Tensor, look: Normal) -> Normal:
        """Gated mix of the last code, the glimpse's and the temporal network's."""
        mean, raw = self.what(memory).chunk(2, -1)
        forget, take_in, own = (torch.sigmoid(self.gates(memory)) * 0.9999).chunk(3, -1)
        std = (1 - take_in) * look.std + (1 - own) * positive(raw, self.config.least_std[0])
        return Normal(forget * before + (1 - take_in) * look.mean + (1 - own) * mean, std)


class PaperDiscovery(nn.Module):
    """The AIR network on the full frame, conditioned on the tracked objects."""

    packs = False

    def __init__(self, config: ModelConfig, reader: PaperReader):
        super().__init__()
        h, w = config.hidden, config.what
        self.config, self.reader = config, reader
        self.image = Encoder(config.channels, config.frame_size, h, reader.trunk)
        self.temporal_start, self.prior_start = nn.Parameter(torch.zeros(h)), nn.Parameter(torch.zeros(h))
        self.cell, self.start = VanillaCell(2 * h + w + 5, h), nn.Parameter(torch.zeros(h))
        self.where = mlp(h, h, h, 8)
        self.where_bias = nn.Parameter(torch.tensor(-3.0))
        self.presence = mlp(h + w, h // 2 if config.encoder == "conv" else 128, 1, bias=1.0)

    def memory(self, what: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        """Learned vectors, the same for every new object."""
        shape = (*what.shape[:-1], -1)
        return self.temporal_start.expand(shape), self.prior_start.expand(shape)

    def forward(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """Objects one after the other until the first "no"; see `Inference.discover`.

        Unlike the released code, which samples surplus objects and cuts them, discovery stops when all slots are taken.
        """
        b, n, w = tracked.what.shape
        scene = torch.arange(b, device=tracked.what.device)
        embedding = encoder(tracked, dense)
        image = self.image(view.frame).repeat_interleave(view.copies, 0)
        state, active = self.start.expand(b, -1), torch.ones_like(tracked.presence[:, 0])
        if explore.may_discover is not None:
            active = active * (explore.may_discover | (tracked.step == 0))
        what, where = tracked.what.new_zeros(b, w), tracked.what.new_zeros(b, 4)
        presence, free = torch.ones_like(active), n - tracked.count.detach()
        outputs: list[tuple[Tensor, ...]] = []
        for i in range(n):
            state = self.cell(torch.cat([image, embedding, what, where, presence[:, None]], -1), state)
            mean, raw = self.where(state).chunk(2, -1)
            q_where = Normal(mean, positive(raw + self.where_bias, self.config.least_std[1]))
            where = q_where.sample(noise.where[:, i])
            q_what = self.reader(view, scene, where)
            what = q_what.sample(noise.what[:, i])
            logit = self.presence(torch.cat([state, what], -1)).squeeze(1)
            logit = torch.where(tracked.step == 0, clamp_probability(logit, explore.presence_margin), logit)
            active = active * (i < free)
            presence = (noise.presence[:, i] < torch.sigmoid(logit)).to(what.dtype) * active
            log_discrete = active * bernoulli_log_prob(presence, logit)
            log_q = log_discrete + presence * (q_where.log_prob(where) + q_what.log_prob(what))
            outputs.append((what, where, presence, log_q, log_discrete))
            active = presence
        what, where, presence, log_q, log_discrete = (torch.stack(x, 1) for x in zip(*outputs, strict=True))
        temporal, prior = self.memory(what, where)
        found = tracked.replace(
            what=what,
            where=where,
            presence=presence,
            temporal=temporal,
            prior=prior,
            velocity=torch.zeros_like(tracked.velocity),
            unseen=torch.zeros_like(tracked.unseen),
            belief=torch.ones_like(tracked.belief),
            colour=torch.zeros_like(tracked.colour),
        )
        return found, embedding, log_q.sum(1), log_discrete.sum(1)
