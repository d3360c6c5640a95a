"""SQAIR as an object-centric world model: finds, follows and predicts the moving objects of a video."""

from sqair_wm.config import ModelConfig
from sqair_wm.slots import Noise, Slots, StepTerms
from sqair_wm.sqair import SQAIR
from sqair_wm.world_model import WorldModel, load

__all__ = ["SQAIR", "ModelConfig", "Noise", "Slots", "StepTerms", "WorldModel", "load"]
