"""The smoothed velocity: prediction errors are split between jitter and motion; imagination has no such errors."""

import pytest
import torch

from sqair_wm.model.config import ModelConfig
from sqair_wm.model.motion import FEATURES, FIRST_DOUBT, FIRST_INERTIA, FIRST_SHARE, MOST_INERTIA, OUTPUTS, Motion
from sqair_wm.model.slots import Noise
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.where import to_where, window
from tests.conftest import small

REACH = torch.tensor(0.2)
INERTIA = MOST_INERTIA * float(torch.tensor(FIRST_INERTIA).tanh())
DOUBT = float(torch.tensor(FIRST_DOUBT).sigmoid())


def test_of_a_surprise_a_share_is_jitter():
    memory = torch.tensor([[0.1, 0.0, 0.1, 0.0]]) / REACH
    motion = Motion.of(torch.tensor([[0.12, 0.0]]), memory, REACH)
    step, kept = motion.move(torch.zeros(1, OUTPUTS["free"]), torch.zeros(1, 2), REACH, inertia="free")
    velocity = (0.1 + (1 - DOUBT) * 0.02) * INERTIA
    assert step[0].tolist() == pytest.approx([velocity - DOUBT * 0.02, 0], abs=1e-6)
    assert (kept * REACH)[0].tolist() == pytest.approx([velocity - DOUBT * 0.02, 0, velocity, 0], abs=1e-6)


def test_what_comes_as_expected_is_no_surprise_and_a_shift_leaves_the_velocity_alone():
    motion = Motion(torch.zeros(1, 2), torch.tensor([[0.1, 0.05]]))
    step, kept = motion.move(torch.zeros(1, OUTPUTS["free"]), torch.tensor([[0.03, 0.0]]), REACH, inertia="free")
    assert step[0].tolist() == pytest.approx([0.1 * INERTIA + 0.03, 0.05 * INERTIA], abs=1e-6)
    after = Motion.of(step, kept, REACH)
    assert after.surprise.abs().max() < 1e-6
    assert after.velocity[0].tolist() == pytest.approx([0.1 * INERTIA, 0.05 * INERTIA], abs=1e-6)


def test_objects_keep_their_velocity_unless_the_network_is_sure_that_they_turn():
    motion, still = Motion(torch.zeros(1, 2), torch.tensor([[0.1, 0.05]])), torch.zeros(1, 2)

    def velocity(inertia):
        out = torch.zeros(1, OUTPUTS["kept"])
        out[:, :2] = inertia
        return motion.move(out, still, REACH, inertia="kept")[0][0]

    assert velocity(0.0).tolist() == pytest.approx([0.1, 0.05])
    assert velocity(0.1).tolist() == pytest.approx([0.1, 0.05], rel=0.002)
    assert velocity(-0.1).tolist() == pytest.approx([0.1, 0.05], rel=0.006)
    assert velocity(-2.2)[0] < -0.09, "a bounce"
    assert velocity(-50.0).tolist() == pytest.approx([-0.1 * MOST_INERTIA, -0.05 * MOST_INERTIA])
    assert velocity(50.0).tolist() == pytest.approx([0.1 * MOST_INERTIA, 0.05 * MOST_INERTIA])


def test_an_object_that_turns_within_a_step_goes_a_part_of_it_as_before():
    def moved(turn, share):
        out = torch.zeros(1, OUTPUTS["divided"])
        out[0, 2], out[0, -1] = turn, share
        motion = Motion(torch.zeros(1, 2), torch.tensor([[0.1, 0.05]]))
        step, kept = motion.move(out, torch.zeros(1, 2), REACH, inertia="divided")
        return step[0].tolist(), (kept * REACH)[0, 2:].tolist()

    step, velocity = moved(turn=-50.0, share=-FIRST_SHARE)  # by -0.2 along y, in the middle of the step
    assert velocity == pytest.approx([-0.1, 0.05])
    assert step == pytest.approx([0.0, 0.05], abs=1e-6)
    assert moved(turn=-50.0, share=-50.0)[0] == pytest.approx([-0.1, 0.05], abs=1e-6)
    step, velocity = moved(turn=0.0, share=50.0)
    assert step == velocity == pytest.approx([0.1, 0.05])


def test_features_tell_how_near_an_edge_an_object_goes():
    motion = Motion(torch.zeros(2, 2), torch.tensor([[0.1, 0.0], [-0.1, 0.0]]))
    features = motion.features(torch.tensor([[0.9, 0.0], [0.9, 0.0]]), REACH)
    assert features.shape == (2, FEATURES)
    assert features[0, 4].abs() < 1e-6 and features[1, 4] > 0.7


def test_imagined_objects_go_on_as_they_were_expected_to():
    model = SQAIR(small(smooth=True, dynamics="interactive", actions=3)).eval().requires_grad_(False)
    torch.nn.init.normal_(model.dynamics.readout.weight, std=0.05)
    slots = model.initial(2)
    where = to_where(torch.full((2, 3, 2), 0.2), torch.rand(2, 3, 2) - 0.5)
    number = torch.arange(3).expand(2, 3)
    slots = slots.replace(where=where, presence=torch.ones(2, 3), identity=number, prior=0.1 * torch.randn(2, 3, 32))
    action = torch.tensor([1, 2])
    for _ in range(3):
        before = window(slots.where)[1]
        slots = model.imagine(slots, action, noise=Noise.none(slots), discover=False)
        kept = slots.prior[..., -4:] * model.dynamics.reach
        assert torch.allclose(window(slots.where)[1] - before, kept[..., :2], atol=1e-6)
        assert torch.allclose(slots.velocity, kept[..., :2], atol=1e-6)


def test_a_smooth_velocity_needs_residual_dynamics():
    with pytest.raises(ValueError, match=r"model\.smooth needs model\.residual"):
        ModelConfig(smooth=True, residual=False)
