import numpy as np
import pytest

from sqair_wm.evaluation.games.held_out import rows_of, whole_episodes

EPISODES = {"long": [170], "whole rows": [60, 110], "short": [1, 2, 5, 61, 1, 30], "one more": [61, 111, 62]}


@pytest.mark.parametrize("lengths", EPISODES.values(), ids=EPISODES.keys())
def test_every_step_is_counted_once(lengths):
    episode = np.repeat(np.arange(len(lengths)), lengths)
    play = rows_of(episode)
    firsts = np.cumsum([0, *lengths[:-1]])
    assert sorted(play.index[play.counted]) == sorted(set(range(len(episode))) - set(firsts))


@pytest.mark.parametrize("lengths", EPISODES.values(), ids=EPISODES.keys())
def test_rows_stay_within_an_episode_and_warm_up(lengths):
    episode = np.repeat(np.arange(len(lengths)), lengths)
    play = rows_of(episode)
    for row in range(play.index.shape[1]):
        index, real = play.index[:, row], play.real[:, row]
        assert len(set(episode[index])) == 1 and (np.diff(index[real]) == 1).all()
        begins = index[0] == 0 or episode[index[0]] != episode[index[0] - 1]
        assert begins or not play.counted[:10, row].any()
    assert not (play.counted & ~play.real).any()


@pytest.mark.parametrize("lengths", EPISODES.values(), ids=EPISODES.keys())
def test_whole_episodes_hold_every_frame_once(lengths):
    episode = 3 + np.repeat(np.arange(len(lengths)), lengths)
    play = whole_episodes(episode)
    assert play.index.shape == (max(lengths), len(lengths)) and play.real.sum(0).tolist() == lengths
    assert sorted(play.index[play.real]) == list(range(len(episode))) and play.counted is play.real
    assert (episode[play.index] == episode[play.index[0]]).all()


def test_parts_are_all_rows():
    play = rows_of(np.zeros(500, int))
    parts = list(play.parts(4))
    assert [p.index.shape[1] for p in parts] == [4, 4, 2]
    assert np.array_equal(np.concatenate([p.index for p in parts], 1), play.index)


def test_no_step_is_an_error():
    with pytest.raises(ValueError, match="record more frames"):
        rows_of(np.arange(3))
