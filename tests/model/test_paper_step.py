"""Two steps of the published model, compared with log densities computed here from its formulas."""

import math

import torch
from torch import distributions as D
from torch.nn.functional import elu, grid_sample, softplus

from sqair_wm.common.frame import Frame
from sqair_wm.model.slots import Noise
from sqair_wm.model.sqair import SQAIR
from tests.conftest import PAPER, small


def look(frame, where, shape):
    scale, shift = torch.sigmoid(where[:2]), torch.tanh(where[2:])
    ys = shift[0] + scale[0] * torch.linspace(-1, 1, shape[0])
    xs = shift[1] + scale[1] * torch.linspace(-1, 1, shape[1])
    grid = torch.stack(torch.meshgrid(xs, ys, indexing="xy"), -1)[None]
    return grid_sample(frame[None], grid, align_corners=True)


def encode(q, pixels):
    mean, raw = q.reader.what(q.reader.glimpse(pixels))[0].chunk(2)
    return mean, softplus(raw) + 0.01


def bernoulli(value, logit):
    return D.Bernoulli(logits=logit.double()).log_prob(value.double()).float()


def expected_image(model, what, where, presence):
    """The mean image by an inverse warp of each glimpse, and the learned mean where something is painted."""
    config, image, covered = model.config, torch.zeros(1, 24, 24), torch.zeros(1, 24, 24)
    for i in range(config.slots):
        glimpse = model.appearance.decoder(what[i][None]) * model.appearance.output_scale
        scale, shift = torch.sigmoid(where[i, :2]), torch.tanh(where[i, 2:])
        axis = torch.linspace(-1, 1, 24)
        grid = torch.stack(
            torch.meshgrid((axis - shift[1]) / scale[1], (axis - shift[0]) / scale[0], indexing="xy"), -1
        )[None]
        image = image + presence[i] * grid_sample(glimpse, grid, align_corners=True)[0]
        covered = covered + presence[i] * grid_sample(torch.ones_like(glimpse), grid, align_corners=True)[0]
    return image + model.appearance.mean_image * torch.sigmoid(-10 + 20 * covered)


def discovery_terms(model, frame, noise, start, embedding, stay_logit, free, later):
    """Section 3.3 and 2.2, slot by slot, for one scene: log q, log p and what was sampled."""
    q, prior, n = model.inference.discovery, model.discovery_prior, model.config.slots
    state, what, where, presence = q.start, torch.zeros(4), torch.zeros(4), torch.ones(())
    image, log_q, samples = q.image(frame[None])[0], torch.zeros(()), []
    active = torch.ones(())
    for i in range(n):
        inputs = torch.cat([image, embedding, what, where, presence[None]])
        state = torch.tanh(q.cell.input(inputs) + q.cell.recurrent(state))
        mean, raw = q.where(state).chunk(2)
        q_where = D.Normal(mean, softplus(raw + q.where_bias) + 0.01)
        where = q_where.mean + q_where.stddev * noise.where[start + i]
        q_what = D.Normal(*encode(q, look(frame, where, model.config.glimpse)))
        what = q_what.mean + q_what.stddev * noise.what[start + i]
        logit = q.presence(torch.cat([state, what]))[0]
        active = active * float(i < free)
        presence = active * (noise.presence[start + i] < torch.sigmoid(logit)).float()
        log_q = log_q + active * bernoulli(presence, logit)
        log_q = log_q + presence * (q_where.log_prob(where).sum() + q_what.log_prob(what).sum())
        samples.append((what, where, presence))
        active = presence
    expected = (torch.sigmoid(stay_logit) - 0.5).mean()
    logits = elu(prior.count_logit + later * prior.later_logit + prior.count_net(expected[None]))
    number = int(sum(p for _, _, p in samples))
    log_p = torch.log_softmax(logits, 0)[number]
    hidden = elu(prior.context[0](torch.cat([prior.context_where, embedding, expected[None]])))
    previous = prior.first_where
    for what, where, presence in samples:
        out = torch.tanh(prior.from_where(previous) + prior.from_context(hidden))
        mean, raw = prior.where(out).chunk(2)
        place = D.Normal(mean, softplus(raw) + 0.01).log_prob(where).sum()
        log_p = log_p + presence * (place + D.Normal(0.0, 1.0).log_prob(what).sum())
        previous = where
    return log_q, log_p, [torch.stack(x) for x in zip(*samples, strict=True)]


