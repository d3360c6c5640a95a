"""A hand-made world in which it is known what is best."""

from types import SimpleNamespace

import numpy as np
import torch

from sqair_wm.model.outcome import Outcome
from sqair_wm.training.explorer import Explorer, Exploring
from sqair_wm.world.source import Source
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

CONFIG = small(frame_size=(24, 24), channels=4, scenery=3, actions=4, dynamics="interactive")


def explorer(monkeypatch, reward, ends=None, uncertainty=None, number=2, **how):
    """An explorer of a world whose outcomes are functions of the actions `[T, B]`."""
    world = WorldModel(CONFIG, Source("Bouncing", 24)).eval().requires_grad_(False)

    def unroll(slots, actions, noise=None, *, discover=True):
        none = torch.zeros(actions.shape)
        said = [f(actions).float() if f else none for f in (reward, None, None, ends, uncertainty)]
        return None, Outcome(*said, reward_logits=none, end_logits=none, moves=none)

    monkeypatch.setattr(world, "unroll", unroll)
    settings = {"skilled": 1.0, "curiosity": 0.0} | how
    player = Explorer(world, number, 0, Exploring(**settings))
    monkeypatch.setattr(player, "_tracker", SimpleNamespace(
        begin=lambda rows: None, see=lambda frames, actions, lost: None,
        scenes=SimpleNamespace(state=SimpleNamespace(repeat=lambda copies: None)),
    ))  # fmt: skip
    return player


def played(player, steps=8, number=2):
    frames, fresh = np.zeros((number, 24, 24, 3), np.uint8), np.zeros(number, bool)
    return np.stack([player.act(frames, fresh, np.zeros(len(fresh), bool)) for _ in range(steps)])


def test_it_plays_what_is_rewarded(monkeypatch):
    assert (played(explorer(monkeypatch, lambda actions: actions == 2)) == 2).all()


def test_nothing_counts_after_an_ending(monkeypatch):
    """Action 1 brings most, but from the second step on, and ends the episode with the first."""
    player = explorer(
        monkeypatch,
        lambda actions: 5.0 * (actions == 1) * (torch.arange(len(actions)) > 0)[:, None] + (actions == 3),
        ends=lambda actions: actions == 1,
    )
    assert (played(player) == 3).all()


def test_where_no_reward_is_known_it_goes_for_what_is_not_understood(monkeypatch):
    player = explorer(monkeypatch, None, uncertainty=lambda actions: actions == 0, curiosity=0.5)
    assert (played(player) == 0).all()


def test_in_stretches_without_skill_it_plays_at_random(monkeypatch):
    actions = played(explorer(monkeypatch, lambda actions: actions == 2, skilled=0.0), 200)
    assert set(actions.flatten().tolist()) == {0, 1, 2, 3}


def test_it_is_seeded(monkeypatch):
    first, second = (played(explorer(monkeypatch, None, skilled=0.5), 50) for _ in range(2))
    assert (first == second).all()
