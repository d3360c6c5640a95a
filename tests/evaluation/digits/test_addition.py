import numpy as np
import pytest
import torch

from sqair_wm.evaluation.digits.addition import ObjectProbe, ProbeConfig, addition_metrics, code, features, train_probe
from sqair_wm.model.baselines import build
from sqair_wm.world.world_model import WorldModel
from tests.conftest import MovingSquares, random_scene, small

QUICK = ProbeConfig(iterations=300, batch=200)


def digits(sequences: int, noise: float = 0.1):
    """Codes `[3, B, 12]` of up to two digits 0..3, noisy one-hot codes in random slots of three; sums `[B]`."""
    number = torch.randint(0, 3, (sequences,))
    labels = torch.randint(0, 4, (sequences, 2)) * (torch.arange(2) < number[:, None])
    slots = torch.stack([torch.randperm(3)[:2] for _ in range(sequences)])
    there = (torch.arange(2) < number[:, None]).float()
    codes = torch.zeros(sequences, 3, 4)
    codes[torch.arange(sequences)[:, None], slots] = torch.nn.functional.one_hot(labels, 4).float() * there[..., None]
    return (codes + noise * torch.randn(3, *codes.shape)).flatten(2), labels.sum(1)


def test_sums_of_recognisable_digits_are_learnt():
    probe = train_probe(*digits(2000), classes=7, config=QUICK)
    found = addition_metrics(probe, *digits(500))
    assert found["addition_accuracy"] > 0.97 and found["addition_accuracy_sequence"] > 0.98


def test_reading_one_object_at_a_time_adds_pairs_that_were_never_seen():
    codes, sums = digits(3000)
    new = sums == 6
    probe = train_probe(codes[:, ~new], sums[~new], classes=7, config=QUICK, slots=3)
    assert addition_metrics(probe, codes[:, new], sums[new])["addition_accuracy"] > 0.9
    whole = train_probe(codes[:, ~new], sums[~new], classes=7, config=QUICK)
    assert addition_metrics(whole, codes[:, new], sums[new])["addition_accuracy"] < 0.1


def test_sums_of_objects_are_as_likely_as_their_digits():
    probe = ObjectProbe(torch.randn(50, 3 * 4), classes=30, slots=3)
    x = torch.randn(2, 3, 4) * torch.tensor([1.0, 0.0, 1.0])[:, None]
    digit = probe.net((x - probe.mean) * probe.scale).softmax(-1).detach().numpy()
    found = probe(x.flatten(1)).exp()
    for row, d in zip(found, digit, strict=True):
        assert row[:19].tolist() == pytest.approx(np.convolve(d[0], d[2]).tolist(), abs=1e-6)
        assert row[19:].max() < 1e-8
    assert probe(torch.zeros(1, 12)).argmax() == 0


def test_codes_that_say_nothing_give_no_better_than_the_commonest_sum():
    codes, sums = digits(1500)
    probe = train_probe(torch.randn_like(codes), sums, classes=7, config=QUICK)
    test_codes, test_sums = digits(500)
    found = addition_metrics(probe, torch.randn_like(test_codes), test_sums)
    assert found["addition_accuracy"] < float(test_sums.bincount().max() / len(test_sums)) + 0.05


def test_frames_of_a_sequence_vote_by_their_certainty():
    logits = torch.tensor([[[0.0, 5.0], [3.0, 0.0]], [[1.0, 0.0], [3.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    found = addition_metrics(torch.nn.Identity(), logits, torch.tensor([1, 1]))
    assert found["addition_accuracy"] == pytest.approx(2 / 6) and found["addition_accuracy_sequence"] == 0.5


def test_probes_are_reproducible_and_leave_the_random_state_alone():
    codes, sums = digits(50)
    before = torch.get_rng_state()
    a, b = (train_probe(codes, sums, 7, ProbeConfig(iterations=5, batch=8)) for _ in range(2))
    assert torch.equal(a(codes), b(codes)) and torch.equal(before, torch.get_rng_state())


def test_empty_slots_are_invisible_to_the_probe():
    model = build(small())
    scene = random_scene(small(), 4, present=2)
    other = scene.replace(what=torch.where(scene.presence[..., None] > 0, scene.what, 99.0))
    assert torch.equal(code(model, scene), code(model, other)) and code(model, scene).shape == (4, 12)
    assert code(model, scene)[:, :8].abs().min() > 0


@pytest.mark.parametrize(("architecture", "width"), [("sqair", 12), ("air", 12), ("vrnn", 4)])
def test_every_model_has_features(architecture, width):
    model = WorldModel(small(architecture=architecture))
    frames = MovingSquares().first(5, 3, torch.device("cpu")).frames
    first = features(model, frames)
    assert first.shape == (3, 5, width) and torch.equal(first, features(model, frames))


def test_sums_out_of_range_are_refused():
    codes, sums = digits(50)
    with pytest.raises(ValueError, match=r"0\.\.2"):
        train_probe(codes, sums, 3)
    with pytest.raises(ValueError, match="50 sequences"):
        train_probe(codes, sums[:9], 7)
    with pytest.raises(ValueError, match="no objects"):
        train_probe(torch.zeros_like(codes), sums, 7, slots=3)
