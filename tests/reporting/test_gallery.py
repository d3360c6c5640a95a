import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from sqair_wm.common.figures import ZOOM
from sqair_wm.common.frame import Frame
from sqair_wm.data.moving_mnist import MovingMNIST
from sqair_wm.data.sequences import Batch, Truth
from sqair_wm.evaluation.digits.hardness import hardest
from sqair_wm.evaluation.kinds import kind_of
from sqair_wm.reporting import gallery
from sqair_wm.world.world_model import WorldModel
from tests.conftest import MovingSquares, small

CPU = torch.device("cpu")


def fresh(architecture="sqair"):
    """The same untrained model every time; it discovers something in half of its first frames."""
    torch.manual_seed(4)
    return WorldModel(small(architecture=architecture)).eval()


def scene_batch(boxes, there):
    frames = torch.zeros(len(boxes), len(boxes[0]), 1, 24, 24)
    zeros = torch.zeros(frames.shape[:2])
    truth = Truth(torch.tensor(boxes).float(), torch.tensor(there), torch.zeros(len(boxes[0]), 2, dtype=torch.int64))
    return Batch(Frame(frames), zeros.long(), zeros, zeros.bool(), truth)


def test_rows_are_frames_and_reconstructions():
    batch = MovingSquares().first(3, 4, CPU)
    film = gallery.inference_film(fresh(), batch)
    assert len(film) == 4 and len(film[0]) == 6 and {p.shape for row in film for p in row} == {(24 * ZOOM,) * 2 + (3,)}
    shown = (255 * batch.frames.foreground[2, 1, 0]).round().byte().numpy().repeat(ZOOM, 0).repeat(ZOOM, 1)
    assert (film[2][2] == shown[..., None]).all()
    assert gallery.strip(film, 2).shape == (6 * (24 * ZOOM + 4), 2 * (24 * ZOOM + 4), 3)


def test_samples_keep_the_objects_of_their_first_frame(monkeypatch):
    states, model = [], fresh()
    imagine = model.imagine

    def recorded(slots, action=None, *, discover=True, **options):
        states.append((imagine(slots, action, discover=discover, **options), discover))
        return states[-1][0]

    monkeypatch.setattr(model, "imagine", recorded)
    film = gallery.sample_film(model, 20, 5)
    assert [d for _, d in states] == [True] + [False] * 4 and len(film[0]) == 20
    first = [set(row.tolist()) for row in states[0][0].identity]
    assert any(len(ids) > 1 for ids in first)
    assert all(set(row.tolist()) <= ids | {-1} for row, ids in zip(states[-1][0].identity, first, strict=True))


def test_the_future_is_imagined_from_what_was_seen_only():
    batch, model = MovingSquares().first(2, 6, CPU), fresh()
    changed = Batch(batch.frames.map(torch.clone), batch.actions, batch.rewards, batch.ends)
    changed.frames.foreground[3:] = 0

    def drawn(b):
        torch.manual_seed(0)
        return [row[1::2] for row in gallery.future_film(model, b, seen=3)]

    assert np.array_equal(drawn(batch), drawn(changed))
    changed.frames.foreground[2] = 0
    assert not np.array_equal(drawn(batch), drawn(changed))


def test_two_models_stand_below_one_another():
    batch = MovingSquares().first(2, 3, CPU)
    film = gallery.comparison_film(fresh(), fresh("vrnn"), batch)
    assert len(film[0]) == 6 and np.array_equal(film[1][0], gallery.inference_film(fresh(), batch)[1][0])


def test_hard_sequences_are_found():
    inside, outside = [2.0, 2, 8, 8], [20.0, 2, 8, 8]
    near = [4.0, 2, 8, 8]
    boxes = [[[inside, [14.0, 14, 8, 8]], [inside, near], [inside, outside], [outside, near]]]
    there = [[[True, True], [True, True], [True, True], [False, True]]]
    chosen = hardest(scene_batch(boxes, there), 2)
    assert chosen.truth.boxes[0, 0, 1].tolist() == near and chosen.truth.boxes[0, 1, 1].tolist() == outside
    with pytest.raises(ValueError, match="are not known"):
        hardest(MovingSquares().first(3, 2, CPU), 2)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two finished runs on bars."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[:, 8:19, 10:18] = 255
    data = MovingMNIST(images, np.arange(4, dtype=np.uint8), size=24)
    monkeypatch.setattr(gallery, "kind_of", lambda config: replace(kind_of(config), build=lambda config: (data, data)))
    for name, architecture in (("a", "sqair"), ("b", "air")):
        folder = tmp_path / name
        folder.mkdir()
        chosen = {"kind": "moving_mnist", "mnist": "x", "report": {"seen": 3}}
        OmegaConf.save({"data": chosen, "env": None}, folder / "config.yaml")
        (folder / "metrics.json").write_text(json.dumps({}))
        (folder / "report.html").write_text("")
        fresh(architecture).save(folder)
    return tmp_path


def test_the_command_draws_everything(runs, capsys):
    out = runs / "out"
    gallery.main([str(runs / "a"), "--out", str(out), "--against", str(runs / "b"), "--frames", "12"])
    names = {"inference", "long", "samples", "futures", "hard"}
    assert {p.name for p in out.iterdir()} == {f"{n}.{kind}" for n in names for kind in ("png", "gif")}
    assert Image.open(out / "long.gif").n_frames > 1 and "hard.gif" in capsys.readouterr().out


def test_runs_on_games_are_refused(runs):
    OmegaConf.save({"data": {"frames": 3}, "env": "Pong"}, runs / "a" / "config.yaml")
    with pytest.raises(SystemExit, match="needs actions"):
        gallery.main([str(runs / "a"), "--out", str(runs / "out")])
