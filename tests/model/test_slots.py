import torch

from sqair_wm.model.merging import merge, new_identities
from sqair_wm.model.slots import PER_SLOT, Noise
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.packing import Rows
from sqair_wm.nn.where import window
from tests.conftest import random_scene, small


def scenes(presence, first=0):
    """Slots whose what-codes say where they came from."""
    presence = torch.tensor(presence, dtype=torch.float32)
    b, n = presence.shape
    numbers = first + torch.arange(n).expand(b, n)
    blank = SQAIR(small(slots=n)).initial(b)
    identity = torch.where(presence > 0, numbers, -torch.ones_like(numbers))
    return blank.replace(presence=presence, identity=identity, what=numbers[..., None].float().expand(b, n, 4))


def test_merging_puts_objects_first_and_keeps_their_order():
    tracked, found = scenes([[1, 0, 1], [0, 0, 0]]), scenes([[1, 0, 0], [1, 1, 0]], first=10)
    for dense in (False, True):
        merged = merge(tracked, found, 3, dense)
        assert merged.identity.tolist() == [[0, 2, 10], [10, 11, -1]]
        assert merged.what[0, :, 0].tolist() == [0, 2, 10] and merged.presence[1].tolist() == [1, 1, 0]


def test_what_was_trimmed_is_padded_again():
    tracked, nothing = scenes([[1, 1, 0, 0], [1, 0, 0, 0]]).trim(), scenes([[0], [0]])
    nothing = nothing.replace(**{name: getattr(nothing, name)[:, :0] for name in PER_SLOT})
    assert tracked.presence.shape == (2, 2)
    merged = merge(tracked, nothing, 4, dense=False).pad(4)
    assert merged.identity.tolist() == [[0, 1, -1, -1], [0, -1, -1, -1]] and merged.temporal.shape == (2, 4, 32)


def test_trimming_keeps_objects_behind_a_gap_and_one_slot_at_least():
    assert scenes([[0, 0, 1, 0]]).trim().presence.tolist() == [[0, 0, 1]]
    assert scenes([[0, 0, 0, 0]]).trim().presence.tolist() == [[0]]


def test_new_identities_count_on_from_the_last():
    identity, last = new_identities(torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), torch.tensor([4, 7]))
    assert identity.tolist() == [[5, 6, -1], [-1, -1, -1]] and last.tolist() == [6, 7]


def test_scenes_are_repeated_side_by_side_and_selected():
    slots = scenes([[1, 0], [1, 1]])
    assert slots.repeat(2).identity.tolist() == [[0, -1], [0, -1], [0, 1], [0, 1]]
    assert slots.select(torch.tensor([False, True])).identity.tolist() == [[0, 1]]


def test_with_less_noise_what_is_likelier_is_there_and_new_objects_stay_as_varied():
    noise = Noise.draw(scenes([[1, 1, 0]] * 100))
    for share, low, high in ((0.0, 0.5, 0.5), (0.25, 0.375, 0.625)):
        less = noise.nearer(share)
        decided = less.presence[:, [0, 1, 2, 3, 5]]  # of the three tracked slots, and whether objects are new
        assert low <= float(decided.min()) <= float(decided.max()) <= high
        assert torch.equal(less.presence[:, 4], noise.presence[:, 4])  # which of several objects is new
        assert torch.equal(less.where[:, :3], noise.where[:, :3] * share)
        assert torch.equal(less.where[:, 3:], noise.where[:, 3:]) and torch.equal(less.what[:, 3:], noise.what[:, 3:])


def test_noise_is_split_between_tracked_and_new_objects():
    noise = Noise.draw(scenes([[1, 1, 0]]))
    tracked, found = noise.split(2)
    assert torch.equal(tracked.where, noise.where[:, :2]) and torch.equal(found.what, noise.what[:, 3:])
    assert (Noise.none(scenes([[1, 0]])).presence == 0.5).all()


def test_packed_and_dense_rows_take_and_put_the_same():
    mask, x = torch.tensor([True, False, True]), torch.arange(6.0).view(3, 2)
    packed, dense = Rows(mask, dense=False), Rows(mask, dense=True)
    assert packed.take(x).shape == (2, 2) and dense.take(x).shape == (3, 2)
    assert torch.equal(packed.put(2 * packed.take(x), 7.0), dense.put(2 * dense.take(x), 7.0))
    for rows in (packed, dense):
        doubled, total = rows.put_all(2 * rows.take(x), rows.take(x).sum(1))
        assert doubled.tolist() == [[0, 2], [0, 0], [8, 10]] and total.tolist() == [1, 0, 9]
    assert packed.numbers().tolist() == [0, 2]
    assert Rows(torch.zeros(3, dtype=torch.bool), dense=False).empty
    everyone = Rows(torch.ones(3, dtype=torch.bool), dense=False)
    assert torch.equal(everyone.put(everyone.take(x)), x) and not everyone.empty


def test_noise_from_a_generator_leaves_the_global_one_alone():
    slots = SQAIR(small()).initial(2)
    state = torch.get_rng_state()
    drawn = [Noise.draw(slots, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(state, torch.get_rng_state())
    for name in ("what", "where", "presence"):
        first, second, other = (getattr(noise, name) for noise in drawn)
        assert torch.equal(first, second) and not torch.equal(first, other)


def test_a_memo_is_no_field_and_stays_behind():
    slots = random_scene(small(), 2, 2)
    slots.memo["a"] = 1
    assert not slots.replace(where=slots.where + 1).memo and not slots.select(torch.tensor([0])).memo
    assert "memo" not in vars(slots)


@torch.no_grad()
def test_what_a_state_keeps_is_what_it_would_work_out_again():
    slots = random_scene(small(), 2, 2)
    assert slots.window[0] is slots.window[0] and slots.trim() is slots.trim()
    for kept, fresh in zip(slots.window, window(slots.where), strict=True):
        assert torch.equal(kept, fresh)
    assert slots.trim().presence.shape == (2, 2) and slots.pad(5).trim().presence.shape == (2, 2)
    with torch.enable_grad():
        where = slots.where.clone().requires_grad_()
        assert slots.replace(where=where).window[0].requires_grad
