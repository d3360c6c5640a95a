import gzip
import hashlib

import numpy as np
import pytest
import torch

from sqair_wm.data.mnist import load_mnist, read_idx
from sqair_wm.data.moving_mnist import MovingMNIST, crop_digits
from sqair_wm.data.sequences import Batch
from tests.faults.damage import WAYS

CPU = torch.device("cpu")


def digits(count=40):
    random = np.random.default_rng(0)
    images = np.zeros((count, 28, 28), np.uint8)
    for image in images:
        h, w = random.integers(14, 21), random.integers(6, 21)
        image[4 : 4 + h, 4 : 4 + w] = random.integers(60, 200)
    return images, (np.arange(count) % 10).astype(np.uint8)


@pytest.fixture(scope="module")
def data():
    return MovingMNIST(*digits())


def visible_share(batch: Batch) -> torch.Tensor:
    corner, size = batch.truth.boxes[..., :2], batch.truth.boxes[..., 2:]
    return ((corner + size).clamp(max=50) - corner.clamp(min=0)).clamp(min=0).prod(-1) / size.prod(-1)


def test_counts_are_uniform_and_constant(data):
    batch = data.first(1200, 3, CPU)
    count = batch.truth.presence.sum(2)
    assert (count == count[0]).all()
    shares = torch.bincount(count[0], minlength=3) / 1200
    assert (shares - 1 / 3).abs().max() < 0.05


def test_digits_start_inside_without_overlap_and_slip_out_only_right_and_below(data):
    batch = data.first(600, 10, CPU)
    boxes, there = batch.truth.boxes, batch.truth.presence
    assert (visible_share(batch)[0][there[0]] == 1).all()
    two = there[0].all(1)
    a, b = boxes[0, two, 0], boxes[0, two, 1]
    apart = (a[:, :2] + a[:, 2:] <= b[:, :2]).any(1) | (b[:, :2] + b[:, 2:] <= a[:, :2]).any(1)
    assert apart.all()
    assert boxes[..., :2][there].min() >= 0 and boxes[..., :2][there].max() <= 50


def test_motion_has_the_statistics_of_the_released_generator(data):
    batch = data.first(3000, 10, CPU)
    corner, there = batch.truth.boxes[..., :2], batch.truth.presence
    moved = (corner[1:] - corner[:-1]).norm(dim=-1)[there[1:]]
    assert float(moved.mean()) == pytest.approx(9.3, abs=0.2) and float((corner[1:] - corner[:-1]).abs().max()) <= 11


def test_overlapping_digits_are_merged_by_the_maximum(data):
    batch = data.first(300, 6, CPU)
    assert batch.frames.foreground.shape == (6, 300, 1, 50, 50) and float(batch.frames.foreground.max()) == 1.0
    empty = ~batch.truth.presence[0].any(1)
    assert not batch.frames.foreground[:, empty].any()


def test_frames_agree_with_the_boxes(data):
    batch = data.first(200, 5, CPU)
    one = batch.truth.presence[0].sum(1) == 1
    for t, b in [(t, int(b)) for t in range(5) for b in one.nonzero()[:20]]:
        top, left, height, width = batch.truth.boxes[t, b, 0].int().tolist()
        inside = batch.frames.foreground[t, b, 0, top : top + height, left : left + width]
        assert float(inside.sum()) == pytest.approx(float(batch.frames.foreground[t, b].sum()))


def test_fixed_sequences_do_not_depend_on_how_they_are_asked_for(data):
    whole = data.first(300, 4, CPU)
    assert torch.equal(whole.frames.foreground[:, 200:], data.first(100, 4, CPU, start=200).frames.foreground)
    a, b = (data.sample(5, 4, torch.Generator().manual_seed(2), CPU) for _ in range(2))
    assert torch.equal(a.frames.foreground, b.frames.foreground)


def test_the_default_sequences_are_what_they_always_were(data):
    batch = data.first(200, 6, CPU)
    parts = (
        (batch.frames.foreground * 255).round().byte(),
        batch.truth.boxes,
        batch.truth.presence,
        batch.truth.labels,
    )
    assert hashlib.sha256(b"".join(x.numpy().tobytes() for x in parts)).hexdigest()[:16] == "a347c0f90d15ebd7"


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.3])
def test_digits_of_another_size(scale):
    plain, scaled = MovingMNIST(*digits()), MovingMNIST(*digits(), scale=scale)
    assert np.abs(scaled.extents - scale * plain.extents).max() <= 0.5
    ink = scaled.digits.sum((1, 2)) / plain.digits.sum((1, 2))
    assert float(ink.mean()) == pytest.approx(scale**2, rel=0.05)
    with pytest.raises(ValueError, match="choose a larger"):
        MovingMNIST(*digits(), size=12)
    with pytest.raises(ValueError, match="positive"):
        MovingMNIST(*digits(), scale=0)


