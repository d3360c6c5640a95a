import pytest
import torch

from sqair_wm.common.frame import Frame
from sqair_wm.evaluation.metrics.likelihood import estimate
from sqair_wm.model.baselines.vrnn import VRNN
from sqair_wm.model.config import ModelConfig
from sqair_wm.model.slots import Noise
from sqair_wm.training.bound import Annealing, SequenceBound
from sqair_wm.training.vimco import iwae
from tests.conftest import MovingSquares, small

VARIANTS = {"mlp": small(what=6, architecture="vrnn"), "conv": small(what=6, encoder="conv", architecture="vrnn")}


@pytest.fixture(params=VARIANTS)
def model(request):
    return VRNN(VARIANTS[request.param])


def frames(length=4, batch=3):
    return MovingSquares().first(batch, length, torch.device("cpu")).frames


def test_steps_have_the_shapes_of_the_contract(model):
    state, terms = model.observe(model.initial(6), frames(1)[0])
    assert state.what.shape == (6, 1, 6) and not state.presence.any() and state.where.shape == (6, 1, 4)
    assert all(x.shape == (6,) for x in (terms.log_likelihood, terms.log_q, terms.log_p, terms.log_q_discrete))
    future = model.imagine(state)
    assert model.render(future).frame.shape == (6, 1, 24, 24) and future.step.tolist() == [2] * 6


def test_particles_may_share_a_frame(model):
    noise, shown = Noise.draw(model.initial(6)), frames(1)[0]
    shared = model.observe(model.initial(6), shown, noise=noise)
    alone = model.observe(model.initial(6), shown.map(lambda x: x.repeat_interleave(2, 0)), noise=noise)
    assert torch.allclose(shared[0].what, alone[0].what, atol=1e-6)
    assert torch.allclose(shared[1].log_likelihood, alone[1].log_likelihood, rtol=1e-5)


def test_what_was_seen_before_matters_and_what_comes_later_does_not(model):
    shown = frames(3)

    def codes(sequence):
        state, found = model.initial(3), []
        for frame in sequence:
            state, _ = model.observe(state, frame, noise=Noise.none(state))
            found.append(state.what)
        return found

    changed = shown.map(torch.clone)
    changed.foreground[0] = 0.5
    assert not torch.allclose(codes(shown)[2], codes(changed)[2])
    later = shown.map(torch.clone)
    later.foreground[2] = 0.5
    assert torch.equal(codes(shown)[1], codes(later)[1])


def test_posterior_equal_to_the_prior_costs_nothing(model):
    for parameter in model.posterior[-1].parameters():
        parameter.data.zero_()
    for parameter in model.prior[-1].parameters():
        parameter.data.zero_()
    _, terms = model.observe(model.initial(3), frames(1)[0])
    assert torch.allclose(terms.log_q, terms.log_p)


def test_the_likelihood_is_that_of_gaussian_pixels(model):
    shown = frames(1)[0]
    state, terms = model.observe(model.initial(3), shown)
    exact = torch.distributions.Normal(model.render(state).frame, 0.2).log_prob(shown.foreground).flatten(1).sum(1)
    assert torch.allclose(terms.log_likelihood, exact, rtol=1e-4)


def test_training_on_the_bound_raises_it(model):
    bound, shown = SequenceBound(model, 3), frames(2, 6)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(20):
        loss, statistics = bound(shown, None, Annealing())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(statistics["loss"]))
    assert sum(losses[-3:]) / 3 < losses[0] - 50
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_bound_of_training_is_that_of_evaluation(model):
    shown, terms = frames(2, 100), []
    state = model.initial(100)
    with torch.no_grad():
        for frame in shown:
            state, step = model.observe(state, frame)
            terms.append(step.log_likelihood - step.log_q + step.log_p)
    one = iwae(torch.stack(terms).sum(0)[:, None])
    found = estimate(model, shown, samples=1).log_px
    assert float(found.mean()) == pytest.approx(float(one.mean()), abs=4 * float(one.std() / 10))


@pytest.mark.parametrize(("encoder", "hidden"), [("mlp", 240), ("conv", 192)])
def test_sizes_of_the_paper(encoder, hidden):
    config = ModelConfig(what=165, hidden=hidden, encoder=encoder, architecture="vrnn")
    assert 2.5e6 < sum(p.numel() for p in VRNN(config).parameters()) < 3e6


def test_frames_of_another_size_are_refused(model):
    with pytest.raises(ValueError, match="takes frames of"):
        model.observe(model.initial(1), Frame(torch.zeros(1, 1, 20, 20)))
