"""Imagination is trained on scenes whose next state is known."""

from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric

from sqair_wm.model.motion import MOTION, Motion
from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.where import to_where, window
from sqair_wm.training.drawing import UNKNOWN
from sqair_wm.training.encoded import EncodedPlay, Play
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.imagination_loss import ERRORS, ImaginationLoss
from sqair_wm.world.world_model import WorldModel
from tests.conftest import no_data_from_host, small

CONFIG = small(actions=3, dynamics="interactive")
QUICK = dict(
    iterations=6,
    batch=4,
    log_every=2,
    save_every=2,
    steps=[[0, 1], [3, 3]],
    context=2,
    singles=8,
    minutes=0,
    decay=[],
    brief=2,
    briefs=1,
)


def steered(frames: int, seed: int = 0) -> EncodedPlay:
    """One object: action 1 moves it down, 2 moves it up, 0 lets it be; the reward is 1 whenever it moves down."""
    generator = torch.Generator().manual_seed(seed)
    actions = torch.randint(0, 3, (frames,), generator=generator)
    step = torch.tensor([0.0, 0.06, -0.06])[actions]
    place = torch.zeros(frames)
    for t in range(1, frames):
        place[t] = (place[t - 1] + step[t]).clamp(-0.6, 0.6)
    world = WorldModel(CONFIG)
    states = world.initial(frames)
    centre = torch.stack([place, torch.zeros(frames)], -1)
    where, velocity = torch.zeros(frames, 3, 4), torch.zeros(frames, 3, 2)
    where[:, 0] = to_where(torch.full((frames, 2), 0.2), centre)
    velocity[1:, 0, 0] = place.diff()
    presence, identity = torch.zeros(frames, 3), torch.full((frames, 3), -1)
    presence[:, 0], identity[:, 0] = 1, 4
    states = states.replace(where=where, velocity=velocity, presence=presence, identity=identity)
    rewards = (place.diff(prepend=place[:1]) > 0.01).float()
    return EncodedPlay(
        states, torch.zeros(frames, dtype=torch.int64), actions, rewards, torch.zeros(frames).bool(), 0.2
    )


def trainer(folder, play: EncodedPlay, seed: int = 0, **changes) -> ImaginationTrainer:
    torch.manual_seed(seed)
    folder.mkdir(exist_ok=True)
    fabric = Fabric(accelerator="cpu", devices=1)
    return ImaginationTrainer(WorldModel(CONFIG), play, ImaginationConfig(**(QUICK | changes)), folder, fabric, seed)


def weights(loop: ImaginationTrainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in loop.loss.parameters()])


def test_a_steered_object_is_learned_with_its_reward(tmp_path):
    loop = trainer(
        tmp_path / "a",
        steered(600),
        iterations=110,
        batch=16,
        learning_rate=2e-3,
        decay=[[0.6, 0.3]],
        steps=[[0, 2], [30, 6]],
        singles=64,
        log_every=100,
    )
    loop.train()
    world = loop.loss.module
    play, unit = steered(400, seed=1), float(world.unit)
    batch = play.cut(torch.arange(0, 380, 5), 9, torch.device("cpu"))
    slots, errors, still, hits = batch.scene(1), [], [], []
    with torch.no_grad():
        for t in range(2, 9):
            prediction = world.dynamics(slots, batch.actions[t], False)
            after = slots.replace(
                where=prediction.where.mean,
                velocity=window(prediction.where.mean)[1] - window(slots.where)[1],
                prior=prediction.memory,
            )
            outcome = world.heads(batch.scene(t - 1), batch.actions[t], batch.scene(t), False)
            hits.append((outcome.nonzero > 0.5) == (batch.rewards[t] > 0))
            true = window(batch.scene(t).where)[1][:, 0]
            errors.append((window(after.where)[1][:, 0] - true).norm(dim=-1).mean() / unit)
            still.append((window(batch.scene(1).where)[1][:, 0] - true).norm(dim=-1).mean() / unit)
            slots = after
    assert errors[-1] < 0.35 * still[-1]
    assert torch.cat(hits).float().mean() > 0.95


