import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from sqair_wm.common.frame import Frame
from sqair_wm.common.settings import ConfigError
from sqair_wm.common.sweeps import check_command
from sqair_wm.data.opening import recording
from sqair_wm.data.sequences import Batch
from sqair_wm.games.play import Recording
from sqair_wm.model.config import ModelSettings
from sqair_wm.runs.setup import CROWD, build_model, check_values, imagination_config, model_config, training_config
from sqair_wm.training.curriculum import TrainingSettings
from sqair_wm.training.horizons import ImaginationConfig
from tests.conftest import ROOT


class Frames:
    """Frames `[M, C, H, W]`, each a sequence of its own, with three actions but no game that can be played."""

    scenery, number_of_actions, source, background = 0, 3, None, None

    def __init__(self, frames: torch.Tensor):
        self.frames, self.channels, self.frame_size = frames, frames.shape[1], tuple(frames.shape[2:])

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        zeros = torch.zeros(1, batch)
        return Batch(Frame(self.frames[None, :batch]), zeros.long(), zeros, zeros.bool())


def composed(*overrides: str, configs: Path = ROOT / "configs") -> DictConfig:
    with initialize_config_dir(str(configs), version_base="1.3"):
        return compose("config", list(overrides))


def config(**training: object) -> DictConfig:
    return composed(*(f"training.{key}={value}" for key, value in training.items()))


@pytest.mark.parametrize(("given", "slots", "particles"), [("auto", 6, 5), ("auto", CROWD + 1, 2), (7, CROWD + 1, 7)])
def test_a_crowd_has_fewer_particles_unless_they_are_asked_for(given, slots, particles):
    assert training_config(config(particles=given), slots).particles == particles


def test_particles_are_a_number_or_auto():
    with pytest.raises(ConfigError, match="particles"):
        training_config(config(particles="many"))


def test_exploring_presence_leaves_most_scenes_of_a_crowd_whole():
    few, many = (training_config(config(presence_margin=0.02), slots).presence_margin for slots in (6, 46))
    assert few == 0.02 and (1 - many) ** 46 > 0.9
    assert training_config(config(presence_margin=0.0), 46).presence_margin == 0


@pytest.mark.parametrize(("sprites", "size"), [(CROWD - 5, "held"), (CROWD + 5, "steady")])
def test_in_a_crowd_objects_keep_their_size_and_are_found_without_knowing_the_others(sprites, size):
    chosen = composed("model.hidden=8")
    rows, columns = torch.arange(sprites) // 6, torch.arange(sprites) % 6
    frames = torch.zeros(500, 4, 80, 80)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        frames[:, :, 12 * row + 2 : 12 * row + 7, 12 * column + 2 : 12 * column + 7] = 1
    built = build_model(chosen, Frames(frames)).config
    assert (built.size, built.conditional_discovery) == (size, size == "held")
    chosen.model.slots = CROWD if size == "steady" else CROWD + 1
    built = build_model(chosen, Frames(frames)).config
    assert built.size != size and built.conditional_discovery == (size != "held")
    chosen.model.conditional_discovery = size == "held"
    assert build_model(chosen, Frames(frames)).config.conditional_discovery == (size == "held")


@pytest.mark.parametrize("group", ["training", "imagination"])
def test_every_schedule_that_can_be_chosen_is_one(group):
    read = {"training": training_config, "imagination": imagination_config}[group]
    for path in (ROOT / "configs" / group).glob("*.yaml"):
        assert read(composed(f"{group}={path.stem}")).iterations > 0


def test_the_noise_follows_from_the_frames_unless_it_is_given():
    chosen = composed("model.hidden=8")
    frames = torch.zeros(500, 4, 80, 80)
    frames[:, :, 20:26, 20:26] = 0.1
    assert build_model(chosen, Frames(frames)).config.output_std == pytest.approx(0.0125)
    chosen.model.output_std = 0.3
    assert build_model(chosen, Frames(frames)).config.output_std == 0.3


def test_the_default_presets_are_the_defaults_of_the_dataclasses():
    chosen = composed()
    assert OmegaConf.to_object(chosen.training) == TrainingSettings()
    assert OmegaConf.to_object(chosen.imagination) == ImaginationConfig()
    model = asdict(OmegaConf.to_object(chosen.model))
    assert {k: tuple(v) if isinstance(v, list) else v for k, v in model.items()} == asdict(ModelSettings())


