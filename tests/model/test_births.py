"""New objects in imagination, compared with numbers computed by hand, and in a game that serves after five steps."""

import pytest
import torch

from sqair_wm.model.births import Births, Expected, birth_loss
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
    mean = torch.tensor(means)[None, :, None].expand(1, len(means), SIZE)
    return Expected(torch.tensor([logit]), torch.tensor([ways]), Normal(mean, torch.full_like(mean, 0.1)))


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


def test_log_p_of_an_object_is_that_of_a_mixture():
    said, one = expected(), torch.full((1, SIZE), 0.9)
    parts = one.split((4, CONFIG.what, 2), -1)
    each = torch.distributions.Normal(said.object.mean, said.object.std).log_prob(one[:, None]).sum(-1)
    torch.testing.assert_close(
        said.log_prob(*parts, torch.ones(1)), torch.logsumexp(said.ways.log_softmax(-1) + each, -1)
    )
    without = torch.distributions.Normal(said.object.mean, said.object.std).log_prob(one[:, None])[..., :-2].sum(-1)
    torch.testing.assert_close(
        said.log_prob(*parts, torch.zeros(1)), torch.logsumexp(said.ways.log_softmax(-1) + without, -1)
    )


@pytest.mark.parametrize("clock", ["since", "step"])
def test_a_serve_five_steps_after_a_change_or_a_lost_life_is_learned(clock):
    torch.manual_seed(0)
    births, batch = Births(CONFIG, width=32), 64
    optimizer = torch.optim.Adam(births.parameters(), 5e-3)
    place, look, speed = (
        torch.tensor([-1.0, -1.0, 0.3, -0.4]),
        torch.full((CONFIG.what,), 0.5),
        torch.tensor([0.1, 0.0]),
    )
    for _ in range(450):
        time = torch.randint(10, (batch,))
        slots = random_scene(CONFIG, batch, 2).replace(**{clock: time})
        said = births(SceneFeatures(slots, CONFIG, dense=False), slots, torch.randint(2, (batch,)))
        target = tuple(x.expand(batch, -1) for x in (place, look, speed)), torch.ones(batch)
        loss = birth_loss(said, time == 5, (*target[0], target[1]), torch.ones(batch))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    slots = random_scene(CONFIG, 10, 2).replace(**{clock: torch.arange(10)})
    said = births(SceneFeatures(slots, CONFIG, dense=False), slots, torch.zeros(10, dtype=torch.int64))
    assert (said.logit.sigmoid() > 0.5).tolist() == [n == 5 for n in range(10)]
    presence, where, what, velocity = said.draw(Noise.none(slots).split(3)[1])
    assert presence.tolist() == [float(n == 5) for n in range(10)]
    for found, true in ((where, place), (what, look), (velocity, speed)):
        torch.testing.assert_close(found[5], true, atol=0.12, rtol=0)


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
