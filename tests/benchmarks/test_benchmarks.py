import json
import sys

import pytest
import torch

from benchmarks.__main__ import main
from benchmarks.cases import CASES
from benchmarks.counting import counting_accuracy
from benchmarks.measure import arithmetic, peak
from benchmarks.scenes import ATARI, MNIST, certain_model, moving_sprites, settled


def test_a_named_benchmark_runs_alone_and_writes_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "render_64", "--json", str(tmp_path / "rows.json")])
    main()
    (row,) = json.loads((tmp_path / "rows.json").read_text())
    assert set(row) == {"name", "rate", "unit", "peak_share", "vs_dense"}
    assert row["name"] == "render_64" and row["rate"] > 10 and 0 < row["peak_share"] < 1.2 and row["vs_dense"] > 0
    assert "render_64" in capsys.readouterr().out


def test_unknown_benchmarks_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "trian_step"])
    with pytest.raises(SystemExit):
        main()
    assert "train_step" in capsys.readouterr().err


def test_everything_that_is_promised_is_timed():
    expected = {"train_step", "render_64", "data", "real_game", "wrapper_step", "imagination_1", "imagination_256"}
    expected |= {f"observe_{n}" for n in (1, 8, 64)} | {f"imagine_{n}" for n in (1, 256, 1024)}
    assert expected <= set(CASES)


@pytest.mark.parametrize(("config", "objects"), [(MNIST, 1), (ATARI, 5)])
def test_scenes_hold_the_objects_they_promise(config, objects):
    slots = settled(certain_model(config), moving_sprites(config, 4, 3, objects), 3)
    assert (slots.count == objects).all()


def test_arithmetic_counts_matrix_products():
    a = torch.randn(10, 20)
    assert arithmetic(lambda: a @ a.T) == 2 * 10 * 20 * 10 and peak(1) > 1e9


def test_counting_accuracy_of_an_untrained_and_of_a_perfect_count():
    from sqair_wm.data.moving_mnist import MovingMNIST
    from sqair_wm.model.sqair import SQAIR

    images = torch.zeros(12, 28, 28, dtype=torch.uint8)
    images[:, 4:24, 6:20] = 255
    data = MovingMNIST(images.numpy(), torch.arange(12).numpy() % 10)
    model = certain_model(MNIST)
    assert counting_accuracy(model, data, 100, 1) > 0.9
    torch.nn.init.constant_(list(model.inference.discovery.presence.children())[-1].bias, -12.0)
    batch = data.first(100, 1, torch.device("cpu"))
    empty = float((batch.truth.presence[0].sum(1) == 0).float().mean())
    assert counting_accuracy(model, data, 100, 1) == pytest.approx(empty) and isinstance(model, SQAIR)
