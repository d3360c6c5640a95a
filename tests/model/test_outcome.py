from dataclasses import replace

import pytest
import torch

from sqair_wm.model.outcome import BINS, OutcomeHeads, reward_bins, two_hot
from sqair_wm.model.slots import Slots
from sqair_wm.world.world_model import WorldModel
from tests.conftest import random_scene, small

CONFIG = small(scenery=3, actions=4, dynamics="interactive")


def scene(batch: int = 3, present: int = 3) -> Slots:
    return random_scene(CONFIG, batch, present)


@pytest.mark.parametrize("reward", [0.0, 1.0, -1.0, 10.0, 200.0, -3.5, 5000.0])
def test_two_hot_has_the_reward_as_its_mean_on_two_neighbouring_bins(reward):
    chance = two_hot(torch.tensor([reward]), reward_bins())[0]
    assert float(chance @ reward_bins()) == pytest.approx(reward, rel=1e-4, abs=1e-4)
    assert float(chance.sum()) == pytest.approx(1) and (chance > 0).sum() <= 2
    assert (float(chance[BINS // 2]) > 0.5) == (reward == 0)


def test_rewards_beyond_the_bins_are_the_last_bin():
    assert float(two_hot(torch.tensor([1e6]), reward_bins())[0, -1]) == 1


def test_the_outcome_does_not_depend_on_the_order_of_the_objects():
    heads, before, after, action = OutcomeHeads(CONFIG), scene(), scene(), torch.tensor([0, 1, 2])

    def shuffle(slots: Slots, order: list[int]) -> Slots:
        names = ("what", "where", "presence", "identity", "velocity", "unseen", "temporal", "prior")
        return slots.replace(**{n: getattr(slots, n)[:, order] for n in names})

    here = heads(before, action, after, dense=False)
    there = heads(shuffle(before, [2, 0, 1]), action, shuffle(after, [1, 2, 0]), dense=False)
    for name in ("reward", "nonzero", "ends", "uncertainty", "reward_logits", "end_logits"):
        torch.testing.assert_close(getattr(there, name), getattr(here, name), rtol=1e-4, atol=1e-5)


def test_the_outcome_looks_at_the_action_the_fate_of_objects_and_the_background():
    heads, before, after, action = OutcomeHeads(CONFIG), scene(), scene(), torch.tensor([0, 1, 2])
    logits = heads(before, action, after, dense=False).reward_logits
    lost = after.replace(identity=torch.tensor([[5, 6, 7]]).expand(3, 3))
    for other in (
        heads(before, torch.tensor([3, 3, 3]), after, dense=False),
        heads(before, action, lost, dense=False),
        heads(before.replace(scenery=1 - before.scenery), action, after, dense=False),
    ):
        assert not torch.allclose(other.reward_logits, logits)


def test_dense_and_packed_outcomes_agree_and_empty_scenes_have_one():
    heads, before, after, action = OutcomeHeads(CONFIG), scene(present=2), scene(present=1), torch.tensor([0, 1, 2])
    for a, b in zip(heads(before, action, after, True), heads(before, action, after, False), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    nobody = scene(present=0)
    outcome = heads(nobody, action, nobody, dense=False)
    assert outcome.uncertainty.tolist() == [0, 0, 0] and bool(torch.isfinite(outcome.reward).all())


def test_untrained_heads_expect_nothing_to_happen():
    outcome = OutcomeHeads(CONFIG)(scene(), torch.tensor([0, 1, 2]), scene(), dense=False)
    assert bool((outcome.ends < 0.1).all()) and bool((outcome.nonzero < 0.5).all())


def test_the_expected_sign_is_that_of_gains_less_losses():
    heads = OutcomeHeads(CONFIG)
    for head in heads.heads:
        torch.nn.init.zeros_(head[-1].weight)
        head[-1].bias.data[:BINS] = -1e9
        head[-1].bias.data[[BINS // 2 - 6, BINS // 2, BINS // 2 + 1]] = torch.tensor([0.1, 0.6, 0.3]).log()
    outcome = heads(scene(), torch.tensor([0, 1, 2]), scene(), dense=False)
    # A large loss is less likely than a small gain: the expected reward is negative, its expected sign is not.
    assert bool((outcome.reward < 0).all())
    assert outcome.sign.tolist() == pytest.approx([0.2] * 3) and outcome.nonzero.tolist() == pytest.approx([0.4] * 3)


def test_observed_and_imagined_steps_have_heads_of_their_own():
    before, after, action = scene(), scene(), torch.tensor([0, 1, 2])
    for apart in (True, False):
        heads = OutcomeHeads(replace(CONFIG, imagined_heads=apart))
        now = [heads(before, action, after, False, imagined) for imagined in (True, False)]
        for head in heads.heads:
            head[-1].bias.data += torch.arange(BINS + 1.0)
        later = [heads(before, action, after, False, imagined) for imagined in (True, False)]
        changed = [not torch.equal(a.reward, b.reward) for a, b in zip(now, later, strict=True)]
        assert changed == [True, not apart]
        assert torch.equal(now[0].uncertainty, now[1].uncertainty), "they share what tells how uncertain a step is"


def test_a_model_of_data_without_actions_has_no_outcome():
    model = WorldModel(small())
    with pytest.raises(ValueError, match="without actions"):
        model.outcome(model.initial(1), torch.zeros(1, dtype=torch.int64), model.initial(1))


def test_an_ending_exactly_four_steps_after_a_change_or_a_lost_life_is_learned():
    for clock in ("since", "step"):
        torch.manual_seed(0)
        heads, action = OutcomeHeads(CONFIG), torch.zeros(64, dtype=torch.int64)
        optimizer = torch.optim.Adam(heads.parameters(), 1e-2)
        for _ in range(120):
            time = torch.randint(8, (64,))
            slots = random_scene(CONFIG, 64, 2).replace(**{clock: time})
            logits = heads(slots, action, slots, False).end_logits
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, (time == 4).float().expand_as(logits))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        slots = random_scene(CONFIG, 8, 2).replace(**{clock: torch.arange(8)})
        ends = heads(slots, action[:8], slots, False).ends
        assert ends[4] > 0.8 and ends[[0, 1, 2, 3, 5, 6, 7]].max() < 0.2


def test_parameters_keep_the_order_by_which_older_optimisers_know_them():
    older = OutcomeHeads(replace(CONFIG, imagined_heads=False))
    names = list(dict.fromkeys(name.split(".")[0] for name, _ in older.named_parameters()))
    assert names == ["around", "beneath", "before", "after", "moves", "time", "scene", "heads"]
    assert [n for n, _ in OutcomeHeads(CONFIG).named_children()] == [*names, "recall", "seen"]
