"""p of new objects: how many, and where and what they are (paper, appendix B; released form)."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.distributions import Normal, positive
from sqair_wm.nn.networks import linear, mlp
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import to_where


class SetEncoder(nn.Module):
    """An order-free summary of the objects present: the sum of an MLP over them."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.net = mlp(config.what + 4, config.hidden, config.hidden, out=False)

    def forward(self, slots: Slots, dense: bool) -> Tensor:
        """`[B, hidden]`."""
        rows = Rows(slots.presence.detach().flatten() > 0, dense)
        codes = rows.put(self.net(rows.take(torch.cat([slots.what, slots.where], -1).flatten(0, 1))))
        return codes.unflatten(0, slots.presence.shape).sum(1)

    def of(self, slots: Slots, rows: Rows, dense: bool) -> Tensor:
        """`[B, hidden]` of the scenes named by `rows`, zero elsewhere."""
        fields = {name: rows.take(getattr(slots, name)) for name in ("what", "where", "presence")}
        return rows.put(self(slots.replace(**fields), dense))


class DiscoveryPriorModel(Protocol):
    """p of new objects; registered in `sqair_wm.model.factories.DISCOVERY_PRIORS`. See `DiscoveryPrior`."""

    def log_prob_number(self, number: Tensor, tracked: Slots, stay_logit: Tensor) -> Tensor:
        """See `DiscoveryPrior.log_prob_number`."""

    def log_prob_objects(
        self, what: Tensor, where: Tensor, presence: Tensor, stay_logit: Tensor, embedding: Tensor
    ) -> Tensor:
        """See `DiscoveryPrior.log_prob_objects`."""

    def sample_presence(self, tracked: Slots, stay_logit: Tensor, noise: Noise) -> Tensor:
        """See `DiscoveryPrior.sample_presence`."""

    def sample_where(self, stay_logit: Tensor, embedding: Tensor, noise: Tensor) -> Tensor:
        """See `DiscoveryPrior.sample_where`."""


class DiscoveryPrior(nn.Module):
    """p(D_t, where, what of the new objects | objects already tracked).

    The number of new objects is categorical over 0..N with learned logits that depend on how many objects the dynamics
    expects; where is autoregressive over the new objects; what is standard normal.

    Args:
        config: of the model.
        measured: whether sizes start from the typical object, and the number is renormalised over 0..N - tracked, for
            inference that never discovers more objects than there are free slots; otherwise as published.
    """

    def __init__(self, config: ModelConfig, measured: bool):
        super().__init__()
        n = self.slots = config.slots
        self.truncated = measured
        self.count_logit = nn.Parameter(torch.zeros(n + 1))
        later = torch.zeros(n + 1)
        later[0] = config.no_discovery_bias
        self.later_logit = nn.Parameter(later)
        self.count_net = mlp(1, 10, n + 1)
        self.first_where = nn.Parameter(torch.zeros(4))
        self.context_where = nn.Parameter(torch.zeros(4))
        self.context = mlp(4 + config.hidden + 1, 128, out=False)
        self.from_where, self.from_context = linear(4, 4), linear(128, 4)
        self.where = linear(4, 8)
        mean = torch.zeros(4)
        mean[:2] = -2.0
        if measured:
            share = torch.tensor(config.object_share)
            mean = to_where((1.4 * share).clamp(max=0.95), torch.zeros(2))
            nn.init.zeros_(self.where.weight)
        raw = torch.tensor([-1.0, -1.0, 1.0, 1.0]) if measured else torch.ones(4)
        self.where.bias.data = torch.cat([mean, raw])

    def count_log_prob(self, stay_logit: Tensor, before: Slots) -> Tensor:
        """log p(D_t = d) for d = 0..N, `[B, N + 1]`; `before` are the slots after tracking, `stay_logit` `[B, N]`."""
        later = (before.step > 0).to(stay_logit.dtype)[:, None]
        logits = F.elu(self.count_logit + later * self.later_logit + self.count_net(self._expected(stay_logit)))
        if self.truncated:
            free = logits.shape[1] - 1 - before.count.detach()
            too_many = torch.arange(logits.shape[1], device=logits.device) > free[:, None]
            logits = logits.masked_fill(too_many, -torch.inf)
        return torch.log_softmax(logits, -1)

    def _expected(self, stay_logit: Tensor) -> Tensor:
        """Share of the slots that the dynamics expects to be taken, less one half: `[B, 1]`."""
        return torch.sigmoid(stay_logit).sum(1, keepdim=True) / self.slots - 0.5

    def context_state(self, stay_logit: Tensor, embedding: Tensor) -> Tensor:
        """What the positions of new objects depend on besides one another, `[B, 4]`."""
        first = self.context_where.expand(embedding.shape[0], 4)
        return self.from_context(self.context(torch.cat([first, embedding, self._expected(stay_logit)], -1)))

    def where_given(self, state: Tensor, previous: Tensor) -> Normal:
        """p(where_i | where_{i-1}); `state` `[..., 4]` from `context_state`, `previous` `[..., 4]`."""
        mean, raw = self.where(torch.tanh(self.from_where(previous) + state)).chunk(2, -1)
        return Normal(mean, positive(raw))

    def log_prob_number(self, number: Tensor, tracked: Slots, stay_logit: Tensor) -> Tensor:
        """log p of the `number` `[B]` of new objects given the `tracked` ones, `[B]`."""
        return self.count_log_prob(stay_logit, tracked).gather(1, number.long()[:, None]).squeeze(1)

    def log_prob_objects(
        self, what: Tensor, where: Tensor, presence: Tensor, stay_logit: Tensor, embedding: Tensor
    ) -> Tensor:
        """log p of the new objects `[B, M, ...]` themselves, given how many they are: `[B]`."""
        first = self.first_where.expand(where.shape[0], 1, 4)
        previous = torch.cat([first, where[:, :-1]], 1)
        log_where = self.where_given(self.context_state(stay_logit, embedding)[:, None], previous).log_prob(where)
        log_what = Normal(torch.zeros_like(what), torch.ones_like(what)).log_prob(what)
        return (presence * (log_where + log_what)).sum(1)

    def sample_presence(self, tracked: Slots, stay_logit: Tensor, noise: Noise) -> Tensor:
        """How many new objects there are, as presence `[B, N]`, present ones first."""
        cumulative = self.count_log_prob(stay_logit, tracked).exp().cumsum(1)[:, :-1]
        return (noise.presence[:, :1] > cumulative).to(noise.what.dtype)

    def sample_where(self, stay_logit: Tensor, embedding: Tensor, noise: Tensor) -> Tensor:
        """Where new objects are, from standard normal `noise` `[B, M, 4]`: `[B, M, 4]`."""
        state = self.context_state(stay_logit, embedding)
        previous, places = self.first_where.expand(state.shape[0], 4), []
        for one in noise.unbind(1):
            previous = self.where_given(state, previous).sample(one)
            places.append(previous)
        return torch.stack(places, 1)
