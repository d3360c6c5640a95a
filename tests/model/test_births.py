"""New objects in imagination, compared with numbers computed by hand, and in a game that serves after five steps."""

from dataclasses import replace

import pytest
import torch

from sqair_wm.model.births import Births, Expected, Newcomers
from sqair_wm.model.clock import since_change
from sqair_wm.model.scene_features import SceneFeatures
from sqair_wm.model.slots import Noise
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.distributions import Normal
from sqair_wm.nn.where import to_where, window
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, channels=4, actions=2, dynamics="interactive")
SIZE = 4 + CONFIG.what + 2


def expected(logit=0.0, ways=(0.0, 1.0, -1.0), means=(0.0, 1.0, 2.0)):
    mean = torch.tensor(means)[:, None].expand(len(means), SIZE)
    return Expected(torch.tensor([logit]), torch.tensor([ways]), lambda ways: Normal(mean[ways], mean[ways] * 0 + 0.1))


def noise(birth=0.5, way=0.5):
    none = Noise(torch.zeros(1, 3, 4), torch.zeros(1, 3, CONFIG.what), torch.zeros(1, 3))
    none.presence[0, 0], none.presence[0, 1] = birth, way
    return none


def test_a_birth_is_drawn_with_its_probability():
    # sigmoid(0) is one half.
    assert expected().draw(noise(birth=0.49))[0].tolist() == [1.0]
    assert expected().draw(noise(birth=0.51))[0].tolist() == [0.0]


def test_the_likeliest_step_has_the_likeliest_object():
    _, where, what, velocity = expected(ways=(0.0, 3.0, -1.0)).draw(noise())
    assert (torch.cat([where, what, velocity], -1) == 1.0).all()


def test_alternatives_are_drawn_with_their_probabilities():
    chance = torch.tensor([0.0, 1.0, -1.0]).softmax(0)  # the second is likeliest, then the first, then the third
    drawn = [expected().draw(noise(way=w))[1][0, 0].item() for w in torch.linspace(0.0005, 0.9995, 1000).tolist()]
    for mean, share in zip((0.0, 1.0, 2.0), chance.tolist(), strict=True):
        assert abs(drawn.count(mean) / 1000 - share) < 0.002


def test_log_p_of_an_object_is_that_of_the_ways_in_which_it_may_have_appeared():
    said, one = expected(), torch.full((1, SIZE), 0.9)
    parts = one.split((4, CONFIG.what, 2), -1)
    means, chance = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, -1.0]).log_softmax(0)
    for size, moving in ((SIZE, 1.0), (SIZE - 2, 0.0)):
        each = chance + size * torch.distributions.Normal(means, 0.1).log_prob(torch.tensor(0.9))
        for ways in ([0, 1, 2], [1]):
            found = said.log_prob(torch.tensor([ways]), *parts, torch.tensor([moving]))
            torch.testing.assert_close(found, torch.logsumexp(each[ways], 0)[None])


