"""filter, step and unroll: what agents, planners and training build on."""

import pytest
import torch

from benchmarks.scenes import certain_model, moving_sprites
from sqair_wm.common.frame import Frame
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.world.world_model import WorldModel
from tests.conftest import no_data_from_host, random_scene, small

CONFIG = small(channels=4, scenery=3, actions=5, dynamics="interactive")


@pytest.fixture
def world():
    model = WorldModel(CONFIG).requires_grad_(False)
    model.sqair = certain_model(CONFIG).requires_grad_(False)
    torch.nn.init.normal_(model.sqair.dynamics.readout.weight, std=0.1)
    return model


def frames(length=4, batch=2):
    foreground = moving_sprites(CONFIG, batch, length, 2).foreground
    return Frame(foreground, torch.rand(length, batch, 3, 24, 24))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(vars(a).values(), vars(b).values(), strict=True) if torch.is_tensor(x))


def test_filter_is_observe_by_means(world):
    slots = world.initial(2)
    for frame in frames():
        expected, _ = world.observe(slots, frame, torch.tensor([1, 2]), noise=Noise.none(slots))
        slots = world.filter(slots, frame, torch.tensor([1, 2]))
        assert same(slots, expected) and slots.presence.shape == (2, 3)
    assert slots.presence.any()


def test_filtering_a_film_is_filtering_its_frames(world):
    film, slots = frames(), world.initial(2)
    for frame, found in zip(film, world.filtered(film, torch.zeros(4, 2).long(), 2), strict=True):
        slots = world.filter(slots, frame, torch.zeros(2).long())
        assert same(slots, found)


def test_whether_a_model_trains_changes_no_step(world):
    film, last = frames(), []
    for training in (True, False):
        *_, slots = world.train(training).filtered(film, torch.zeros(4, 2).long(), 2)
        last.append(slots)
    assert same(*last)


def test_a_step_is_an_imagined_step_and_its_outcome(world):
    slots, action = random_scene(CONFIG, 2, 2), torch.tensor([3, 0])
    noise = Noise.draw(slots)
    after, outcome = world.step(slots, action, noise, discover=False)
    assert same(after, world.imagine(slots, action, noise=noise, discover=False))
    assert torch.equal(outcome.reward, world.outcome(slots, action, after).reward)
    likeliest, _ = world.step(slots, action)
    assert same(likeliest, world.imagine(slots, action, noise=Noise.none(slots)))


@pytest.mark.parametrize("sampled", [False, True])
def test_unrolling_is_one_step_after_the_other(world, sampled):
    slots, actions = random_scene(CONFIG, 2, 2), torch.randint(5, (6, 2))
    noise = Noise.stack([Noise.draw(slots) for _ in actions]) if sampled else None
    states, outcomes = world.unroll(slots, actions, noise)
    assert states.where.shape == (6, 2, 3, 4) and outcomes.reward.shape == (6, 2)
    assert outcomes.reward_logits.shape[:3] == (6, 4, 2)
    for t, action in enumerate(actions):
        chance = None if noise is None else noise.map(lambda x, t=t: x[t])
        slots, outcome = world.step(slots, action, chance)
        assert same(slots, states.map(lambda x, t=t: x[t])) and torch.equal(outcome.ends, outcomes.ends[t])


def test_the_future_without_outcomes_is_the_same(world):
    slots, actions = random_scene(CONFIG, 2, 2), torch.randint(5, (4, 2))
    states, _ = world.unroll(slots, actions, discover=False)
    assert same(states, Slots.stack(list(world.imagined(slots, actions))))


def test_a_model_without_actions_has_no_outcomes():
    world = WorldModel(small())
    with pytest.raises(ValueError, match="no outcome"):
        world.unroll(world.initial(1), torch.zeros(2, 1).long())
    assert len(list(world.imagined(world.initial(1), [None] * 3))) == 3


def test_densities_that_are_not_finite_are_told_if_asked(world):
    slots, frame = world.initial(2), frames(1)[0]
    world.sqair.inference.discovery.presence[-1].bias.fill_(torch.nan)
    world.filter(slots, frame)
    with pytest.raises(FloatingPointError, match=r"a log density .* in scenes \[0, 1\]"):
        world.filter(slots, frame, checked=True)


def test_no_step_waits_for_the_device():
    """The meta device has no data: anything that waits for a value would raise."""
    with torch.device("meta"):
        world = WorldModel(CONFIG)
        slots, action = world.initial(2), torch.zeros(2).long()
        frame = Frame(torch.rand(2, 4, 24, 24), torch.rand(2, 3, 24, 24))
        assert world.sqair.dense
        with no_data_from_host():
            slots = world.filter(slots, frame, action)
            states, outcomes = world.unroll(slots, action.expand(3, 2))
    assert states.where.is_meta and outcomes.reward.is_meta
