"""SQAIR as an object-centric world model: it finds, follows and predicts the moving objects of a video."""

from sqair_wm.checkout import find_packages_beside
from sqair_wm.common.frame import Frame
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Noise, Slots, StepTerms
from sqair_wm.model.sqair import SQAIR
from sqair_wm.registration import register_envs
from sqair_wm.world.loading import load
from sqair_wm.world.world_model import WorldModel

__all__ = ["SQAIR", "Frame", "ModelConfig", "Noise", "Slots", "StepTerms", "WorldModel", "load"]

find_packages_beside()
register_envs()
