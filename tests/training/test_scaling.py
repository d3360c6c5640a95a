"""Precision, memory, processes and working ahead must not change what is computed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.scenes import ATARI, certain_model, moving_sprites
from sqair_wm.model.sqair import SQAIR
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.prefetch import Prefetcher
from tests.conftest import PAPER, ROOT, MovingSquares, small

CPU = torch.device("cpu")


def loss_and_gradients(bound, frames, seed=3):
    bound.zero_grad()
    torch.manual_seed(seed)
    loss, _ = bound(frames, None, Annealing(discovery_dropout=0.3))
    loss.backward()
    return loss.detach(), torch.cat([p.grad.flatten() for p in bound.parameters() if p.grad is not None])


def squares(t=4, b=3):
    return MovingSquares().first(b, t, CPU).frames


@pytest.mark.parametrize("config", [small(), small(**PAPER)], ids=["guided", "paper"])
def test_recomputing_gives_the_same_gradients(config):
    model, results = SQAIR(config), []
    for recompute in (False, True):
        results.append(loss_and_gradients(SequenceBound(model, 2, recompute=recompute), squares()))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


def test_recomputing_keeps_far_less_for_the_backward_pass():
    from benchmarks.measure import saved_bytes

    model, frames = certain_model(small()), squares(8, 4)
    bounds = [SequenceBound(model, 4, recompute=recompute) for recompute in (False, True)]
    kept = [saved_bytes(lambda bound=bound: bound(frames, None, Annealing())[0]) for bound in bounds]
    assert kept[1] < 0.3 * kept[0]


@pytest.mark.parametrize("config", [small(), small(**PAPER)], ids=["guided", "paper"])
def test_low_precision_keeps_the_value_of_the_bound(config):
    model, frames, values = SQAIR(config, dense=True), squares(), []
    for low in (False, True):
        torch.manual_seed(3)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss, statistics = SequenceBound(model, 5)(frames, None, Annealing())
        assert all(value.dtype == torch.float32 for value in statistics.values())
        values.append(float(loss))
    assert values[0] != values[1] and abs(values[0] - values[1]) < 0.02 * abs(values[0])


def test_the_image_likelihood_is_exact_in_low_precision():
    model, frames = certain_model(ATARI, dense=True).requires_grad_(False), moving_sprites(ATARI, 2, 2, 3)
    slots, _ = model.observe(model.initial(2), frames[0])
    glimpses = model.appearance.decode(slots.what)
    from sqair_wm.nn.attention import place_whole
    from sqair_wm.nn.where import window

    exact = place_whole(glimpses, *window(slots.where), (80, 80))
    with torch.autocast("cpu", torch.bfloat16):
        low = place_whole(glimpses, *window(slots.where), (80, 80))
    torch.testing.assert_close(low, exact, rtol=0, atol=0)


def test_working_ahead_hands_out_the_same_batches_and_continues_from_its_state():
    def sample(iteration, generator):
        return (iteration, float(torch.rand((), generator=generator)))

    plain, ahead = (Prefetcher(sample, torch.Generator().manual_seed(1), a) for a in (False, True))
    assert [plain.next(i) for i in range(4)] == [ahead.next(i) for i in range(4)]
    resumed = Prefetcher(sample, torch.Generator(), True)
    assert torch.equal(plain.state, ahead.state)
    resumed.set_state(ahead.state)
    assert resumed.next(4) == plain.next(4)


def test_two_processes_have_the_gradients_of_one_with_the_doubled_batch(tmp_path):
    script = Path(__file__).parent / "two_processes.py"
    command, environment = [sys.executable, str(script), str(tmp_path / "g.pt")], os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert result.returncode == 0, result.stderr
    from tests.training.two_processes import half_batch, model

    bound, both = SequenceBound(model(), 2), []
    for rank in range(2):
        both.append(loss_and_gradients(bound, half_batch(rank), seed=100 + rank)[1])
    expected = (both[0] + both[1]) / 2
    found = torch.load(tmp_path / "g.pt", weights_only=True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("what", ["observe", "training step"])
def test_cost_follows_the_objects_that_are_present_not_the_slots(what):
    from dataclasses import replace

    from benchmarks.cases import observe_call, training_step
    from benchmarks.measure import seconds

    configs = [replace(ATARI, slots=n) for n in (3, 24)]
    if what == "observe":
        calls = [observe_call(c, 64, 2, False) for c in configs]
    else:
        calls = [training_step(c, 16, 4, 2, False) for c in configs]
        for c in configs:
            _, statistics = SequenceBound(certain_model(c), 5)(moving_sprites(c, 16, 4, 2), None, Annealing())
            assert abs(float(statistics["objects"]) - 2) < 0.05
    ratios = []
    for _ in range(4):
        few, many = (seconds(call, 0.4) for call in calls)
        ratios.append(many / few)
        if ratios[-1] < 1.3:
            return
    pytest.fail(f"24 slots cost {ratios} times what 3 cost")