def tracking_terms(model, frame, noise, slots):
    """Sections 3.2 and 2.3, slot by slot, for one scene."""
    q, dynamics, w = model.inference.tracking, model.dynamics, model.config.what
    log_q, log_p, samples, logits = torch.zeros(()), torch.zeros(()), [], []
    relation, previous = q.relation_start, torch.zeros(w + 5)
    for i in range(model.config.slots):
        what0, where0, was, memory = slots.what[0, i], slots.where[0, i], slots.presence[0, i], slots.temporal[0, i]
        mask = q.mask(memory).view(1, 1, *model.config.glimpse)
        first, _ = encode(q, mask * look(frame, where0 + 0.1 * q.proposal(memory), model.config.glimpse))
        inputs = torch.cat([first, previous, what0, where0, was[None], memory])
        relation = torch.tanh(q.relation.input(inputs) + q.relation.recurrent(relation))
        shift, raw = q.where(torch.cat([relation, where0, memory])).chunk(2)
        lower = torch.zeros(4, 4)
        lower[tuple(torch.tril_indices(4, 4))] = q.where_covariance
        factor = torch.diag(softplus(raw + q.where_bias - 1) + 0.01) @ (torch.eye(4) + lower)
        where = where0 + shift + factor @ noise.where[i]
        q_where = D.MultivariateNormal(where0 + shift, covariance_matrix=factor @ factor.T)
        seen, seen_std = encode(q, mask * look(frame, where, model.config.glimpse))
        new = q.temporal(torch.cat([relation, where, seen, seen_std])[None], memory[None])[0]
        own, own_raw = q.what(new).chunk(2)
        f, a, b = (torch.sigmoid(q.gates(new)) * 0.9999).chunk(3)
        q_what = D.Normal(
            f * what0 + (1 - a) * seen + (1 - b) * own, (1 - a) * seen_std + (1 - b) * (softplus(own_raw) + 0.01)
        )
        what = q_what.mean + q_what.stddev * noise.what[i]
        logit = q.stay(torch.cat([relation, memory, what]))[0]
        presence = was * (noise.presence[i] < torch.sigmoid(logit)).float()
        log_q = log_q + was * bernoulli(presence, logit)
        log_q = log_q + was * presence * (q_where.log_prob(where) + q_what.log_prob(what).sum())
        state = dynamics.cell(torch.cat([what0, where0])[None], slots.prior[0, i][None])
        out = dynamics.readout(state)[0]
        stay = was * (out[8 + 2 * w] + 10) - 88 * (1 - was)
        p_where = D.Normal(out[:4], softplus(out[4:8]) + 0.01).log_prob(where).sum()
        p_what = D.Normal(out[8 : 8 + w], softplus(out[8 + w : 8 + 2 * w]) + 0.01).log_prob(what).sum()
        log_p = log_p + was * bernoulli(presence, stay) + was * presence * (p_where + p_what)
        samples.append((what, where, presence))
        logits.append(stay)
        previous = torch.cat([what, where, presence[None]])
    return log_q, log_p, [torch.stack(x) for x in zip(*samples, strict=True)], torch.stack(logits)


@torch.no_grad()
def test_two_steps_match_the_formulas():
    torch.manual_seed(5)
    model = SQAIR(small(**PAPER))
    model.appearance.mean_image.normal_(0, 0.1)
    for parameter in (*model.dynamics.parameters(), model.discovery_prior.count_logit):
        parameter.add_(0.05 * torch.randn_like(parameter))
    video, slots, seen_tracked = torch.rand(3, 1, 1, 24, 24), model.initial(1), 0.0
    for t, frame in enumerate(video):
        noise = Noise.draw(slots)
        single = Noise(noise.where[0], noise.what[0], noise.presence[0])
        q_track, p_track, tracked, stay = tracking_terms(model, frame[0], single, slots)
        codes = model.set_encoder.net(torch.cat([tracked[0], tracked[1]], -1))
        embedding = (codes * tracked[2][:, None]).sum(0)
        free = 3 - float(tracked[2].sum())
        q_found, p_found, found = discovery_terms(model, frame[0], single, 3, embedding, stay, free, float(t > 0))
        slots, terms = model.observe(slots, Frame(frame), noise=noise)
        torch.testing.assert_close(terms.log_q[0], q_track + q_found, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(terms.log_p[0], p_track + p_found, rtol=1e-4, atol=1e-3)
        both = [torch.cat([a, b]) for a, b in zip(tracked, found, strict=True)]
        keep = both[2].bool()
        torch.testing.assert_close(slots.where[0][slots.presence[0] > 0], both[1][keep], rtol=1e-4, atol=1e-5)
        image = expected_image(model, slots.what[0], slots.where[0], slots.presence[0])
        likelihood = D.Normal(image, 0.2).log_prob(frame[0]).sum()
        torch.testing.assert_close(terms.log_likelihood[0], likelihood, rtol=1e-4, atol=1e-2)
        seen_tracked += float(tracked[2].sum())
    assert seen_tracked > 0 and math.isfinite(float(terms.log_q))
