import pytest
from omegaconf import OmegaConf

from sqair_wm.settings import ConfigError
from sqair_wm.setup import CROWD, training_config
from tests.conftest import ROOT


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
