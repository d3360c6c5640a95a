"""One name for every module and every command, in a checkout as when installed."""

import ast
import importlib
import pickle
import runpy
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from sqair_wm.envs.slots import make_slots
from tests.conftest import ROOT


@pytest.mark.parametrize("room", ["envs", "agents"])
def test_a_folder_is_the_package_inside_sqair_wm(room):
    assert Path(importlib.import_module(f"sqair_wm.{room}").__file__) == ROOT / room / "__init__.py"


def test_environments_have_one_name_and_agents_may_be_run_by_that_of_their_folder(monkeypatch):
    with pytest.raises(ImportError, match=r"sqair_wm\.envs: import it by that name"):
        importlib.import_module("envs")
    monkeypatch.delitem(sys.modules, "agents", raising=False)
    assert importlib.import_module("agents") is importlib.import_module("sqair_wm.agents")


def test_nothing_else_of_the_checkout_is_a_part_of_the_package():
    for name in ("tests", "benchmarks", "train_wm", "sqair_wm"):
        assert importlib.util.find_spec(f"sqair_wm.{name}") is None


def test_the_ids_and_pickles_name_what_is_imported():
    assert gym.spec("sqair_wm/Slots-v0").entry_point == "sqair_wm.envs.slots:make_slots"
    assert b"sqair_wm.envs.slots" in pickle.dumps(make_slots) and pickle.loads(pickle.dumps(make_slots)) is make_slots


@pytest.mark.parametrize(
    ("folder", "above"), [("sqair_wm", {"sqair_wm.envs", "sqair_wm.agents"}), ("envs", {"sqair_wm.agents"})]
)
def test_no_room_imports_one_above_by_its_installed_name(folder, above):
    """import-linter sees `envs` and `agents` by their folders, and none of the imports by their installed names."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            assert not above & {".".join(name.split(".")[:2]) for name in names}, path


@pytest.mark.parametrize("name", ["table", "curves", "gallery", "crowds"])
def test_former_names_of_commands_run_the_new_ones(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module(f"sqair_wm.evaluation.{name}", run_name="__main__")
    said = capsys.readouterr()
    assert stopped.value.code == 0 and f"usage: python -m sqair_wm.reporting.{name}" in said.out
    assert said.err == f"python -m sqair_wm.evaluation.{name} is now python -m sqair_wm.reporting.{name}\n"
