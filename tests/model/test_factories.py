"""A part of a model can be added from outside the package: one class, one line, one name in the configuration."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sqair_wm.model.dynamics import Prediction, nothing_to_predict
from sqair_wm.model.factories import DECODERS, DYNAMICS, INFERENCE
from sqair_wm.model.inference.parts import ObjectMemory
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.distributions import Normal, bernoulli_log_prob
from sqair_wm.training.bound import Annealing, SequenceBound
from tests.conftest import MovingSquares, small


class Blob(nn.Module):
    """A decoder: a round spot whose brightness the code says."""

    def __init__(self, config):
        super().__init__()
        y, x = (torch.linspace(-1, 1, n) for n in config.glimpse)
        self.register_buffer("spot", torch.exp(-4 * (y[:, None] ** 2 + x**2)))
        self.brightness = nn.Linear(config.what, config.channels)

    def forward(self, what):
        return self.brightness(what)[:, :, None, None] * self.spot


class Drift(nn.Module):
    """A dynamics: everything keeps its velocity times one learned factor."""

    def __init__(self, config):
        super().__init__()
        self.keeps, self.config = nn.Parameter(torch.tensor(0.5)), config

    def forward(self, slots, action, dense):
        nothing = nothing_to_predict(slots)
        centre = slots.where + self.keeps * nn.functional.pad(slots.velocity, (2, 0))
        stay = torch.where(slots.presence > 0, 4.0, nothing.stay_logit)
        std = [0.1 * torch.ones_like(x) for x in (slots.where, slots.what)]
        return Prediction(slots.prior, stay, Normal(centre, std[0]), Normal(slots.what, std[1]))


class Corner(nn.Module):
    """An inference network: one object in the upper left, there from the first frame on."""

    packs, reader = False, None

    def __init__(self, config, decode):
        super().__init__()
        self.config, self.memory = config, ObjectMemory(config)
        self.code = nn.Linear(config.channels, 2 * config.what)

    def _look(self, view, noise):
        mean, raw = self.code(view.all_rows().mean((2, 3))).chunk(2, -1)
        q = Normal(mean, raw.exp())
        return q.sample(noise), q.log_prob(q.sample(noise))

    def track(self, slots, view, prior, noise, explore, dense):
        what, log_q = self._look(view, noise.what[:, 0])
        first = torch.arange(slots.presence.shape[1]) == 0
        what = torch.where(first[:, None], what[:, None], slots.what)
        there = slots.presence[:, 0]
        tracked = slots.replace(what=what, prior=prior.memory)
        return tracked, there * log_q, torch.zeros_like(log_q)

    def discover(self, tracked, view, encoder, noise, explore, dense):
        what, log_q = self._look(view, noise.what[:, 0])
        new = (tracked.step == 0).float()
        logit = torch.where(new > 0, 2.0, -88.0)
        where = tracked.where[:, :1] - 1.0
        temporal, prior = self.memory(what, where[:, 0])
        log_presence = bernoulli_log_prob(new, logit)
        found = tracked.replace(
            what=what[:, None], where=where, presence=new[:, None], temporal=temporal[:, None], prior=prior[:, None],
            velocity=torch.zeros_like(where[..., 2:]), unseen=torch.zeros_like(tracked.unseen[:, :1]),
        )  # fmt: skip
        return found, encoder(tracked, dense), log_presence + new * log_q, log_presence


@pytest.fixture(scope="module", autouse=True)
def registered():
    DECODERS.register("blob", Blob)
    DYNAMICS.register("drift", Drift)
    INFERENCE.register("corner", Corner)


@pytest.mark.parametrize(
    ("changes", "learns"),
    [
        ({"decoder": "blob"}, "appearance.decoder.brightness.weight"),
        ({"dynamics": "drift"}, "dynamics.keeps"),
        ({"inference": "corner"}, "inference.code.weight"),
        ({"decoder": "blob", "dynamics": "drift", "inference": "corner"}, "inference.code.weight"),
    ],
)
def test_a_part_from_outside_trains(changes, learns):
    model = SQAIR(replace(small(), **changes))
    frames = MovingSquares().first(4, 3, torch.device("cpu")).frames
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    before = dict(model.named_parameters())[learns].detach().clone()
    for _ in range(3):
        loss, statistics = SequenceBound(model, 2)(frames, None, Annealing())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.isfinite() and statistics["objects"] > 0
    assert not torch.equal(dict(model.named_parameters())[learns], before)


def test_an_unknown_name_is_refused_with_those_there_are():
    for setting in ("decoder", "dynamics", "discovery_prior", "inference"):
        with pytest.raises(ValueError, match=rf"model.{setting} is 'magic'; choose one of .*paper|mlp"):
            SQAIR(replace(small(), **{setting: "magic"}))


def test_a_name_is_given_once():
    DECODERS.register("blob", Blob)
    with pytest.raises(ValueError, match=r"model\.decoder=blob is taken"):
        DECODERS.register("blob", Drift)


@pytest.mark.parametrize("decoder", ["mlp", "conv"])
def test_the_decoder_is_chosen_whatever_infers(decoder):
    for changes in ({}, {"inference": "paper", "discovery_prior": "paper"}):
        model = SQAIR(small(decoder=decoder, **changes))
        assert model.appearance.decode(torch.zeros(2, 4)).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match="multiples of 4"):
        SQAIR(small(decoder="conv", glimpse=(6, 8)))
    with pytest.raises(ValueError, match=r"model\.encoder=conv needs model\.inference=paper"):
        SQAIR(small(encoder="conv"))
