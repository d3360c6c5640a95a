"""The play of a run as it grows: it is kept as it happened, and a model that filters it again sees the same."""

import numpy as np
import pytest
import torch

from sqair_wm.agents.dreaming.experience import GrownPlay
from sqair_wm.agents.playing.games import RealGames
from sqair_wm.agents.playing.stretch import play
from sqair_wm.games.policies import RandomPolicy
from sqair_wm.model.slots import Noise
from sqair_wm.training.encoded import encode
from tests.envs.conftest import Mortal

CPU = torch.device("cpu")


def stretch(world, steps=40, seed=0, games=None, **options):
    games = games or RealGames(world, 2, seed)
    return play(games, RandomPolicy(2, 5, seed), steps, epsilon=0.5, random=np.random.default_rng(0), **options)


def test_steps_are_counted_and_beginnings_are_none(world, short):
    part = stretch(world)
    frames, steps = 2 * part.length, part.steps
    assert 40 <= steps <= 42 and frames == steps + part.arrays["starts"].sum()
    # Games of eight frames side by side: each begins after seven steps, with no action and no reward.
    rows = part.arrays["starts"].reshape(2, -1)
    assert [np.flatnonzero(r).tolist() for r in rows] == [list(range(0, part.length, 8))] * 2
    began = part.arrays["starts"]
    assert not part.arrays["actions"][began].any() and not part.arrays["rewards"][began].any()
    assert len(set(part.part.tolist())) == rows.sum() and not part.arrays["ends"].any()


def test_a_model_that_looks_at_the_pictures_again_sees_the_same_scenes(world, short, tmp_path):
    kept, games = GrownPlay(tmp_path, world), RealGames(world, 2)
    stretch(world, 11, games=games)
    kept.add(stretch(world, games=games))  # goes on in the middle of both games
    (recording,) = kept.recordings
    assert np.array_equal(np.diff(recording.episodes) > 0, kept.stretches[0].part.diff().numpy() > 0)
    again, known = encode(world, recording, CPU, progress=False), kept.encoded
    assert torch.equal(again.actions, known.actions) and torch.equal(again.rewards, known.rewards)
    # Except for games that had begun before: the model's memory of their earlier frames is not kept.
    part = known.part
    whole = torch.from_numpy(kept.stretches[0].arrays["starts"]).new_zeros(int(part[-1]) + 1)
    whole[part[torch.from_numpy(kept.stretches[0].arrays["starts"])]] = True
    there = (known.states.presence > 0) & whole[part][:, None]
    assert torch.equal((again.states.presence > 0)[whole[part]], there[whole[part]]) and there.sum() > 40
    assert not whole.all()
    for name in ("where", "what", "velocity", "prior"):
        a, b = getattr(again.states, name)[there], getattr(known.states, name)[there]
        assert torch.allclose(a, b, atol=1e-4), name


def test_stretches_go_on_and_are_read_back_as_they_were(world, short, tmp_path):
    games, kept = RealGames(world, 2), GrownPlay(tmp_path, world)
    kept.add(stretch(world, 11, games=games))
    kept.add(stretch(world, 11, games=games, pictures=False))
    again = GrownPlay(tmp_path, world, 2)
    assert again.steps == kept.steps >= 22 and len(again.recordings) == 1
    a, b = kept.encoded, again.encoded
    assert torch.equal(a.part, b.part) and torch.equal(a.states.where, b.states.where)
    assert (a.part.diff() >= 0).all() and torch.equal(a.rewards, b.rewards)


def test_a_lost_life_is_learned_as_an_ending_and_nobody_starts_from_it(world, short, tmp_path):
    games, kept = RealGames(world, 2), GrownPlay(tmp_path, world)
    games.envs = [Mortal(env, lambda steps: 3 - steps // 5) for env in games.envs]
    kept.add(stretch(world, games=games))
    seen = kept.encoded
    assert set(seen.states.step[seen.ends].tolist()) == {1}, "a life begins"
    assert seen.ends[:8].nonzero().flatten().tolist() == [5], "a frame after that of the start"
    assert not kept.stretches[0].arrays["ends"].any()
    assert set(kept.starts(CPU).step.tolist()) == {4, 5}
    assert torch.equal(GrownPlay(tmp_path, world, 1).encoded.ends, seen.ends)


def test_a_stretch_of_a_run_that_was_stopped_goes(world, short, tmp_path):
    kept = GrownPlay(tmp_path, world)
    for _ in range(2):
        kept.add(stretch(world, 4))
    (tmp_path / "000002.partial").mkdir()
    assert len(GrownPlay(tmp_path, world, 1)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["000000"]


def test_imagination_starts_from_scenes_that_are_settled_and_not_over(world, short, tmp_path):
    kept = GrownPlay(tmp_path, world)
    with pytest.raises(ValueError, match="play more"):
        kept.starts(CPU)
    kept.add(stretch(world))
    starts = kept.starts(CPU)
    # Of the eight frames of a game only the last three come late enough, and the very last is the end.
    assert set(starts.step.tolist()) == {4, 5, 6, 7}
    assert len(kept.starts(CPU, newest=3).step) == 3


def test_what_is_remembered_follows_the_weights_and_a_run_that_goes_on_remembers_the_same(world, short, tmp_path):
    kept, games = GrownPlay(tmp_path, world), RealGames(world, 2)
    kept.recall(stretch(world))
    for _ in range(2):
        kept.add(stretch(world, 11, games=games))
    played = kept.known.states.prior.clone(), kept.encoded.states.prior
    weights = world.sqair.dynamics.readout.weight, world.sqair.dynamics.cell.input.weight
    with torch.no_grad():
        for w in weights:
            w.mul_(1.5)
        try:
            kept.remember()
            again = GrownPlay(tmp_path, world, 2)
            again.remember()
        finally:
            for w in weights:
                w.div_(1.5)
    for now, before in zip((kept.known.states.prior, kept.encoded.states.prior), played, strict=True):
        assert not torch.equal(now, before)
    assert torch.equal(kept.known.states.prior, again.known.states.prior)
    assert torch.equal(kept.encoded.states.prior, again.encoded.states.prior)
    assert torch.equal(kept.starts(CPU).prior, again.starts(CPU).prior)


def test_objects_may_appear_in_what_is_imagined_from_there(world, short, tmp_path):
    kept = GrownPlay(tmp_path, world)
    kept.add(stretch(world))
    starts = kept.starts(CPU)
    emptied = starts.replace(presence=torch.zeros_like(starts.presence), identity=torch.full_like(starts.identity, -1))
    noise = Noise.none(emptied)
    after, _ = world.step(emptied, torch.zeros(len(starts.step), dtype=torch.int64),
                          noise.replace(presence=torch.zeros_like(noise.presence)))  # fmt: skip
    assert after.presence.sum() > 0 and after.temporal.shape == world.initial(len(starts.step)).temporal.shape


def test_a_random_action_is_taken_as_often_as_asked_for(world):
    class Still:
        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            assert not deterministic
            return np.zeros(len(observation), int), state

    random = np.random.default_rng(0)
    games = RealGames(world, 2)
    part = play(games, Still(), 120, epsilon=0.5, random=random, pictures=False)
    taken = part.arrays["actions"].reshape(2, -1)[:, 1:]
    assert 0.25 < (taken != 0).mean() < 0.55  # half of the steps are random, a fifth of these with action 0
    assert not play(games, Still(), 10, epsilon=0.0, random=random, pictures=False).arrays["actions"].any()