def test_many_small_digits():
    batch = MovingMNIST(*digits(), size=48, most=6, scale=0.5).first(700, 2, CPU)
    shares = torch.bincount(batch.truth.presence[0].sum(1), minlength=7) / 700
    assert (shares - 1 / 7).abs().max() < 0.05 and batch.frames.foreground.shape == (2, 700, 1, 48, 48)
    with pytest.raises(ValueError, match="side by side"):
        MovingMNIST(*digits(), size=21, most=3).first(1, 1, CPU)


def test_lively_digits_come_and_go_once():
    batch = MovingMNIST(*digits(), lively=True).first(600, 10, CPU)
    there = batch.truth.presence
    rises = there[0].int() + (there[1:] & ~there[:-1]).sum(0)
    number = rises.sum(1)
    assert rises.max() == 1 and (torch.bincount(number, minlength=3) / 600 - 1 / 3).abs().max() < 0.06
    assert (there[1:] & ~there[:-1]).any() and (there[:-1] & ~there[1:]).any() and there.all(0).any()
    assert not batch.frames.foreground[~there.any(2)].any() and not batch.truth.labels[rises == 0].any()


def test_digits_are_cropped_and_stretched():
    images, _ = digits()
    cropped, extents = crop_digits(images)
    assert (cropped[:, 0, 0] == 255).all() and (extents <= 21).all() and (extents[:, 0] >= 14).all()
    with pytest.raises(ValueError, match="empty"):
        crop_digits(np.zeros((1, 28, 28), np.uint8))


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(header + array.tobytes())


def test_idx_files_are_read_plain_and_compressed(tmp_path):
    images, labels = digits(7)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images)
    write_idx(tmp_path / "plain", labels)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    found = load_mnist(tmp_path, train=False)
    assert np.array_equal(found[0], images) and np.array_equal(found[1], labels)


def test_damaged_and_missing_files_are_errors(tmp_path, monkeypatch):
    import pooch

    write_idx(tmp_path / "x", digits(3)[0])
    (tmp_path / "short").write_bytes((tmp_path / "x").read_bytes()[:-5])
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="cut short"):
        read_idx(tmp_path / "short")
    with pytest.raises(ValueError, match="not an IDX file"):
        read_idx(tmp_path / "text")

    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(pooch, "retrieve", offline)
    with pytest.raises(FileNotFoundError, match=r"data\.mnist=FOLDER"):
        load_mnist(tmp_path, train=True)


def test_a_crowd_has_as_many_digits_as_are_asked_for_even_where_they_cannot_all_be_apart(monkeypatch):
    monkeypatch.setattr("sqair_wm.data.moving_mnist.ROUNDS", 3)
    crowd = {"size": 30, "scale": 0.75, "least": 6, "most": 6}
    batch = MovingMNIST(*digits(), crowded=True, **crowd).first(100, 1, CPU)
    assert (batch.truth.presence.sum(2) == 6).all()
    boxes = batch.truth.boxes[0]
    assert boxes[..., :2].min() >= 0 and (boxes[..., :2] + boxes[..., 2:]).max() <= 30
    with pytest.raises(ValueError, match=r"data\.crowded=true"):
        MovingMNIST(*digits(), **crowd).first(100, 1, CPU)


def test_the_number_of_digits_starts_at_the_least(data):
    batch = MovingMNIST(*digits(), least=1, most=2).first(400, 1, CPU)
    assert set(batch.truth.presence.sum(2).flatten().tolist()) == {1, 2}


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
def test_whatever_is_damaged_is_named(tmp_path, name):
    write_idx(tmp_path / "plain", digits(3)[0])
    (tmp_path / "packed.gz").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    path = tmp_path / name
    whole, images = path.read_bytes(), read_idx(path)
    for way in WAYS.values():
        for seed in range(20):
            path.write_bytes(way(whole, seed))
            try:
                found = read_idx(path)
            except ValueError as error:
                assert name in str(error)
            else:  # files that are not compressed have no checksum of their own
                assert found.shape == images.shape and (name == "plain" or np.array_equal(found, images))
