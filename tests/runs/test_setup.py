import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sqair_wm.common.frame import Frame
from sqair_wm.common.settings import ConfigError
from sqair_wm.data.sequences import Batch
from sqair_wm.runs.setup import CROWD, build_model, imagination_config, training_config
from tests.conftest import ROOT


class Frames:
    """Frames `[M, C, H, W]`, each a sequence of its own, in a game of three actions."""

    scenery, number_of_actions = 0, 3

    def __init__(self, frames: torch.Tensor):
        self.frames, self.channels, self.frame_size = frames, frames.shape[1], tuple(frames.shape[2:])

    def first(self, batch: int, length: int, device: torch.device) -> Batch:
        zeros = torch.zeros(1, batch)
        return Batch(Frame(self.frames[None, :batch]), zeros.long(), zeros, zeros.bool())


def config(**training: object) -> OmegaConf:
    settings = OmegaConf.merge(OmegaConf.load(ROOT / "configs/training/guided.yaml"), training)
    return OmegaConf.create({"training": settings, "model": {}})


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


@pytest.mark.parametrize(("sprites", "size"), [(CROWD - 5, "free"), (CROWD + 5, "steady")])
def test_in_a_crowd_objects_keep_their_size_and_are_found_without_knowing_the_others(sprites, size):
    with initialize_config_dir(str(ROOT / "configs"), version_base=None):
        chosen = compose("config", ["model.hidden=8"])
    rows, columns = torch.arange(sprites) // 6, torch.arange(sprites) % 6
    frames = torch.zeros(500, 4, 80, 80)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        frames[:, :, 12 * row + 2 : 12 * row + 7, 12 * column + 2 : 12 * column + 7] = 1
    built = build_model(chosen, Frames(frames)).config
    assert (built.size, built.conditional_discovery) == (size, size == "free")
    chosen.model.slots = CROWD if size == "steady" else CROWD + 1
    built = build_model(chosen, Frames(frames)).config
    assert built.size != size and built.conditional_discovery == (size != "free")
    chosen.model.conditional_discovery = size == "free"
    assert build_model(chosen, Frames(frames)).config.conditional_discovery == (size == "free")


@pytest.mark.parametrize("group", ["training", "imagination"])
def test_every_schedule_that_can_be_chosen_is_one(group):
    read = {"training": training_config, "imagination": imagination_config}[group]
    with initialize_config_dir(str(ROOT / "configs"), version_base=None):
        for path in (ROOT / "configs" / group).glob("*.yaml"):
            assert read(compose("config", [f"{group}={path.stem}"])).iterations > 0


def test_the_noise_follows_from_the_frames_unless_it_is_given():
    with initialize_config_dir(str(ROOT / "configs"), version_base=None):
        chosen = compose("config", ["model.hidden=8"])
    frames = torch.zeros(500, 4, 80, 80)
    frames[:, :, 20:26, 20:26] = 0.1
    assert build_model(chosen, Frames(frames)).config.output_std == pytest.approx(0.0125)
    chosen.model.output_std = 0.3
    assert build_model(chosen, Frames(frames)).config.output_std == 0.3
