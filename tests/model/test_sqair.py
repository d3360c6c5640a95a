import pytest
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.leaving import as_far_as_seen
from sqair_wm.model.slots import Noise, StepTerms
from sqair_wm.model.sqair import SQAIR
from sqair_wm.nn.where import in_frame, to_where, window
from tests.conftest import CONV, PAPER, random_scene, small, twin

HALVES = [small(inference="guided_discovery"), small(inference="guided_tracking", discovery_prior="paper")]
VARIANTS = [small(), small(appearance="steady", size="steady"), small(**PAPER), small(**PAPER, **CONV), *HALVES]
NAMES = ["guided", "steady", "paper", "conv", "guided_discovery", "guided_tracking"]


def frames(t=4, b=3, channels=1):
    return Frame(torch.rand(t, b, channels, 24, 24) * (torch.rand(t, b, channels, 24, 24) > 0.85))


@pytest.mark.parametrize(("variant", "count"), [({"hidden": 256}, 2_951_522), (CONV | {"hidden": 128}, 2_696_051)])
def test_the_published_variants_have_the_published_number_of_parameters(variant, count):
    model = SQAIR(ModelConfig(**PAPER, **variant, what=50, glimpse=(20, 20)))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == count


@pytest.mark.parametrize("config", VARIANTS, ids=NAMES)
def test_packed_and_dense_computation_agree(config):
    first, video, results = SQAIR(config), frames(), []
    for model in (twin(first, dense=False), twin(first, dense=True)):
        torch.manual_seed(3)
        slots, total = model.initial(6), 0.0
        for frame in video:
            slots, terms = model.observe(slots, frame)
            total = total + terms.log_likelihood + terms.log_p - terms.log_q
        total.mean().backward()
        gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
        results.append((total.detach(), slots.where.detach() * slots.presence[..., None], torch.cat(gradients)))
    assert bool(results[0][1].any())
    torch.testing.assert_close(results[0][:2], results[1][:2], rtol=1e-4, atol=1e-3)
    scale = results[0][2].abs().max()
    torch.testing.assert_close(results[0][2] / scale, results[1][2] / scale, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("config", VARIANTS, ids=NAMES)
def test_identities_are_unique_and_live_as_long_as_their_object(config):
    model = SQAIR(config)
    slots = model.initial(8)
    newest = slots.last_identity
    with torch.no_grad():
        for frame in frames(6, 8):
            before = slots
            slots, terms = model.observe(slots, frame)
            for b in range(8):
                ids = slots.identity[b][slots.presence[b] > 0].tolist()
                assert len(set(ids)) == len(ids) and min(ids, default=0) >= 0
                new = [i for i in ids if i > int(newest[b])]
                assert len(new) == int(terms.discovered[b])
                assert set(ids) - set(new) <= set(before.identity[b].tolist())
                assert (slots.identity[b][slots.presence[b] == 0] == -1).all()
            newest = slots.last_identity


@pytest.mark.parametrize("config", VARIANTS, ids=NAMES)
def test_imagine_keeps_the_contract(config):
    model = SQAIR(config)
    with torch.no_grad():
        slots = model.initial(64)
        dreams = model.imagine(slots)
        assert float(dreams.count.mean()) > 0.5
        assert (dreams.step == 1).all() and ((dreams.presence == 0) | (dreams.presence == 1)).all()
        without = model.imagine(dreams, discover=False)
        assert set(without.identity.flatten().tolist()) <= set(dreams.identity.flatten().tolist())
        rendering = model.render(dreams)
    assert rendering.frame.shape == (64, 1, 24, 24) and rendering.glimpses.shape == (64, 3, 1, 8, 8)
    assert (rendering.glimpses[dreams.presence == 0] == 0).all()


def test_without_noise_a_step_is_deterministic():
    model, frame = SQAIR(small()), frames()[0]
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        slots = model.initial(3)
        results.append(model.observe(slots, frame, noise=Noise.none(slots))[1].log_likelihood)
    torch.testing.assert_close(*results, rtol=0, atol=0)


def test_particles_share_the_frame_of_their_example():
    model, frame = SQAIR(small()), frames()[0]
    slots = model.initial(6)
    together = model.observe(slots, frame, noise=Noise.none(slots))[1]
    apart = model.observe(slots, frame.map(lambda x: x.repeat_interleave(2, 0)), noise=Noise.none(slots))[1]
    torch.testing.assert_close(together.log_likelihood, apart.log_likelihood)


def test_a_frame_of_another_size_is_refused():
    model = SQAIR(small())
    with pytest.raises(ValueError, match=r"takes foreground.* of \(1, 24, 24\).*got \(4, 24, 24\)"):
        model.observe(model.initial(2), Frame(torch.zeros(2, 4, 24, 24)))
    with pytest.raises(TypeError, match=r"Frame\(foreground, background\)"):
        model.observe(model.initial(2), torch.zeros(2, 1, 24, 24))


def test_terms_of_several_steps_are_stacked_in_time():
    one = StepTerms(*(torch.full((2,), float(i)) for i in range(6)))
    assert StepTerms.stack([one, one, one]).log_q.shape == (3, 2)


@pytest.mark.parametrize("config", HALVES, ids=NAMES[4:])
def test_either_half_of_inference_can_be_guided_alone(config):
    inference, both = SQAIR(config).inference, SQAIR(small()).inference
    assert (type(inference.tracking) is type(both.tracking)) == (config.inference == "guided_tracking")
    assert (type(inference.discovery) is type(both.discovery)) == (config.inference == "guided_discovery")


def leaving(config):
    """Three objects: in the middle of the frame, half outside, and just outside."""
    slots = random_scene(config, 1, 3)
    scale = torch.full((1, 3, 2), 0.25)
    centre = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [0.0, 1.25]]])
    return slots.replace(where=to_where(scale, centre).requires_grad_())


def test_gradients_pass_to_earlier_frames_as_far_as_objects_are_in_the_frame():
    slots = leaving(small())
    same = as_far_as_seen(slots)
    for name in ("what", "where", "velocity", "temporal", "prior"):
        assert torch.equal(getattr(same, name), getattr(slots, name))
    same.where.sum().backward()
    torch.testing.assert_close(slots.where.grad[..., 0], torch.tensor([[1.0, 0.5, 0.0]]), atol=1e-3, rtol=0)
    torch.testing.assert_close(in_frame(*window(slots.where))[0], torch.tensor([1.0, 0.5, 0.0]), atol=1e-3, rtol=0)


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize("variant", [{}, PAPER])
def test_what_left_the_frame_passes_its_gradient_on_only_if_that_is_asked_for(variant, outside):
    config = small(**variant, gradient_outside=outside)
    model, slots = SQAIR(config), leaving(config)
    after, terms = model.observe(slots, Frame(torch.rand(1, 1, 24, 24)), noise=Noise.none(slots))
    (terms.log_p + after.where.sum()).sum().backward()
    grad = slots.where.grad[0].abs().sum(1)
    assert grad[0] > 1e-3 and (grad[2] > 1e-3 * grad[0]) == outside
