import pytest
import torch

from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.journal import check_finite
from tests.conftest import MovingSquares, small


@pytest.mark.parametrize("inference", ["guided", "guided_discovery", "guided_tracking", "paper"])
def test_whatever_weight_is_not_a_number_the_terms_of_the_loss_say_so(inference):
    bound = SequenceBound(SQAIR(small(inference=inference)), particles=2)
    frames = MovingSquares().sample(3, 2, torch.Generator().manual_seed(0), torch.device("cpu")).frames
    told = 0
    every = list(bound.parameters())[::2]
    for parameter in every:
        weights = parameter.detach().clone()
        parameter.data.view(-1)[0] = float("nan")
        told += is_told(bound, frames)
        parameter.data.copy_(weights)
    assert told > 0.75 * len(every)


def is_told(bound, frames):
    """Whether a step ends in an error; gradients are only checked if all terms are finite."""
    bound.zero_grad()
    loss, statistics = bound(frames, None, Annealing())
    try:
        check_finite({name: float(x) for name, x in statistics.items()}, 0)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(bound.parameters(), torch.inf)
        check_finite({"gradient_norm": float(norm)}, 0)
    except FloatingPointError:
        return True
    return False
