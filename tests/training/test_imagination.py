"""Imagination is trained on scenes whose next state is known."""

import pytest
import torch
from lightning_fabric import Fabric

from sqair_wm.model.slots import Noise, Slots
from sqair_wm.nn.where import window
from sqair_wm.training.drawing import UNKNOWN
from sqair_wm.training.encoded import EncodedPlay
from sqair_wm.training.horizons import ImaginationConfig
from sqair_wm.training.imagination import ImaginationTrainer
from sqair_wm.training.imagination_loss import ERRORS
from sqair_wm.world.world_model import WorldModel
from tests.training.steering import CONFIG, QUICK, steered


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
