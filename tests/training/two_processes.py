"""Run as a program: two processes take the gradients of half a batch each; one saves what Fabric makes of both."""

import faulthandler
import sys

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from sqair_wm.common.frame import Frame
from sqair_wm.model.sqair import SQAIR
from sqair_wm.runs.setup import leave
from sqair_wm.training.bound import Annealing, SequenceBound
from tests.conftest import MovingSquares, small


def model() -> SQAIR:
    torch.manual_seed(7)
    return SQAIR(small())


def half_batch(rank: int) -> Frame:
    return MovingSquares().first(4, 3, torch.device("cpu")).frames[:, 2 * rank : 2 * rank + 2]


def main() -> None:
    faulthandler.dump_traceback_later(100, exit=True)  # shows where each process waits, if they cannot connect
    torch.set_num_threads(1)
    fabric = Fabric(accelerator="cpu", devices=2, strategy=DDPStrategy(find_unused_parameters=True))
    fabric.launch()
    bound = fabric.setup(SequenceBound(model(), 2))
    torch.manual_seed(100 + fabric.global_rank)
    loss, _ = bound(half_batch(fabric.global_rank), None, Annealing(discovery_dropout=0.3))
    fabric.backward(loss)
    if fabric.is_global_zero:
        torch.save(torch.cat([p.grad.flatten() for p in bound.parameters() if p.grad is not None]), sys.argv[1])
    leave(fabric)


if __name__ == "__main__":
    main()
