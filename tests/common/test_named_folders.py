"""A model is found by its name; the error for an unknown name lists the names that there are."""

from pathlib import Path

import gymnasium as gym
import pytest

import sqair_wm
from sqair_wm.common import named_folders
from sqair_wm.common.named_folders import CONFIG, MODELS, WEIGHTS, find_folder, names
from sqair_wm.runs.run_folder import open_run
from tests.conftest import ROOT


@pytest.fixture
def here(monkeypatch, tmp_path) -> Path:
    """An empty folder to work in, with none of this user's models."""
    monkeypatch.setenv(MODELS, str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    return folder


def test_a_name_is_looked_for_in_one_order(here):
    installed = put(here / "mine" / "Pong", WEIGHTS)
    assert find_folder("Pong") == ROOT / "pretrained" / "Pong"
    assert find_folder("Tennis" if installed.rename(here / "mine" / "Tennis") else "") == here / "mine" / "Tennis"
    put(here / "runs" / "Pong", "checkpoint.pt")
    assert find_folder("Pong", (WEIGHTS,)) == ROOT / "pretrained" / "Pong", "a run without a model has nothing to give"
    (here / "runs" / "Pong" / WEIGHTS).touch()
    assert find_folder("Pong", (WEIGHTS,)) == Path("runs/Pong")
    put(here / "Pong")
    assert find_folder("Pong", (WEIGHTS,)) == Path("Pong"), "a path that exists is taken as it is"


def test_the_committed_models_load_by_name_from_anywhere(here):
    model = sqair_wm.load("Pong")
    assert model.source is not None and model.source.game == "Pong"
    env = gym.make("sqair_wm/Imagination-v0", model="Pong", horizon=2, start_states=1)
    assert env.observation_space.shape == (6, 7 + model.config.what)
    env.close()


def test_in_the_checkout_a_name_is_written_as_one_would(here, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert find_folder("Pong", (WEIGHTS,)) in (Path("runs/Pong"), Path("pretrained/Pong"))


def test_an_unknown_name_is_answered_with_the_known_ones_and_where_they_lie(here):
    put(here / "mine" / "Chess", WEIGHTS)
    with pytest.raises(FileNotFoundError) as said:
        sqair_wm.load("Pnog")
    text = str(said.value)
    assert text.startswith("Pnog holds no trained model: there is no such folder and no such name")
    known = "Boxing Boxing-dream Breakout Breakout-dream Chess Freeway Freeway-dream "
    known += "MsPacman MsPacman-dream Pong Pong-dream"
    assert "did you mean Pong? " in text and ", ".join(known.split()) in text
    assert str(here / "mine") in text and str(ROOT / "pretrained") in text
    assert {"Chess", "MsPacman"} <= set(names())


def test_a_path_is_not_taken_for_a_name(here):
    with pytest.raises(FileNotFoundError, match="elsewhere/Pong holds no trained model: there is no such folder;"):
        sqair_wm.load("elsewhere/Pong")


def test_a_model_without_its_run_is_said_to_be_one(here):
    with pytest.raises(FileNotFoundError, match=rf"pretrained/Pong holds no run: {CONFIG} is missing"):
        open_run(Path("Pong"))


def test_an_installed_package_without_models_says_where_to_get_some(here, monkeypatch):
    installed = here / "site-packages" / "sqair_wm" / "common" / "named_folders.py"
    monkeypatch.setattr(named_folders, "__file__", str(installed))
    assert names() == []
    with pytest.raises(FileNotFoundError, match="not a part of the installed package: train one"):
        sqair_wm.load("Pong")
