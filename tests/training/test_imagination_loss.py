"""What the loss of imagination counts, and what each of its terms teaches."""

from dataclasses import replace

import pytest
import torch

from sqair_wm.model.motion import MOTION, Motion
from sqair_wm.nn.where import to_where
from sqair_wm.training.encoded import Play
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination_loss import ImaginationLoss
from sqair_wm.training.terms import outcome_losses
from sqair_wm.world.world_model import WorldModel
from tests.conftest import no_data_from_host
from tests.training.steering import CONFIG, QUICK, steered


def test_objects_that_left_or_are_out_of_sight_do_not_count_for_the_distance():
    torch.manual_seed(0)
    world, play = WorldModel(CONFIG), steered(6).cut(torch.tensor([0]), 6, torch.device("cpu"))
    loss = ImaginationLoss(world, ImaginationConfig(**QUICK))
    seen = loss(play, play)[1]["distance"]
    hidden = play.states.replace(unseen=torch.ones_like(play.states.unseen))
    assert float(seen) > 0 and float(loss(replace(play, states=hidden), play)[1]["distance"]) == 0
    other = play.states.replace(identity=play.states.identity + torch.arange(6)[:, None, None])
    assert float(loss(replace(play, states=other), play)[1]["distance"]) == 0


def test_births_are_learned_as_imagined_without_objects_that_will_not_be_seen_again():
    torch.manual_seed(0)
    world, play = WorldModel(replace(CONFIG, births=True)), steered(6).cut(torch.tensor([0]), 6, torch.device("cpu"))
    loss = ImaginationLoss(world, ImaginationConfig(**(QUICK | {"context": 4})))
    none = play.states.replace(presence=torch.zeros_like(play.states.presence))
    tracked = {gone: replace(play, departed=torch.full_like(play.departed, gone)) for gone in (True, False)}
    single = steered(2).cut(torch.tensor([0]), 2, torch.device("cpu"))
    births = {gone: float(loss._births(p, single, list(map(p.scene, range(5))))) for gone, p in tracked.items()}
    nobody = float(loss._births(play, single, list(map(replace(play, states=none).scene, range(5)))))
    assert births[True] == nobody != births[False]


def newcomers(frames: int, second: float = 0.0) -> Play:
    """One steered object; a second one appears in frame 4, and a third in frame 6, at the height `second`."""
    play = steered(frames).cut(torch.tensor([0]), frames, torch.device("cpu"))
    states = play.states.map(torch.clone)
    for first, row, name, y in ((4, 1, 9, 0.3), (6, 2, 11, second)):
        states.presence[first:, 0, row], states.identity[first:, 0, row] = 1, name
        states.where[first:, 0, row] = to_where(torch.full((2,), 0.2), torch.tensor([y, 0.5]))
    return replace(play, states=states)


@pytest.mark.parametrize(("context", "counts"), [(2, False), (9, True)])
def test_imagined_scenes_teach_what_appears_first_in_them_and_seen_ones_everything(context, counts):
    torch.manual_seed(0)
    loss = ImaginationLoss(
        WorldModel(replace(CONFIG, births=True)), ImaginationConfig(**(QUICK | {"context": context}))
    )
    first, single = newcomers(9), steered(2).cut(torch.tensor([0]), 2, torch.device("cpu"))
    with torch.no_grad():
        before = [newcomers(9).scene(t) for t in range(8)]
        here, there = (loss._births(play, single, before) for play in (first, newcomers(9, second=-0.5)))
        first.states.where[4:, 0, 1, 2] -= 1
        moved = loss._births(first, single, before)
    assert bool(here != there) is counts and here != moved


def after(play: Play, frame: int) -> Play:
    """A single step from a frame of `play`."""
    names = ("actions", "rewards", "ends", "departed", "frames")
    parts = {name: getattr(play, name)[frame : frame + 2] for name in names}
    return replace(play, states=play.states.map(lambda x: x[frame : frame + 2]), **parts)


def test_single_steps_teach_what_appears_and_what_leaves():
    torch.manual_seed(0)
    play = newcomers(9)
    loss = ImaginationLoss(WorldModel(replace(CONFIG, births=True)), ImaginationConfig(**QUICK))
    born, quiet = after(play, 3), after(play, 4)
    gone = replace(quiet, departed=quiet.departed.clone().index_fill_(0, torch.tensor(1), True))
    with torch.no_grad():
        before = [play.scene(t) for t in range(8)]
        assert loss._births(play, born, before) != loss._births(play, quiet, before)
        # An object stays with a probability near 1 at first, so one that leaves surprises.
        assert loss._leaving(gone) > 5 and loss._leaving(quiet) < 0.1
        assert loss._leaving(replace(gone, weight=torch.zeros(1))) == 0, "it counts as often as it happens"


def test_networks_of_seldom_events_learn_faster_and_change_no_other():
    loss = ImaginationLoss(WorldModel(CONFIG), ImaginationConfig(**QUICK))
    others, seldom, heads = loss.groups()
    assert "factor" not in others and seldom["factor"] > 1
    everything = [w for group in (others, seldom, heads) for w in group["params"]]
    assert sorted(map(id, everything)) == sorted(map(id, loss.parameters()))
    single = steered(2).cut(torch.tensor([0]), 2, torch.device("cpu"))
    loss._leaving(single).backward()
    leaving = {id(w) for w in loss.dynamics.leaving.parameters()}
    assert {id(w) for w in loss.parameters() if w.grad is not None} == leaving


