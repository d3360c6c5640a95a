import dataclasses

import numpy as np
import pytest
import torch

import sqair_wm
from sqair_wm.envs.imagination import ImaginationEnv
from sqair_wm.envs.starts import SETTLED, Collection, StatePool
from sqair_wm.model.slots import PER_SLOT
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small


@pytest.fixture(scope="module")
def states(folder, pool):
    return StatePool.load(pool, sqair_wm.load(folder))


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True))


def test_states_come_from_the_game_and_have_settled(states):
    assert len(states) == 12 and states.backgrounds.shape == (12, 3, 24, 24)
    assert states.slots.step.min() >= SETTLED and states.slots.count.sum() > 6
    assert states.slots.velocity.any() and states.slots.scenery.any()


class Holder:
    """Always takes the same action; remembers how it was called."""

    def __init__(self):
        self.asked = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.asked.append((observation.shape, state, episode_start.tolist()))
        return np.full(len(observation), 2), len(self.asked)


def test_a_pool_can_be_filled_anew_by_a_policy_and_kept(bouncing, tmp_path):
    pool, holder = StatePool.collect(Collection(bouncing, 3, games=1, form="flat")), Holder()
    before = pool.slots
    pool.refresh(holder)
    assert len(pool) == 3 and not equal(before, pool.slots)
    assert holder.asked[:2] == [((1, 30), None, [True]), ((1, 30), 1, [False])]
    pool.refresh()
    assert equal(before, pool.slots)
    pool.save(tmp_path / "deeper" / "pool.safetensors")
    again = StatePool.load(tmp_path / "deeper" / "pool.safetensors", sqair_wm.load(bouncing))
    assert equal(again.slots, pool.slots) and torch.equal(again.backgrounds, pool.backgrounds)
    with pytest.raises(ValueError, match="given its states"):
        again.refresh()


def test_an_environment_collects_when_first_needed(bouncing):
    env = ImaginationEnv(bouncing, start_states=5, pool_seed=1)
    env.reset(seed=0)
    assert len(env.pool) == 5 and env.pool.collection.seed == 1


def test_environments_can_share_a_pool(states, imagined):
    env = ImaginationEnv(**imagined)
    env.pool = StatePool(states.slots.select(torch.tensor([4])), states.backgrounds[4:5])
    observation, _ = env.reset(seed=3)
    assert (observation == env.games.layout.observe(states.slots)[4]).all()


def test_drawing_is_even_and_decided_by_the_generator(states):
    drawn = [states.draw(600, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    counts = drawn[0].bincount(minlength=12)
    assert counts.min() > 20 and counts.max() < 90


def test_objects_keep_the_rows_they_had_in_the_game(states, imagined):
    """A state with an empty row between its objects starts an episode with that row empty."""
    where = {name: getattr(states.slots, name).flip(1) for name in PER_SLOT}
    env = ImaginationEnv(**imagined)
    env.pool = StatePool(states.slots.replace(**where), states.backgrounds)
    for start in range(12):
        _, info = env.reset(options={"start": start})
        rows = {i: n for n, i in enumerate(env.pool.slots.identity[start].tolist()) if i >= 0}
        assert {i: n for n, i in enumerate(info["identities"].tolist()) if i >= 0} == rows
        *_, info = env.step(1)
        later = {i: n for n, i in enumerate(info["identities"].tolist()) if i in rows}
        assert all(rows[i] == n for i, n in later.items())


def test_pools_that_cannot_be_are_errors(states, folder, tmp_path):
    model = sqair_wm.load(folder)
    with pytest.raises(FileNotFoundError, match="no pool of states"):
        StatePool.load(tmp_path / "nowhere", model)
    path = tmp_path / "pool.safetensors"
    states.save(path)
    other = WorldModel(dataclasses.replace(small(), what=7))
    with pytest.raises(ValueError, match=r"another model: what is \(3, 3\)"):
        StatePool.load(path, other)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="damaged"):
        StatePool.load(path, model)
    with pytest.raises(ValueError, match="needs states"):
        StatePool(states.slots.select(torch.zeros(0, dtype=torch.int64)), states.backgrounds[:0])
    with pytest.raises(ValueError, match="at least 1"):
        Collection(folder, 0)
