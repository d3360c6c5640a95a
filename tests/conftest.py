"""Small models and data that the tests share."""

from __future__ import annotations

import importlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.data.sequences import Batch
from sqair_wm.model.baselines import build
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Slots
from sqair_wm.model.sqair import SQAIR

if TYPE_CHECKING:
    from tests.golden.shared import Run

ROOT = Path(__file__).parent.parent
PAPER = {
    "inference": "paper", "discovery_prior": "paper", "residual": False, "mean_image": True, "stay_bias": 10.0,
}  # fmt: skip
CONV = {"encoder": "conv", "decoder": "conv"}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@contextmanager
def no_data_from_host() -> Iterator[None]:
    """Making a tensor of Python numbers raises: on a GPU it would be a copy that has to be waited for."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a tensor is made of numbers of the host")

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((torch, "tensor"), (torch, "as_tensor"), (torch.Tensor, "new_tensor")):
            patch.setattr(owner, name, refuse)
        yield


def small(**changes: object) -> ModelConfig:
    """A guided model that is quick to run: 24x24 grey frames, 5x5 objects, 3 slots."""
    settings: dict = dict(
        frame_size=(24, 24), object_size=(5.0, 5.0), slots=3, what=4, glimpse=(8, 8), hidden=32, output_std=0.2,
        least_std=(0.01, 0.01),
    )  # fmt: skip
    return ModelConfig(**(settings | changes))


def twin(model: SQAIR, dense: bool) -> SQAIR:
    """A model with the same weights that computes densely, or not."""
    other = build(model.config, dense)
    other.load_state_dict(model.state_dict())
    return other


class Observes:
    """Makes a model of a test filter as it observes."""

    def filter(self, slots: Slots, frame: Frame, action: torch.Tensor | None = None, **options: object) -> Slots:
        return self.observe(slots, frame, action)[0]  # type: ignore[attr-defined]


def random_scene(config: ModelConfig, batch: int, present: int) -> Slots:
    """Scenes of three slots, of which the first `present` hold objects anywhere."""
    slots = SQAIR(config).initial(batch)
    there = (torch.arange(3) < present).float().expand(batch, 3).contiguous()
    return slots.replace(
        presence=there,
        identity=torch.where(there > 0, torch.arange(3), -1),
        what=torch.randn_like(slots.what),
        where=torch.randn_like(slots.where),
        velocity=0.1 * torch.randn_like(slots.velocity),
        scenery=torch.rand_like(slots.scenery),
    )


class MovingSquares:
    """One or two bright squares that drift over a black frame; a data set with known truth."""

    frame_size, channels, scenery, number_of_actions = (24, 24), 1, 0, 0

    def sample(self, batch: int, length: int, generator: torch.Generator, device: torch.device) -> Batch:
        def uniform(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=generator)

        place, step = 3 + 13 * uniform(batch, 2, 2), 3 * (uniform(batch, 2, 2) - 0.5)
        there = torch.cat([torch.ones(batch, 1), (uniform(batch, 1) < 0.5).float()], 1)
        places = place + step * torch.arange(length)[:, None, None, None]
        pixels = torch.arange(24.0)
        inside = ((pixels - places[..., None]).clamp(min=-1, max=6) * (6 - (pixels - places[..., None]))).clamp(0, 1)
        squares = inside[..., 0, :, None] * inside[..., 1, None, :] * there[..., None, None]
        frames = squares.amax(2).unsqueeze(2)
        zeros = torch.zeros(length, batch)
        return Batch(Frame(frames.to(device)), zeros.long(), zeros, zeros.bool())

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        return self.sample(batch, length, torch.Generator().manual_seed(99), device)


@pytest.fixture
def squares() -> MovingSquares:
    return MovingSquares()


@pytest.fixture(scope="session")
def train_wm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess]:
    """Call `train_wm.py` as a user would, with recordings and runs in one folder of this session.

    It runs in this process, to save the time of starting another one.
    """
    folder = tmp_path_factory.mktemp("work")

    def run(*settings: str) -> subprocess.CompletedProcess:
        return in_this_process(["train_wm.py", f"runs={folder}/runs", f"data.folder={folder}/data", *settings])

    run.folder = folder  # type: ignore[attr-defined]
    return run


def in_this_process(command: list[str]) -> subprocess.CompletedProcess:
    """What `train_wm.main` prints and how it ends, given its command line."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", command)
        sys.modules.pop("train_wm", None)
        try:
            importlib.import_module("train_wm").main()
        except SystemExit as stopped:
            code = 0 if stopped.code in (None, 0) else 1
            err.write(str(stopped.code) if code else "")
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Gives the run of a name in `tests.golden.commands.CASES`; all processes of these tests share it."""
    from tests.golden.shared import run_once

    base = tmp_path_factory.getbasetemp()
    return partial(run_once, base.parent if "popen-gw" in base.name else base)


@pytest.fixture
def refuse(train_wm: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Call `train_wm.main` in this process with settings that must fail; returns what the user reads."""

    def call(*settings: str) -> str:
        folder = train_wm.folder  # type: ignore[attr-defined]
        arguments = [f"runs={folder}/runs", f"data.folder={folder}/data", *settings]
        monkeypatch.setattr(sys, "argv", ["train_wm.py", *arguments])
        sys.modules.pop("train_wm", None)
        with pytest.raises(SystemExit) as stopped:
            importlib.import_module("train_wm").main()
        assert stopped.value.code not in (0, None)
        return f"{stopped.value.code} {capsys.readouterr().err}"

    return call
