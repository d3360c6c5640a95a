"""The memory of the dynamics in recorded play is that of the weights of now, whatever it was when it was recorded."""

import pytest
import torch
from torch import Tensor

from sqair_wm.model.slots import Slots
from sqair_wm.training import remembering
from sqair_wm.training.remembering import remember
from sqair_wm.world.world_model import WorldModel
from tests.conftest import random_scene, small

CONFIG = small(channels=4, scenery=3, actions=5, dynamics="interactive")
FRAMES, BEGINS = 30, (0, 7, 8)
BORN, GONE = 14, 20
"""The frame in which the object of the second row gives way to another one, and the first one without any there."""


@pytest.fixture
def world() -> WorldModel:
    world = WorldModel(CONFIG)
    for weights in world.sqair.parameters():  # the dynamics begin with constant velocities, and would look at nothing
        torch.nn.init.normal_(weights, std=0.2)
    return world.eval().requires_grad_(False)


def recording(world: WorldModel) -> tuple[Slots, Tensor, Tensor]:
    """Scenes of two objects, with the memory of new objects where they are new, and nonsense elsewhere."""
    scenes = random_scene(CONFIG, FRAMES, 2)
    part, frame = torch.zeros(FRAMES, dtype=torch.int64), torch.arange(FRAMES)
    for begin in BEGINS[1:]:
        part[begin:] += 1
    identity = scenes.identity.clone()
    identity[BORN:, 1] = 9
    identity[GONE:, 1] = -1
    scenes = scenes.replace(identity=identity, presence=(identity >= 0).float())
    new = torch.isin(frame, torch.tensor(BEGINS))[:, None] | ((frame == BORN)[:, None] & (torch.arange(3) == 1))
    first = world.sqair.inference.memory(scenes.what, scenes.where)[1]
    prior = torch.where(new[..., None], first, torch.randn_like(scenes.prior))
    return scenes.replace(prior=prior), part, torch.randint(5, (FRAMES,))


def by_hand(world: WorldModel, scenes: Slots, part: Tensor, actions: Tensor, first: int, last: int) -> Tensor:
    """The memories after the frames `first` to `last` if all objects are new in frame `first`, `[N, P]`."""
    now = scenes.select(torch.tensor([first]))
    now = now.replace(prior=world.sqair.inference.memory(now.what, now.where)[1])
    for t in range(first + 1, last + 1):
        after, memory = scenes.select(torch.tensor([t])), world.sqair.dynamics(now, actions[t : t + 1], False).memory
        for row in range(CONFIG.slots):
            if part[t] != part[t - 1] or now.identity[0, row] != after.identity[0, row]:
                memory[0, row] = after.prior[0, row]
        now = after.replace(prior=memory)
    return now.prior[0]


def close(memories: Tensor, expected: Tensor, scenes: Slots, frame: int) -> bool:
    there = scenes.presence[frame] > 0
    return torch.allclose(memories[frame, there], expected[there], atol=1e-5)


def test_every_memory_is_what_the_dynamics_make_of_the_frames_since_the_object_was_found(world):
    scenes, part, actions = recording(world)
    before = scenes.prior.clone()
    remember(world, scenes, part, actions)
    for frame in range(FRAMES):
        assert close(scenes.prior, by_hand(world, scenes, part, actions, 0, frame), scenes, frame), frame
    changed = (scenes.prior != before).any(-1)
    assert changed[1:7].all(1).logical_or(scenes.presence[1:7].min(1).values == 0).all()
    assert not changed[list(BEGINS)].any() and not changed[BORN, 1] and changed[BORN, 0]


def test_a_chunk_begins_some_frames_earlier_with_the_memory_of_new_objects(world, monkeypatch):
    monkeypatch.setattr(remembering, "CHUNK", 5)
    monkeypatch.setattr(remembering, "BURN_IN", 3)
    monkeypatch.setattr(remembering, "AT_ONCE", 2)
    scenes, part, actions = recording(world)
    remember(world, scenes, part, actions)
    for frame in range(FRAMES):
        first = max(0, frame // 5 * 5 - 3)
        assert close(scenes.prior, by_hand(world, scenes, part, actions, first, frame), scenes, frame), frame


def test_the_memories_depend_on_weights_and_frames_alone(world, monkeypatch):
    monkeypatch.setattr(remembering, "CHUNK", 5)
    scenes, part, actions = recording(world)
    remember(world, scenes, part, actions)
    once = scenes.prior.clone()
    for weights in world.sqair.parameters():
        weights.mul_(1.5)
    remember(world, scenes, part, actions)
    there = scenes.presence > 0
    assert not torch.allclose(scenes.prior[there], once[there], atol=1e-3)
    for weights in world.sqair.parameters():
        weights.div_(1.5)
    remember(world, scenes, part, actions)
    assert torch.allclose(scenes.prior[there], once[there], atol=1e-4)
