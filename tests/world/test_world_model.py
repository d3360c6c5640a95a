import re

import numpy as np
import pytest
import torch

import sqair_wm
from sqair_wm.common.frame import Frame
from sqair_wm.model.slots import Noise
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import DESCRIPTION, WEIGHTS, WorldModel
from tests.conftest import CONV, PAPER, small


def atari_model():
    background = np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    return WorldModel(small(channels=4), Source("Pong", 24, crop=(34, 194)), background)


def step(model):
    slots = model.initial(2)
    torch.manual_seed(1)
    return model.observe(slots, Frame(torch.rand(2, model.config.channels, 24, 24)), noise=Noise.none(slots))[1]


@pytest.mark.parametrize("make", [atari_model, lambda: WorldModel(small(**PAPER, **CONV))])
def test_a_saved_model_loads_the_same(tmp_path, make):
    model = make()
    model.save(tmp_path)
    loaded = sqair_wm.load(tmp_path)
    assert loaded.config == model.config and loaded.source == model.source and not loaded.training
    assert torch.equal(loaded.background, model.background)
    torch.testing.assert_close(step(loaded).log_likelihood, step(model).log_likelihood, rtol=0, atol=0)
    assert not any(p.requires_grad for p in loaded.parameters())
    weights, description = (tmp_path / name for name in ("model.safetensors", "model.json"))
    assert weights.stat().st_mode == description.stat().st_mode


def test_missing_damaged_and_foreign_models_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="no trained model"):
        sqair_wm.load(tmp_path / "nowhere")
    atari_model().save(tmp_path)
    whole = (tmp_path / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(whole[:500])
    with pytest.raises(ValueError, match="damaged"):
        sqair_wm.load(tmp_path)
    (tmp_path / WEIGHTS).write_bytes(whole)
    text = re.sub(r'"checksum".*', "", (tmp_path / DESCRIPTION).read_text())  # as after editing by hand
    (tmp_path / DESCRIPTION).write_text(text.replace('"hidden": 32', '"hidden": 16'))
    with pytest.raises(ValueError, match="do not belong together"):
        sqair_wm.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text(text.replace('"hidden"', '"width"'))
    with pytest.raises(ValueError, match="unknown model settings"):
        sqair_wm.load(tmp_path)


def test_eyes_see_a_running_game_as_the_recording_does(tmp_path):
    from sqair_wm.data.atari import record
    from sqair_wm.games.play import Recording

    recording = Recording("Pong", frames=40, size=24)
    sequences = record(recording, tmp_path / "pong", np.zeros((24, 24, 3), np.uint8))
    model = WorldModel(small(channels=4), Source("Pong", 24), sequences.background)
    env, preprocess = model.make_env(), model.preprocessor()
    frame, _ = env.reset(seed=0)
    seen = [preprocess(frame)]
    for action in sequences.actions[1:]:
        seen.append(preprocess(env.step(int(action))[0]))
    recorded = sequences.first(1, 40, torch.device("cpu")).frames
    for name, there in vars(Frame.stack(seen)).items():
        torch.testing.assert_close(there[:, 0], getattr(recorded, name)[:, 0])


def test_a_model_of_no_game_has_no_game():
    with pytest.raises(ValueError, match="not trained on a game"):
        WorldModel(small()).make_env()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inference": "magic"}, "choose one of guided, paper"),
        ({"encoder": "conv"}, r"needs model\.inference=paper"),
        ({**CONV, "inference": "paper", "glimpse": (9, 8)}, "multiples of 4"),
        ({"slots": 0}, "at least 1"),
    ],
)
def test_models_that_cannot_be_are_errors(changes, message):
    with pytest.raises(ValueError, match=message):
        WorldModel(small(**changes))