def test_only_the_heads_for_reward_and_ending_decay():
    world = WorldModel(CONFIG)
    loss = ImaginationLoss(world, ImaginationConfig(**QUICK, weight_decay=0.5))
    decaying = [w for group in loss.groups() if group.get("weight_decay") for w in group["params"]]
    assert {id(w) for w in decaying} == {id(w) for w in world.heads.parameters()}
    without = ImaginationLoss(world, ImaginationConfig(**QUICK, weight_decay=0.0)).groups()
    assert len(without) == 2 and not any("weight_decay" in group for group in without)


def test_heads_learn_seen_and_imagined_steps_apart():
    world, play = WorldModel(CONFIG), steered(8).cut(torch.tensor([0]), 8, torch.device("cpu"))
    loss, single = (
        ImaginationLoss(world, ImaginationConfig(**QUICK)),
        steered(2).cut(torch.tensor([0]), 2, play.weight.device),
    )
    before, after = [play.scene(t) for t in range(7)], [play.scene(t) for t in range(1, 8)]
    found = outcome_losses(world.heads, play, before, after, single, loss.unit, dense=False)

    def taught(*names):
        world.heads.zero_grad()
        sum(found[name] for name in names).backward(retain_graph=True)
        return {n.split(".")[0] for n, w in world.heads.named_parameters() if w.grad is not None and w.grad.any()}

    assert "seen" in taught("reward", "ending") and not taught("reward", "ending") & {
        "heads",
        "scene",
        "before",
        "after",
    }
    assert "seen" not in taught("dreamt") and taught("dreamt") >= {"heads", "scene", "before", "after"}


def test_the_loss_needs_no_value_on_the_host():
    with torch.device("meta"):
        world = WorldModel(CONFIG)
        loss = ImaginationLoss(world, ImaginationConfig(**QUICK))
    play = steered(5).cut(torch.tensor([0]), 5, torch.device("cpu"))
    states = play.states.to("meta")
    names = ("actions", "rewards", "ends", "departed", "weight", "frames")
    meta = Play(states, *(getattr(play, name).to("meta") for name in names))
    with no_data_from_host():
        total, _ = loss(meta, meta)
        total.backward()
    assert total.device.type == "meta"


def test_an_object_that_is_put_back_is_no_surprise():
    world = WorldModel(replace(CONFIG, smooth=True))
    loss = ImaginationLoss(world, ImaginationConfig(astray=0.4))
    seen = steered(3).states.map(lambda x: x[1:3])  # of the first scene the object is put back, of the second it is not
    wrong = seen.where + torch.tensor([0, 0, 1.0, 0]) * torch.tensor([1.0, 0.0])[:, None, None]
    memory = torch.rand(2, 3, world.sqair.dynamics.cell.hidden + MOTION)
    imagined = seen.replace(where=wrong, velocity=seen.velocity + 0.1, prior=memory)
    put = loss._put_back(imagined, seen)
    assert torch.equal(put.where[:, 0], seen.where[:, 0]) and torch.equal(put.velocity[0, 0], seen.velocity[0, 0])
    surprise = Motion.of(put.velocity[:, 0], put.prior[:, 0, -MOTION:], world.sqair.dynamics.reach).surprise
    assert torch.allclose(surprise[0], torch.zeros(2), atol=1e-6) and surprise[1].abs().max() > 0.01
    assert torch.equal(put.prior[..., :-MOTION], memory[..., :-MOTION])
    assert torch.equal(put.prior[..., -2:], memory[..., -2:]), "its own velocity has to lead it on"


def test_training_meets_the_times_that_imagination_meets():
    """An object flickers: what is seen changes with every step, and imagination never does."""
    torch.manual_seed(0)
    play = steered(400)
    play.states.since.zero_()
    stretches = play.cut(torch.arange(64), 12, torch.device("cpu"))
    loss = ImaginationLoss(WorldModel(CONFIG), ImaginationConfig(**(QUICK | {"context": 4})))
    since = torch.stack([step.after.since for step in loss._rollout(stretches)])
    own = since[-1] > 0
    assert 16 < own.sum() < 48 and not since[:, ~own].any()
    assert since[:, own].T.tolist() == [[1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8]] * int(own.sum())


def test_observed_rewards_teach_imagined_steps_and_their_absence_does_not():
    world, play = WorldModel(CONFIG), steered(8).cut(torch.tensor([0]), 8, torch.device("cpu"))
    single = steered(2).cut(torch.tensor([0]), 2, torch.device("cpu"))
    before, after = [play.scene(t) for t in range(7)], [play.scene(t) for t in range(1, 8)]

    def missed(heads, reward):
        shown = replace(single, rewards=torch.full_like(single.rewards, reward), ends=single.ends & False)
        return float(outcome_losses(heads, play, before, after, shown, torch.tensor(0.1), dense=False)["dreamt"])

    assert missed(world.heads, 1.0) > missed(world.heads, 0.0) + 1, "an untrained head expects no reward"
    shared = WorldModel(replace(CONFIG, imagined_heads=False)).heads
    assert missed(shared, 1.0) == missed(shared, 0.0)
    taught, single.departed[1] = missed(world.heads, 1.0), single.states.presence[1] > 0
    assert missed(world.heads, 1.0) == missed(world.heads, 0.0), "imagination holds no departed objects"
    single.states.presence[1] = 0
    assert missed(world.heads, 1.0) == pytest.approx(taught, abs=0.1), "it is left out of the scene"