@pytest.mark.parametrize(("clock", "at_once"), [("since", 1), ("step", 3)])
def test_a_serve_five_steps_after_a_change_or_a_lost_life_is_learned(clock, at_once):
    torch.manual_seed(0)
    births, batch = Births(replace(CONFIG, at_once=at_once), width=32), 64
    optimizer = torch.optim.Adam(births.parameters(), 5e-3)
    place, look, speed = (
        torch.tensor([-1.0, -1.0, 0.3, -0.4]),
        torch.full((CONFIG.what,), 0.5),
        torch.tensor([0.1, 0.0]),
    )
    for _ in range(450):
        time = torch.randint(10, (batch,))
        slots = random_scene(CONFIG, batch, 2).replace(**{clock: time})
        known = births.context(SceneFeatures(slots, CONFIG, dense=False), slots, torch.randint(2, (batch,)))
        new = Newcomers((time == 5).float()[:, None], *(x.expand(batch, 1, -1) for x in (place, look, speed)))
        loss = births.loss(known, new, torch.ones(batch, 1), torch.ones(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    slots = random_scene(CONFIG, 10, 2).replace(**{clock: torch.arange(10)})
    said = births(births.context(SceneFeatures(slots, CONFIG, dense=False), slots, torch.zeros(10, dtype=torch.int64)))
    assert (said.logit.sigmoid() > 0.5).tolist() == [n == 5 for n in range(10)]
    presence, where, what, velocity = said.draw(Noise.none(slots).split(3)[1])
    assert presence.tolist() == [float(n == 5) for n in range(10)]
    for found, true in ((where, place), (what, look), (velocity, speed)):
        torch.testing.assert_close(found[5], true, atol=0.12, rtol=0)


def test_a_player_and_a_car_that_appear_in_the_same_step_are_both_imagined():
    torch.manual_seed(0)
    config = replace(CONFIG, slots=4)
    births, batch = Births(config, width=32), 64
    optimizer = torch.optim.Adam(births.parameters(), 5e-3)
    player, car = (torch.tensor([-1.0, -1.0, x, 0.9]) for x in (0.9, -0.9))
    none = torch.zeros(batch, 2, config.what), torch.zeros(batch, 2, 2)
    for _ in range(200):
        slots = random_scene(config, batch, 2).replace(since=torch.randint(4, 6, (batch,)))
        both = torch.rand(batch) < 0.5  # the player appears always; the car every second time, and it comes first
        where = torch.where(both[:, None, None], torch.stack([car, player]), torch.stack([player, player]))
        presence = (slots.since == 5)[:, None] * torch.stack([torch.ones(batch), both], 1)
        known = births.context(SceneFeatures(slots, config, dense=False), slots, torch.zeros(batch, dtype=torch.int64))
        loss = births.loss(known, Newcomers(presence, where, *none), torch.ones(batch, 2), torch.ones(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    slots = random_scene(config, 400, 2).replace(since=torch.full((400,), 5))
    with torch.no_grad():
        known = births.context(SceneFeatures(slots, config, dense=False), slots, torch.zeros(400, dtype=torch.int64))
        noise = Noise.draw(slots).split(4)[1]
        new = births.draw(known, noise.replace(where=torch.zeros_like(noise.where)))
    near = ((new.where[:, :, None] - torch.stack([player, car])).abs().amax(-1) < 0.3) & (new.presence > 0)[..., None]
    players, cars = near.float().sum(1).unbind(-1)
    assert (players == 1).float().mean() > 0.85 and 0.3 < (cars == 1).float().mean() < 0.6


def test_an_imagined_birth_is_a_new_object_that_moves_on():
    torch.manual_seed(0)
    model = SQAIR(CONFIG).eval()
    assert model.births is not None
    model.births.birth.bias.data.fill_(20.0)
    slots = random_scene(CONFIG, 2, 1).replace(last_identity=torch.tensor([0, 0]))
    with torch.no_grad():
        after = model.imagine(slots, torch.zeros(2, dtype=torch.int64), noise=Noise.none(slots))
        closed = model.imagine(slots, torch.zeros(2, dtype=torch.int64), noise=Noise.none(slots), discover=False)
    assert (after.presence.sum(1) == closed.presence.sum(1) + 1).all()
    assert (after.identity == 1).any(1).all() and after.last_identity.tolist() == [1, 1]
    full = random_scene(CONFIG, 2, 3)
    with torch.no_grad():
        assert (model.imagine(full, torch.zeros(2, dtype=torch.int64), noise=Noise.none(full)).count <= 3).all()


def scene(names, centres, unseen=0):
    """One scene of three slots with objects of these identities at these heights."""
    slots = SQAIR(CONFIG).initial(1)
    for slot, (name, y) in enumerate(zip(names, centres, strict=True)):
        slots.presence[0, slot], slots.identity[0, slot] = 1, name
        slots.where[0, slot] = to_where(torch.full((2,), 0.2), torch.tensor([y, 0.0]))
    slots.unseen[0] = unseen
    return slots.replace(since=torch.tensor([7]))


def test_the_clock_starts_again_when_something_comes_or_goes():
    still = scene([3, 4], [0.0, 0.5])
    assert since_change(still, scene([4, 3], [0.5, 0.1])).tolist() == [8]
    assert since_change(still, scene([3, 4, 5], [0.0, 0.5, 0.2])).tolist() == [0]
    assert since_change(still, scene([3], [0.0])).tolist() == [0]
    assert since_change(still, scene([3, 4], [0.0, 0.5], unseen=1)).tolist() == [0]
    outside = scene([3, 4], [0.0, 1.15])
    assert float(window(outside.where)[1][0, 1, 0]) > 1 and since_change(still, outside).tolist() == [0]
