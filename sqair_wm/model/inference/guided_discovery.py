"""q of new objects, guided by the residual: the highest peak of the unexplained foreground proposes the next object."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.discovery import SetEncoder
from sqair_wm.model.exploration import Exploration
from sqair_wm.model.inference.parts import CERTAIN, LARGER, GlimpseReader, Look, ObjectMemory, limited, shows
from sqair_wm.model.inference.recognition import mean_colour
from sqair_wm.model.inference.search import Others, Peak, Residual, energy_map
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.distributions import Normal, bernoulli_log_prob, bounded, clamp_probability, positive, sample_log_prob
from sqair_wm.nn.networks import VanillaCell, mlp
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import to_where, window

LEAST_ENERGY, FAINTEST = 0.3, 0.01
"""Least squared intensity of a proposal, summed over pixels; and per pixel of the typical object, without opacity."""

FIRST_LOOK = 1.4
"""Size of the first window read at a proposal, relative to the window of a typical object."""


class _Step(NamedTuple):
    """The result of one discovery step for every scene; rows that did not take part are zero."""

    what: Tensor
    where: Tensor
    presence: Tensor
    unseen: Tensor
    colour: Tensor
    temporal: Tensor
    prior: Tensor
    state: Tensor
    log_q: Tensor
    log_q_discrete: Tensor


class GuidedDiscovery(nn.Module):
    """Finds objects one after the other, removing each from the residual, until the first "no" (paper, algorithm 3).

    A peak proposes an object only if its squared intensity is more than `LEAST_ENERGY` and would fill the share
    `config.speck` of the typical object; where frames have no opacity, objects are thin and faint, and the share is
    `FAINTEST`. Discovery never exceeds the free slots. A proposal that shows nothing beyond what earlier objects
    explain (see `shows`) is refused. In training, `Exploration.duplicates` accepts it: a refused one teaches nothing.
    """

    packs = True
    share: Tensor

    def __init__(self, config: ModelConfig, reader: GlimpseReader):
        super().__init__()
        hidden, w = config.hidden, config.what
        self.config, self.reader = config, reader
        share = torch.tensor(config.object_share)
        self.register_buffer("share", (1.3 * share).clamp(max=0.9), persistent=False)
        height, width = config.object_size
        self.least_energy = max(LEAST_ENERGY, (config.speck if config.scenery else FAINTEST) * height * width)
        self.cell = VanillaCell(hidden + 3 + w + 4 + hidden, hidden)
        self.where = mlp(hidden, hidden, 8, zero=True)
        self.presence = mlp(hidden + w + 3, hidden // 2, 1, zero=True)
        self.memory = ObjectMemory(config)

    def forward(
        self, tracked: Slots, view: FrameView, encoder: SetEncoder, noise: Noise, explore: Exploration, dense: bool
    ) -> tuple[Slots, Tensor, Tensor, Tensor]:
        """Discover in every scene.

        Returns:
            The new objects (present ones first, at most `N`), the summary of the tracked ones where something was
            proposed, log q of all that was sampled and of its discrete part.
        """
        n = self.config.slots
        with torch.no_grad():
            scale, centre = window(tracked.where)
            residual = Residual(energy_map(view, self.config.object_size), centre, scale, tracked.presence)
        active = tracked.count.detach() < n
        if explore.may_discover is not None:
            active = active & (explore.may_discover | (tracked.step == 0))
        embedding = tracked.presence.new_zeros(()).expand(active.shape[0], self.config.hidden)
        steps: list[_Step] = []
        for i in range(n):
            peak, rows = self._propose(residual, active, dense)
            if rows.empty:
                break
            embedding = embedding if steps else encoder.of(tracked, rows, dense)
            step = self._accept(i, peak, rows, tracked, steps, residual, view, embedding, noise, explore, dense)
            if step is None:
                break
            steps.append(step)
            total = tracked.count.detach() + torch.stack([s.presence.detach() for s in steps]).sum(0)
            active = (steps[-1].presence.detach() > 0) & (total < n)
        found, log_q, log_discrete = self._collect(tracked, steps, dense)
        return found, embedding, log_q, log_discrete

    def _propose(self, residual: Residual, active: Tensor, dense: bool) -> tuple[Peak, Rows]:
        """The next peak of the residual in each active scene, and the scenes that have one."""
        rows = Rows(active & (residual.map.sum((1, 2)) > self.least_energy), dense)
        if rows.empty:
            return Peak(*(active.new_zeros(0) for _ in Peak._fields)), rows
        peak = Peak(*rows.put_all(*residual.highest(rows.numbers())))
        worth = Rows(active & (peak.energy > self.least_energy), dense)
        return Peak(*(worth.take(x) for x in peak)), worth

    def _accept(
        self,
        i: int,
        peak: Peak,
        rows: Rows,
        tracked: Slots,
        steps: list[_Step],
        residual: Residual,
        view: FrameView,
        embedding: Tensor,
        noise: Noise,
        explore: Exploration,
        dense: bool,
    ) -> _Step | None:
        """Read the proposals, sample where, what and presence, and remove the accepted ones from the residual.

        None if all proposals are refused before the networks of appearance and presence are needed.
        """
        scene, others = rows.numbers(), self._others(rows, tracked, steps, dense)
        copies = 1 if dense or steps else _alike(rows, tracked, view)
        state, q_where = self._before_sampling(peak, rows, view, others, steps, embedding, copies)
        where_noise, what_noise = rows.take(noise.where[:, i]), rows.take(noise.what[:, i])
        where = q_where.sample(where_noise)
        scale, centre = window(where)
        look = self.reader.look(view, scene, scale, centre, others)
        hidden = None if explore.duplicates else _hidden(view, look, scale, others)
        if hidden is not None and not dense and hidden.all():
            return None
        q_what = self.reader.what(look)
        what = q_what.sample(what_noise)
        logit = self.presence(torch.cat([state, what, peak.features], -1).detach()).squeeze(1)
        logit = limited(logit, self.config.certainty)
        first = rows.take(tracked.step) == 0
        logit = torch.where(first, clamp_probability(logit, explore.presence_margin), logit)
        if hidden is not None:
            logit = torch.where(hidden, -CERTAIN, logit)
        presence = (rows.take(noise.presence[:, i]) < torch.sigmoid(logit)).to(what.dtype)
        if dense or presence.any():
            with torch.no_grad():
                residual.wipe(scene, centre, scale, rows.take(rows.put(presence)))
            unseen = presence * _hidden(view, look, scale, others) if explore.duplicates else torch.zeros_like(presence)
            temporal, prior = self.memory(what, where)
        else:
            unseen = presence
            temporal = prior = torch.zeros_like(state)
        log_discrete = bernoulli_log_prob(presence, logit)
        log_q = log_discrete + presence * sample_log_prob((q_where, q_what), (where_noise, what_noise))
        colour = presence.new_zeros(presence.shape[0], 0)
        if self.config.colours:
            colour = presence[:, None] * mean_colour(look.glimpses, look.claims)
        outputs = (what, where, presence, unseen, colour, temporal, prior, state, log_q, log_discrete)
        return _Step(*rows.put_all(*outputs))

    def _before_sampling(
        self,
        peak: Peak,
        rows: Rows,
        view: FrameView,
        others: Others | None,
        steps: list[_Step],
        embedding: Tensor,
        copies: int,
    ) -> tuple[Tensor, Normal]:
        """The state after reading the peaks' windows, and q of where; computed once for `copies` neighbouring rows."""
        scene, peak = rows.numbers()[::copies], Peak(*(x[::copies] for x in peak))
        share = self.share.expand(scene.shape[0], 2)
        wide = self.reader.around(view, scene, (FIRST_LOOK * share).clamp(max=1), peak.centre, others)
        state = self._state(wide, peak, rows, rows.take(embedding)[::copies], steps)
        q_where = self._q_where(state, peak.centre, share)
        if copies == 1:
            return state, q_where
        return state.repeat_interleave(copies, 0), Normal(*(x.repeat_interleave(copies, 0) for x in q_where))

    def _others(self, rows: Rows, tracked: Slots, steps: list[_Step], dense: bool) -> Others | None:
        """Windows that are taken already: tracked objects and those found in this frame; None if there are none."""
        where = torch.cat([tracked.where, *(s.where[:, None] for s in steps)], 1).detach()
        presence = rows.take(torch.cat([tracked.presence, *(s.presence[:, None] for s in steps)], 1).detach())
        if not dense and not presence.any():
            return None
        scale, centre = window(rows.take(where))
        return Others(centre, scale, presence)

    def _state(self, wide: Tensor, peak: Peak, rows: Rows, embedding: Tensor, steps: list[_Step]) -> Tensor:
        if steps:
            before = [rows.take(x) for x in (steps[-1].what, steps[-1].where, steps[-1].state)]
        else:
            r, like = wide.shape[0], wide
            before = [like.new_zeros(r, d) for d in (self.config.what, 4, self.config.hidden)]
        known = embedding if self.config.conditional_discovery else torch.zeros_like(embedding)
        inputs = [wide, peak.features, before[0], before[1], known]
        return self.cell(torch.cat(inputs, -1), before[2])

    def _q_where(self, state: Tensor, proposal: Tensor, share: Tensor) -> Normal:
        """Around the proposal, with a learned offset of at most one window and a learned scale."""
        offset, raw = self.where(state).chunk(2, -1)
        place = to_where(share, proposal + share * torch.tanh(offset[:, 2:]))
        mean = torch.cat([place[:, :2] + offset[:, :2], place[:, 2:]], -1)
        return Normal(mean, bounded(positive(raw - 3, self.config.least_std[1])))

    def _collect(self, tracked: Slots, steps: list[_Step], dense: bool) -> tuple[Slots, Tensor, Tensor]:
        """All steps side by side: as many slots as there were steps, without a last step that found nothing."""
        zero = tracked.presence.new_zeros(tracked.presence.shape[0])
        names = ("what", "where", "presence", "unseen", "colour", "temporal", "prior")
        log_q = sum((s.log_q for s in steps), zero)
        log_discrete = sum((s.log_q_discrete for s in steps), zero)
        if not dense and steps and not steps[-1].presence.any():
            steps = steps[:-1]
        if steps:
            fields = {name: torch.stack([getattr(s, name) for s in steps], 1) for name in names}
        else:
            fields = {name: getattr(tracked, name)[:, :0] for name in names}
        fields["velocity"] = zero.new_zeros(*fields["presence"].shape, 2)
        fields["belief"] = torch.ones_like(fields["presence"])
        fields["unseen"] = fields["unseen"].to(tracked.unseen.dtype)
        return tracked.replace(**fields), log_q, log_discrete


@torch.no_grad()
def _hidden(view: FrameView, look: Look, scale: Tensor, others: Others | None) -> Tensor:
    """Whether windows of `scale` `[R, 2]` hold only what other, not much smaller, objects explain, `[R]` bool."""
    claims = None
    if others is not None and look.cover is not None:
        smaller = LARGER * others.scale.prod(2) < scale.prod(1, keepdim=True)
        claims = look.cover.by(others.presence * ~smaller)
    return ~shows(view, look.glimpses, scale, claims)


def _alike(rows: Rows, tracked: Slots, view: FrameView) -> int:
    """How many neighbours among `rows` are in the same state: the particles of a sequence in its first frame, or 1."""
    if view.copies == 1 or tracked.step.any() or tracked.presence.any():
        return 1
    mask = rows.mask.view(-1, view.copies)
    return view.copies if bool((mask == mask[:, :1]).all()) else 1
