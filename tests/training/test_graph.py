from dataclasses import dataclass

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor

from sqair_wm.common.frame import Frame
from sqair_wm.model.slots import PER_SLOT, Noise, Slots
from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import Annealing
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.graph import BEFORE, cloned, kind_of, tensors_in
from sqair_wm.training.trainer import Trainer
from tests.conftest import MovingSquares, random_scene, small, twin

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@dataclass
class Pair:
    a: Tensor
    b: object


def nested(value=0.0, b=1):
    return torch.full((2, 3), value), None, Pair(torch.full((4,), value), b), (torch.zeros(2), [torch.ones(1)])


def test_tensors_are_found_in_order_and_copied_with_their_structure():
    given = nested()
    copy = cloned(given)
    assert [tuple(x.shape) for x in tensors_in(copy)] == [(2, 3), (4,), (2,), (1,)]
    for x in tensors_in(copy):
        x.fill_(7)
    assert all(float(x.max()) <= 1 for x in tensors_in(given))
    assert isinstance(copy[2], Pair) and copy[2].b == 1 and copy[1] is None and isinstance(copy[3][1], list)


def test_steps_are_of_one_kind_whatever_their_tensors_hold():
    kind = kind_of(nested())
    assert kind == kind_of(nested(5.0)) and hash(kind) == hash(kind_of(nested(5.0)))
    assert kind != kind_of(nested(b=2)) and kind != kind_of(nested(b=1.0))
    assert kind_of((torch.zeros(2),)) != kind_of((torch.zeros(3),))
    assert kind_of((torch.zeros(2),)) != kind_of((torch.zeros(2, dtype=torch.int64),))


def test_a_schedule_has_few_kinds_of_steps():
    config = TrainingConfig(brief=2, keep=[800.0, 1600.0], iterations=5000, warm_up=300)
    device = torch.device("cpu")
    kinds = {
        (kind_of(config.annealing(i).on(device)), config.length(i), config.sequences(i))
        for i in range(config.iterations)
    }
    assert len(kinds) < 20


def test_annealing_on_a_device_is_the_same():
    moved = Annealing(0.5, 0.1, 0.25, 0.75, practise=False).on(torch.device("cpu"))
    assert (moved.kl_weight, moved.discovery_dropout, moved.keep) == (0.5, 0.25, 0.75)
    assert moved.presence_margin == 0.1 and not moved.practise


def gpu_trainer(folder, graphs, **changes):
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    lengths = [[0, 2], [2 * BEFORE, 3]]
    schedule = dict(iterations=6 * BEFORE, batch=8, particles=3, lengths=lengths, warm_up=4, keep=[2, 4], rehearsal=8)
    config = TrainingConfig(**(schedule | {"graphs": graphs} | changes))
    fabric = Fabric(accelerator="gpu", devices=1)
    return Trainer(SQAIR(small()).to(fabric.device), MovingSquares(), config, folder, fabric)


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.loss.parameters()])


def trained(trainer):
    records = []
    trainer.train(on_record=lambda _, record: records.append(record))
    return records


def meant(x):
    """The fields of a state that have a meaning: of an empty slot, only the identity."""
    if not isinstance(x, Slots):
        return x
    there = {name: getattr(x, name) for name in set(PER_SLOT) - {"identity"}}
    shown = {
        n: torch.where(x.presence.view(*x.presence.shape, *[1] * (v.dim() - 2)) > 0, v, 0) for n, v in there.items()
    }
    return x.replace(**shown)


@on_gpu
def test_recorded_steps_train_as_others_do(tmp_path):
    plain = gpu_trainer(tmp_path / "plain", False, log_every=1)
    expected, random = trained(plain), torch.cuda.get_rng_state()
    graphs = gpu_trainer(tmp_path / "graphs", True, log_every=1)
    found = trained(graphs)
    assert len(graphs._gradients._recorded) >= 2
    for a, b in zip(expected, found, strict=True):
        for name in set(a) - {"frames_per_second"}:
            assert b[name] == pytest.approx(a[name], rel=1e-2, abs=1e-2), name
    assert torch.equal(random, torch.cuda.get_rng_state())
    assert torch.allclose(weights(plain), weights(graphs), atol=1e-3)


@on_gpu
def test_a_recorded_training_goes_on_where_it_stopped(tmp_path):
    whole = gpu_trainer(tmp_path / "whole", True)
    whole.train()
    gpu_trainer(tmp_path / "halves", True).train(until=2 * BEFORE - 1)
    resumed = gpu_trainer(tmp_path / "halves", True).begin()
    assert resumed.iteration == 2 * BEFORE - 1
    resumed.train()
    assert torch.allclose(weights(whole), weights(resumed), atol=1e-3)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=on_gpu)])
@pytest.mark.parametrize("changes", [{}, {"inference": "paper", "residual": False, "stay_bias": 10.0}])
def test_the_contract_gives_the_same_dense_and_on_a_gpu(changes, device):
    config = small(**changes)
    model = SQAIR(config).requires_grad_(False)
    slots, frame = random_scene(config, 4, 2), Frame(torch.rand(4, 1, 24, 24))
    noise = Noise.draw(slots)
    here = (*model.observe(slots, frame, noise=noise), model.imagine(slots, noise=noise), model.render(slots))
    model, there, noise = twin(model, dense=True).requires_grad_(False).to(device), slots.to(device), noise.to(device)
    other = (
        *model.observe(there, frame.to(device), noise=noise),
        model.imagine(there, noise=noise),
        model.render(there),
    )
    for a, b in zip(here, other, strict=True):
        for x, y in zip(tensors_in(meant(a)), tensors_in(meant(b)), strict=True):
            assert torch.allclose(x.float(), y.float().cpu(), atol=1e-3, rtol=1e-3)
