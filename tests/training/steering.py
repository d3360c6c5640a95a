"""An object that the actions steer, as play whose next state is known."""

import torch

from sqair_wm.nn.where import to_where
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.world.world_model import WorldModel
from tests.conftest import small

CONFIG = small(actions=3, dynamics="interactive")
QUICK = dict(
    iterations=6,
    batch=4,
    log_every=2,
    save_every=2,
    steps=[[0, 1], [3, 3]],
    context=2,
    singles=8,
    minutes=0,
    decay=[],
    brief=2,
    briefs=1,
)


def steered(frames: int, seed: int = 0) -> EncodedPlay:
    """One object: action 1 moves it down, 2 moves it up, 0 lets it be; the reward is 1 whenever it moves down."""
    generator = torch.Generator().manual_seed(seed)
    actions = torch.randint(0, 3, (frames,), generator=generator)
    step = torch.tensor([0.0, 0.06, -0.06])[actions]
    place = torch.zeros(frames)
    for t in range(1, frames):
        place[t] = (place[t - 1] + step[t]).clamp(-0.6, 0.6)
    world = WorldModel(CONFIG)
    states = world.initial(frames)
    centre = torch.stack([place, torch.zeros(frames)], -1)
    where, velocity = torch.zeros(frames, 3, 4), torch.zeros(frames, 3, 2)
    where[:, 0] = to_where(torch.full((frames, 2), 0.2), centre)
    velocity[1:, 0, 0] = place.diff()
    presence, identity = torch.zeros(frames, 3), torch.full((frames, 3), -1)
    presence[:, 0], identity[:, 0] = 1, 4
    states = states.replace(where=where, velocity=velocity, presence=presence, identity=identity)
    rewards = (place.diff(prepend=place[:1]) > 0.01).float()
    return EncodedPlay(
        states, torch.zeros(frames, dtype=torch.int64), actions, rewards, torch.zeros(frames).bool(), 0.2
    )
