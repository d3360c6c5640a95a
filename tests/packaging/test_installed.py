"""`pip install .`, and a project with an `envs` and an `agents` folder of its own that uses what was installed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

PARTS = ("sqair_wm", "envs", "agents", "configs", "train_wm.py", "setup.py", "pyproject.toml", "README.md", "LICENSE")
TINY = (
    "env=Bouncing", "device=cpu", "data.frames=150", "data.test_frames=130", "data.size=40", "data.memory=45",
    "model.hidden=32", "training.iterations=2", "training.batch=2", "training.particles=2", "training.lengths=[[0,2]]",
    "imagination.iterations=2", "imagination.steps=[[0,1]]", "imagination.batch=2", "data.report.sequences=1",
)  # fmt: skip


def run(command: list[str | Path], cwd: Path) -> str:
    """What the command prints; it does not know this checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=cwd, env=environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since building writes into the folder it builds from."""
    place = tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, place / "copy" / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (place / "copy").mkdir(exist_ok=True)
            shutil.copy(ROOT / part, place / "copy")
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    run([sys.executable, "-m", "pip", "wheel", "--quiet", *offline, "-w", place, place / "copy"], place)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of a new environment that has the wheel, and what it depends on from the environment of this process."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, symlinks=os.name != "nt")
    paths = sysconfig.get_paths(vars={"base": str(place), "platbase": str(place)})
    # The editable installation of this checkout stays out: .pth files are not read in a folder that a .pth file names.
    (Path(paths["purelib"]) / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    python = Path(paths["scripts"]) / "python"
    run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel], place
    )
    return Path(paths["scripts"])


@pytest.fixture(scope="module")
def project(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder, in which the command has trained a model."""
    place = tmp_path_factory.mktemp("project")
    for name in ("envs", "agents"):
        (place / name).mkdir()
        (place / name / "__init__.py").write_text("OWNER = 'the user'\n")
    shutil.copy(Path(__file__).parent / "project.py", place)
    run([programs / "sqair-wm", *TINY], place)
    return place


def test_the_wheel_holds_every_module_preset_and_page_inside_the_package(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = [*(ROOT / "sqair_wm").rglob("*.py"), ROOT / "sqair_wm" / "py.typed"]
    for kind in ("html", "js", "css", "md"):
        package += (ROOT / "sqair_wm").rglob(f"*.{kind}")
    rooms = [*(ROOT / "envs").rglob("*.py"), *(ROOT / "agents").rglob("*.py"), *(ROOT / "configs").rglob("*.yaml")]
    rooms += (ROOT / "agents").rglob("*.html")
    inside = {path.relative_to(ROOT).as_posix() for path in package}
    assert names == inside | {f"sqair_wm/{path.relative_to(ROOT).as_posix()}" for path in rooms} | {"train_wm.py"}


def test_the_command_trains_in_any_folder(project):
    left = {path.name for path in (project / "runs" / "Bouncing").iterdir()}
    assert {"model.safetensors", "model.json", "config.yaml", "metrics.json", "report.html"} <= left


def test_models_are_not_in_the_wheel_and_a_missing_one_says_where_to_get_it(programs, tmp_path):
    code = "import sqair_wm\ntry:\n    sqair_wm.load('Pong')\nexcept FileNotFoundError as error:\n    print(error)"
    said = run(["env", f"SQAIR_WM_MODELS={tmp_path}/none", programs / "python", "-P", "-c", code], tmp_path)
    assert "Pong holds no trained model" in said and "not a part of the installed package: train one" in said


def test_a_project_uses_what_is_installed(programs, project):
    assert "Bouncing is finished" in run([programs / "python", "project.py", *TINY], project)
