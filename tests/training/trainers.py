"""Short trainings on moving squares, as tests of the trainer begin them; and what came of them."""

import torch
from lightning_fabric import Fabric

from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.curriculum import TrainingConfig
from sqair_wm.training.trainer import Trainer
from tests.conftest import MovingSquares, small

QUICK = dict(
    iterations=8, batch=3, particles=2, log_every=2, save_every=3, lengths=[[0, 1], [2, 2], [5, 3]], warm_up=4,
    minutes=0, learning_rate=5e-4, decay=[], presence_margin=0.1, keep=[0, 0],
)  # fmt: skip


def make(folder, seed=0, model=None, data=None, **changes):
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    config = TrainingConfig(**(QUICK | changes))
    fabric = Fabric(accelerator="cpu", devices=1)
    return Trainer(model or SQAIR(small()), data or MovingSquares(), config, folder, fabric, seed)


def losses(trainer, until=None):
    found = []
    step = trainer.step

    def spy():
        statistics = step()
        found.append(float(statistics["loss"]))
        return statistics

    trainer.step = spy
    trainer.train(until)
    return found


def weights(trainer):
    return torch.cat([p.detach().flatten() for p in trainer.loss.parameters()])
