import math

import pytest
import torch
from lightning_fabric import Fabric

from sqair_wm.model.baselines import build
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.attention import FrameView
from sqair_wm.nn.where import window
from sqair_wm.training.bound import SequenceBound
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.rehearsal import REMEMBERED, Rehearsal
from sqair_wm.training.trainer import Trainer
from tests.conftest import PAPER, small

LOGIT = math.log(0.2 / 0.8)
"""A window that spans a fifth of the frame."""


def scene(model, *places):
    """One scene with an object at each of `places` (y, x) in [-1, 1]; None for an empty slot."""
    slots = model.initial(1)
    where = torch.tensor([[LOGIT, LOGIT, *map(math.atanh, place or (0.0, 0.0))] for place in places])[None]
    presence = torch.tensor([[float(place is not None) for place in places]])
    return slots.replace(where=where, presence=presence)


def rehearsal(model, number=8, frames=10):
    return Rehearsal(model, number, frames)


@pytest.mark.parametrize(
    ("places", "kept"),
    [
        ([(0.0, 0.0), None], True),
        ([None, (0.5, -0.5)], True),
        ([None, None], False),
        ([(0.0, 0.0), (0.3, 0.3)], False),
        ([(0.0, 0.0), (0.3, 0.5)], True),
        ([(0.9, 0.0), None], False),
    ],
    ids=["alone", "second slot", "nothing", "overlapping", "side by side", "half outside"],
)
def test_an_object_is_kept_where_it_stands_alone_inside_the_frame(places, kept):
    model = SQAIR(small())
    practice = rehearsal(model)
    practice.remember(torch.rand(1, 1, *model.config.frame_size), scene(model, *places))
    assert practice.filled.sum() == practice.filled[0] == kept and practice.oldest == 1


def test_what_is_kept_shows_the_window_and_nothing_else():
    model = SQAIR(small())
    practice, frame = rehearsal(model), torch.rand(1, 1, *model.config.frame_size)
    practice.remember(frame, scene(model, (0.2, -0.4), None))
    height, width = model.config.frame_size
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    inside = ((y - 0.2).abs() <= 0.2) & ((x + 0.4).abs() <= 0.2)
    torch.testing.assert_close(practice.images[0, 0] / 255, frame[0, 0] * inside, rtol=0, atol=0.5 / 255 + 1e-6)
    assert inside.any() and not practice.images[0, 0][~inside].any()


def test_the_latest_objects_replace_the_oldest():
    model = SQAIR(small())
    practice, slots = rehearsal(model), scene(model, (0.0, 0.0)).repeat(REMEMBERED - 1)
    practice.remember(torch.zeros(REMEMBERED - 1, 1, *model.config.frame_size), slots)
    practice.remember(torch.ones(3, 1, *model.config.frame_size), slots.select(torch.arange(3)))
    bright = practice.images.flatten(1).amax(1) > 0
    assert practice.oldest == 2 and bright.nonzero().flatten().tolist() == [0, 1, REMEMBERED - 1]


def test_practice_is_the_bound_of_an_object_that_stays(monkeypatch):
    model = SQAIR(small())
    practice, frame = rehearsal(model, 1, frames=7), torch.rand(1, 1, *model.config.frame_size)
    slots = scene(model, (0.0, 0.0))
    practice.remember(frame, slots)
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.zeros(1, dtype=torch.int64))
    torch.manual_seed(1)
    found = practice(model, 0.5)
    view = FrameView(practice.images[:1] / 255, 1)
    reader = model.inference.discovery.reader
    q = reader.what(reader.look(view, torch.zeros(1, dtype=torch.int64), *window(slots.where[:, 0]), None))
    torch.manual_seed(1)
    slots = slots.replace(what=q.sample(torch.randn(1, model.config.what))[:, None])
    image = model.appearance.paint(slots, True)
    std = model.config.output_std
    error = (image - practice.images[:1] / 255).square().sum()
    fits = -0.5 / std**2 * error - image.numel() * math.log(std * math.sqrt(2 * math.pi))
    normal = torch.distributions.Normal
    kl = torch.distributions.kl_divergence(normal(*q), normal(torch.zeros(()), torch.ones(()))).sum()
    torch.testing.assert_close(found, -(7 * fits - 0.5 * kl) / 7, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dense", [False, True])
def test_encoder_and_decoder_learn_from_it_and_nothing_else(dense):
    model = SQAIR(small(), dense)
    practice = rehearsal(model, 64)
    slots = scene(model, (0.0, 0.0)).repeat(32)
    practice.remember(torch.rand(1, 1, *model.config.frame_size).expand(32, -1, -1, -1), slots)
    practice.filled[32:] = practice.filled[:32].repeat(REMEMBERED // 32 - 1)
    practice.images[32:] = practice.images[:32].repeat(REMEMBERED // 32 - 1, 1, 1, 1)
    practice.where[32:] = practice.where[:32].repeat(REMEMBERED // 32 - 1, 1)
    optimizer, losses = torch.optim.Adam(model.parameters(), 2e-3), []
    for _ in range(60):
        optimizer.zero_grad()
        losses.append(practice(model, 1.0))
        losses[-1].backward()
        optimizer.step()
    changed = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert changed == {"appearance", "inference"}
    touched = [n for n, p in model.inference.named_parameters() if p.grad is not None and p.grad.any()]
    assert all(".reader." in name and ".wide." not in name for name in touched)
    assert losses[-1] < losses[0] - 20


def test_an_empty_memory_teaches_nothing():
    model = SQAIR(small())
    loss = rehearsal(model)(model, 1.0)
    loss.backward()
    assert loss == 0 and not any(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("practises", [True, False])
def test_practice_begins_when_objects_may_leave(squares, practises):
    model, frames = SQAIR(small()), squares.first(4, 2, torch.device("cpu")).frames
    torch.nn.init.constant_(model.inference.discovery.presence[-1].bias, 12.0)
    practice = rehearsal(model, 512)
    bound = SequenceBound(model, 2, rehearsal=practice)
    annealing = TrainingConfig(keep=[0, 100], warm_up=0).annealing(200 if practises else 50)
    loss, statistics = bound(frames, None, annealing)
    assert practice.oldest == 4 and practice.filled.any()
    practice.filled.fill_(1)
    loss, statistics = bound(frames, None, annealing)
    assert (statistics["rehearsal"] != 0) == practises == (abs(float(loss.detach() - statistics["loss"])) > 1)


@pytest.mark.parametrize(("changes", "practises"), [({}, True), (PAPER, False), ({"architecture": "vrnn"}, False)])
def test_without_guided_discovery_there_is_no_practice(tmp_path, squares, changes, practises):
    model = build(small(**changes))
    config = TrainingConfig(rehearsal=8, particles=2, lengths=[[0, 1]], batch=32)
    trainer = Trainer(model, squares, config, tmp_path, Fabric(accelerator="cpu", devices=1))
    assert (trainer.loss.rehearsal is not None) == practises