@pytest.fixture
def configs(tmp_path):
    """A copy of the presets that a user may add to."""
    return shutil.copytree(ROOT / "configs", tmp_path / "configs")


def test_a_preset_is_one_file_with_what_differs(configs):
    (configs / "model" / "mine.yaml").write_text("what: 24\nglimpse: [10, 14]\nslots: 7\n")
    chosen = composed("model=mine", configs=configs)
    measured = {"object_size": [4.0, 4.0], "output_std": 0.1, "slots": 3}
    built = model_config(chosen, frame_size=[40, 40], channels=4, scenery=3, actions=3, **measured)
    assert (built.what, built.glimpse, built.slots, built.hidden) == (24, (10, 14), 7, ModelSettings.hidden)
    assert (built.dynamics, built.discovery_prior, built.size) == ("interactive", "measured", "held")


@pytest.mark.parametrize(
    ("line", "message"),
    [("waht: 24", "'model/mine': Key 'waht' not in"), ("what: long", "'long' of type 'str' could not be converted")],
)
def test_a_preset_is_checked(configs, line, message):
    (configs / "model" / "mine.yaml").write_text(line)
    with initialize_config_dir(str(configs), version_base="1.3"), pytest.raises(ConfigError) as refused:
        check_command(["model=mine"])
    assert message in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("seed=abc", "seed: Value 'abc'"),
        ("threads=0", "threads is 0"),
        ("seed=-1", "seed is -1: it has to lie between 0 and"),
        ("data.sticky=2", "data.sticky is 2: it has to lie between 0 and 1"),
        ("data.size=0", "data.size is 0"),
        ("data.report.frames=0", "data.report.frames is 0"),
        ("data.report.frames=6", "data.report.seen is 8: less than the 6"),
        ("training.learning_rate=nan", "training.learning_rate is nan: it takes finite numbers"),
        ("training.lengths=[[0,0]]", "at least one frame"),
        ("imagination.steps=[[0,2,3]]", "pairs of numbers"),
        ("model.hidden=30000", "model.hidden is 30000"),
        ("model.patience=-1", "model.patience is -1"),
        ("device=tpu", "choose auto, cpu"),
        ("device=cpu:0", "choose auto, cpu"),
        ("model.slots=many", "model.slots: Value 'many'"),
        ("model.object_size=[1,2,3]", "model.object_size"),
        ("model.conditional_discovery=perhaps", "model.conditional_discovery"),
        ("training.particles=many", "training.particles"),
    ],
)
def test_values_that_cannot_be_are_named(setting, message):
    with pytest.raises(ConfigError) as refused:
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            check_command(["env=Bouncing", setting])
        check_values(composed("env=Bouncing", setting))
    assert message in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["env=Pong"], "Pong"),
        (["env=Pong", "seed=2"], "Pong-seed2"),
        (["env=Pong", "seed=2", "name=mine"], "mine"),
        (["env=ALE/Pong-v5"], "ALE-Pong-v5"),
        (["data=moving_mnist"], "moving_mnist"),
    ],
)
def test_every_seed_has_a_folder_of_its_own(overrides, name):
    assert composed(*overrides).name == name


def test_a_recording_asked_for_by_numbers_is_found_again():
    chosen = recording(composed("env=Pong", "data.crop=[34,194]"), test=False)
    assert chosen == Recording(**(asdict(chosen) | {"crop": (34, 194)}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=gided"], "Could not find 'model/gided' Available options in 'model': air digits guided"),
        (["data.crop=[1"], "data.crop=[1: "),
        (["env=Pong,Freeway"], "--multirun"),
        (["-m", "training.batch=many", "seed=0,1"], "training.batch: Value 'many'"),
        (["--cfg", "job", "seed=x"], "seed: Value 'x'"),
    ],
)
def test_what_hydra_says_is_said_in_one_line(arguments, message):
    with pytest.raises(ConfigError) as refused, initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        check_command(arguments)
    assert message in str(refused.value) and "\n" not in str(refused.value)
