"""The notebook runs from its first cell to its last, and what it shows is saved in it."""

import json

import gymnasium as gym
import pytest

from docs.run_notebook import run
from tests.conftest import ROOT

PATH = ROOT / "docs" / "tour.ipynb"


@pytest.fixture
def notebook():
    return json.loads(PATH.read_text())


@pytest.fixture
def tidy_registry():
    before = set(gym.registry)
    yield
    for name in set(gym.registry) - before:
        del gym.registry[name]


def test_its_cells_run(notebook, monkeypatch, tidy_registry):
    monkeypatch.chdir(ROOT / "docs")
    monkeypatch.setenv("TOUR_MINUTES", "0.02")
    monkeypatch.setenv("TOUR_STEPS", "3")
    names = run(notebook, PATH.name)
    assert names["agent"].num_timesteps > 480 and names["outcomes"].reward.shape == (15, 1)
    assert (names["info"]["identities"] >= 0).sum() >= 2


def test_what_it_shows_is_saved_and_small(notebook):
    assert PATH.stat().st_size <= 1_000_000
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell["outputs"] for cell in cells), "python docs/run_notebook.py docs/tour.ipynb saves them"
    shown = [output for cell in cells for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
    assert not any("Error" in "".join(output.get("text", [])) for output in shown)
