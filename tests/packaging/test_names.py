"""Every module and command has one name, in a checkout and when installed."""

import ast
import importlib
import pickle
import runpy
import subprocess
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


def test_an_editable_installation_of_another_checkout_is_not_mixed_in(tmp_path):
    """setuptools puts a finder for `sqair_wm.envs` on `sys.meta_path` when Python starts; so does this program."""
    (tmp_path / "__init__.py").write_text("")
    program = (
        "import sys\n"
        "from importlib.util import spec_from_file_location\n"
        "class Editable:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'sqair_wm.envs':\n"
        f"            return spec_from_file_location(name, {str(tmp_path / '__init__.py')!r})\n"
        "sys.meta_path.append(Editable)\n"
        "import sqair_wm.envs\n"
        "print(sqair_wm.envs.__file__)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == str(ROOT / "envs" / "__init__.py"), result.stderr


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
        if path.is_relative_to(ROOT / "sqair_wm" / "playground"):
            continue  # the room above all others
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
