import torch

from sqair_wm.data.sequences import Batch
from sqair_wm.evaluation.metrics.summary import Watched, identity_survival, summarize, watch
from sqair_wm.world.world_model import WorldModel
from tests.conftest import MovingSquares, small


def test_identity_survival_counts_objects_that_are_still_there():
    ids = torch.full((10, 1, 3), -1)
    ids[:, 0, 0] = 0
    ids[:4, 0, 1] = 1
    ids[9, 0, 2] = 7
    assert identity_survival(ids, 8) == 0.5
    assert abs(identity_survival(ids, 2) - (8 + 2) / (8 + 4)) < 1e-6


def test_survival_follows_an_object_to_another_slot():
    ids = torch.full((9, 1, 2), -1)
    ids[:5, 0, 0], ids[5:, 0, 1] = 4, 4
    assert identity_survival(ids, 4) == 1.0


def test_without_objects_nothing_survives():
    assert identity_survival(torch.full((10, 2, 3), -1)) == 0.0


def test_figures_of_a_known_reconstruction():
    model = WorldModel(small())
    slots = model.initial(1)
    one = slots.replace(identity=torch.tensor([[3, -1, -1]]), presence=torch.tensor([[1.0, 0, 0]]))
    frames = torch.ones(10, 1, 1, 24, 24)
    found = torch.zeros(10, 1)
    found[0], found[4] = 5, 1
    figures = summarize(Watched([one] * 10, frames, 0.5 * frames, torch.zeros(10, 1, 3, 4), found))
    assert figures["unexplained_energy"] == 0.25 and figures["objects_per_frame"] == 1.0
    assert abs(figures["discovered_per_frame"] - 1 / 9) < 1e-6 and figures["identity_survival_8"] == 1.0


def test_watching_is_deterministic_and_imagination_discovers_nothing():
    model = WorldModel(small())
    batch: Batch = MovingSquares().first(4, 10, torch.device("cpu"))
    first, second = watch(model, batch), watch(model, batch)
    assert torch.equal(first.reconstructions, second.reconstructions)
    assert first.boxes.shape == (10, 4, 3, 4)
    futures = list(model.imagined(first.states[4], batch.actions[5:]))
    assert len(futures) == 5
    assert set(futures[-1].identity.flatten().tolist()) <= set(first.states[4].identity.flatten().tolist()) | {-1}