def test_stopping_and_continuing_equals_an_uninterrupted_training_to_the_bit(tmp_path):
    play = steered(80)
    whole = trainer(tmp_path / "whole", play)
    whole.train()
    first = trainer(tmp_path / "halves", play)
    first.train(until=3)
    torch.rand(10)
    second = trainer(tmp_path / "halves", play, seed=0).begin()
    assert second.iteration == 3
    second.train()
    assert torch.equal(weights(second), weights(whole))


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
    others, seldom = loss.groups()
    assert "factor" not in others and seldom["factor"] > 1
    everything = [w for group in (others, seldom) for w in group["params"]]
    assert sorted(map(id, everything)) == sorted(map(id, loss.parameters()))
    single = steered(2).cut(torch.tensor([0]), 2, torch.device("cpu"))
    loss._leaving(single).backward()
    leaving = {id(w) for w in loss.dynamics.leaving.parameters()}
    assert {id(w) for w in loss.parameters() if w.grad is not None} == leaving


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


def test_stretches_never_cross_an_ending():
    play = steered(30)
    play.part[17:] = 1
    starts = play.starts(5).tolist()
    assert starts == [*range(13), *range(17, 26)]
    with pytest.raises(ValueError, match="40 frames in a row"):
        play.starts(40)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": 1}, "context"),
        ({"steps": [[3, 2]]}, "steps"),
        ({"batch": 0}, "imagination.batch"),
        ({"objects": -1}, "imagination.objects"),
    ],
)
def test_settings_that_cannot_work_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        ImaginationConfig(**change)


@pytest.mark.parametrize(("crowd", "stretches"), [(0.0, 64), (3.0, 64), (8.0, 32), (11.0, 23), (100.0, 16)])
def test_where_there_are_many_objects_an_iteration_has_fewer_stretches(crowd, stretches):
    assert ImaginationConfig(batch=64, objects=256).stretches(crowd, 0) == stretches
    assert ImaginationConfig(batch=8, objects=256).stretches(crowd, 0) == 8
    assert ImaginationConfig(batch=64, objects=0).stretches(crowd, 0) == 64


def test_brief_iterations_follow_each_other_one_and_have_more_stretches():
    config = ImaginationConfig(batch=8, steps=[[0, 2], [6, 5]], brief=3, briefs=2)
    assert [config.imagined(i) for i in range(12)] == [2] * 6 + [5, 3, 3, 5, 3, 3]
    assert [config.stretches(1.0, i) for i in range(5, 10)] == [8, 8, 32, 32, 8]
    without = ImaginationConfig(batch=8, steps=[[0, 2], [6, 5]], brief=0)
    assert [without.imagined(i) for i in (5, 6, 7, 8)] == [2, 5, 5, 5]


def test_how_wrong_imagination_was_is_remembered_for_the_imagined_frames_of_brief_stretches(tmp_path):
    loop = trainer(tmp_path, steered(60), steps=[[0, 3]])
    for position in (0, 1):
        batch = loop.sample(position, torch.Generator().manual_seed(0))
        frames = batch[0].frames
        statistics = {"loss": torch.zeros(()), ERRORS: frames[1:] / 1000}
        loop.note(batch, position, statistics)
        assert list(statistics) == ["loss"]
        known = loop.errors.of("", 60)
        if position == 0:
            assert known.unique().tolist() == [pytest.approx(UNKNOWN)], "this was no brief iteration"
    imagined = frames[2:].unique()
    assert torch.equal(known[imagined], imagined / 1000)
    assert (known.index_fill(0, imagined, UNKNOWN) == UNKNOWN).all()


def test_the_objects_of_all_frames_are_counted(tmp_path):
    play = steered(30)
    play.states.presence[:15, 1] = 1
    again = EncodedPlay(play.states, play.part, play.actions, play.rewards, play.ends, play.unit)
    assert (play.crowd, again.crowd) == (1.0, 1.5)
    loop = trainer(tmp_path, again, batch=64, objects=48)
    drawn, _ = loop.sample(0, torch.Generator().manual_seed(0))
    assert drawn.actions.shape[1] == 32 and loop.frames(0) == 32 * len(drawn)


def test_imagined_objects_out_of_sight_stay_out_of_sight_longer_and_longer():
    world = WorldModel(CONFIG)
    slots: Slots = steered(2).cut(torch.tensor([0]), 2, torch.device("cpu")).scene(1)
    later = world.imagine(
        slots.replace(unseen=3 * torch.ones_like(slots.unseen)), noise=Noise.none(slots), discover=False
    )
    assert later.unseen[0, 0] == 4
    assert world.imagine(slots, noise=Noise.none(slots), discover=False).unseen[0, 0] == 0


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
