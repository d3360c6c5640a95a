"""Features of a set of objects: their order, empty rows and the form of an observation do not matter."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from sqair_wm.agents.extractors import RunningScale, SlotExtractor, relation
from sqair_wm.envs.layout import Layout


def rows(batch=5, slots=4, present=3):
    scene = torch.randn(batch, slots, 7 + 3)
    scene[..., 0] = 1
    scene[:, present:] = 0
    return scene


def layout(form="array", slots=4):
    return Layout(slots, 3, (80, 80), form)


def extractor(form="array", slots=4, **options):
    return SlotExtractor(layout(form, slots).space, 32, slots=slots if form == "flat" else None, **options).eval()


def test_the_order_of_objects_does_not_change_the_answer_of_a_policy():
    policy = ActorCriticPolicy(
        layout().space, gym.spaces.Discrete(5), lambda _: 1e-3,
        features_extractor_class=SlotExtractor, features_extractor_kwargs={"features_dim": 32, "layers": 2},
    )  # fmt: skip
    policy.action_net.weight.data.normal_()
    scene = rows()
    other = scene[:, [2, 3, 0, 1]]
    with torch.no_grad():
        chance = [policy.get_distribution(x).distribution.probs for x in (scene, other)]
        value = [policy.predict_values(x) for x in (scene, other)]
    assert chance[0].std(0).max() > 0.01
    assert torch.allclose(*chance, atol=1e-5) and torch.allclose(*value, atol=1e-5)


def test_what_an_empty_row_holds_does_not_matter_and_neither_does_their_number():
    features = extractor()
    scene = rows()
    filled = scene.clone()
    filled[:, 3, 1:] = 9.0
    with torch.no_grad():
        assert torch.equal(features(scene), features(filled))
        assert torch.allclose(features(scene), features(scene[:, :3]), atol=1e-6)


def test_an_object_more_or_elsewhere_changes_the_features():
    features = extractor()
    scene = rows()
    fewer, moved = scene.clone(), scene.clone()
    fewer[:, 2] = 0
    moved[:, 0, 1] += 0.1
    with torch.no_grad():
        for other in (fewer, moved):
            assert (features(scene) - features(other)).abs().max(1).values.min() > 1e-3


def test_scenes_without_objects_have_features_that_are_finite():
    features = extractor().train()
    with torch.no_grad():
        assert features(torch.zeros(2, 4, 10)).isfinite().all()


@pytest.mark.parametrize("form", ["flat", "dict"])
def test_all_forms_give_the_same_features(form):
    scene = rows()
    torch.manual_seed(1)
    array = extractor()
    torch.manual_seed(1)
    other = extractor(form)
    given = scene.flatten(1) if form == "flat" else {"slots": scene, "presence": scene[..., 0]}
    with torch.no_grad():
        assert torch.equal(array(scene), other(given))


def test_a_flat_form_needs_the_number_of_slots():
    with pytest.raises(ValueError, match="name the rows of a scene with slots="):
        SlotExtractor(layout("flat").space)
    with pytest.raises(ValueError, match="forms of Layout"):
        SlotExtractor(gym.spaces.Box(0, 255, (80, 80, 3), np.uint8))


def test_columns_are_scaled_by_the_objects_that_are_there():
    scale, there = RunningScale(2), torch.rand(4000, 3) < 0.5
    x = torch.where(there[..., None], torch.randn(4000, 3, 2) * torch.tensor([5.0, 0.1]) + 3, 1e4)
    for part, mask in zip(x.split(500), there.split(500), strict=True):
        scale(part, mask)
    assert torch.allclose(scale.running_mean, x[there].mean(0), atol=1e-3)
    assert torch.allclose(scale.running_var.sqrt(), x[there].std(0), rtol=1e-3)
    scale.eval()
    before = scale.running_mean.clone()
    out = scale(x, there)[there]
    assert torch.equal(before, scale.running_mean) and out.mean().abs() < 0.01 and (out.std(0) - 1).abs().max() < 0.01


def test_a_relation_says_where_the_sender_is():
    x = torch.zeros(1, 2, 9)
    x[0, 0, :2], x[0, 1, :2] = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 1.0])
    x[0, 1, 4:6] = torch.tensor([0.0, 3.0])
    apart = relation(x)[0]
    assert apart[0, 1, :4].tolist() == [0.5, -1.0, 0.0, 3.0] and apart[1, 0, :4].tolist() == [-0.5, 1.0, 0.0, -3.0]
    assert apart[0, 0].abs().sum() == 0


def test_a_relation_also_says_where_the_sender_will_be():
    x = torch.zeros(1, 2, 9)
    x[0, 1, :2], x[0, 1, 4:6] = torch.tensor([0.6, -1.0]), torch.tensor([-0.1, 0.5])
    later = relation(x, torch.tensor([2.0, 1.0]), (3,))[0, 0, 1, 6:]
    y, x = 0.6 - 3 * 2 * 0.1, -1.0 + 3 * 0.5
    assert torch.allclose(later, torch.tensor([2 * y, 2 * x, 8 * y, 8 * x]).tanh(), atol=1e-6)


def test_the_unit_of_positions_does_not_change_where_objects_will_be():
    scene, features = rows(), {}
    large = scene.clone()
    large[..., 1:7] *= 40
    for name, seen in (("half frames", scene), ("pixels", large)):
        torch.manual_seed(1)
        reader = extractor(ahead=(2, 8)).train()
        with torch.no_grad():
            reader(seen)
            features[name] = reader.eval()(seen)
    assert torch.allclose(*features.values(), atol=1e-4)


def test_learning_reaches_every_weight():
    features = extractor(layers=2, ahead=(2, 8)).train()
    features(rows()).square().sum().backward()
    assert all(w.grad is not None and w.grad.abs().sum() > 0 for n, w in features.named_parameters() if "bias" not in n)
