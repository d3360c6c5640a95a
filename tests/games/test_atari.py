import cv2
import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sqair_wm.games.atari import AtariFrames, make_atari


def test_frames_are_cropped_and_resized():
    env = make_atari("Pong", size=40)
    frame, _ = env.reset(seed=0)
    assert env.observation_space.contains(frame) and frame.shape == (40, 40, 3)
    frame, reward, terminated, truncated, _ = env.step(0)
    assert frame.shape == (40, 40, 3) and isinstance(reward, float) and not terminated and not truncated


def test_an_action_lasts_four_raw_frames_and_rewards_add_up():
    env, raw = make_atari("MsPacman"), gym.make("ALE/MsPacman-v5", frameskip=1, repeat_action_probability=0.0)
    env.reset(seed=3), raw.reset(seed=3)
    for _ in range(4):
        raw.step(0)
    for action in (2, 2, 3, 3, 3, 4, 1) * 12:
        reward = env.step(action)[1]
        assert reward == sum(float(raw.step(action)[1]) for _ in range(4))


def test_an_episode_does_not_start_with_the_boot_screen():
    env = make_atari("Pong")
    first, _ = env.reset(seed=0)
    assert (np.median(first, (0, 1)) == np.median(env.step(0)[0], (0, 1))).all()


def test_the_same_seed_gives_the_same_game():
    histories = []
    for _ in range(2):
        env = make_atari("MsPacman")
        env.reset(seed=7)
        histories.append(np.stack([env.step(t % 9)[0] for t in range(80)]))
    assert (histories[0] == histories[1]).all()


def test_pooling_over_four_frames_shows_sprites_that_flicker():
    visible = []
    for pool in (1, 4):
        env = make_atari("MsPacman", pool=pool)
        env.reset(seed=0)
        frames = np.stack([env.step(0)[0] for _ in range(140)][90:]).astype(int)
        visible.append(np.abs(frames - np.median(frames, 0)).max(-1).__gt__(60).sum())
    assert visible[1] > 1.15 * visible[0]


def test_gymnasium_accepts_the_environment():
    check_env(make_atari("Pong").unwrapped, skip_render_check=True)
    with pytest.raises(ValueError, match="pool"):
        AtariFrames(gym.make("ALE/Pong-v5", frameskip=1), pool=9)
    with pytest.raises(ValueError, match=r"crop is \[100, 50\].* 0 to 210"):
        make_atari("Pong", crop=(100, 50))


def test_the_wrapper_can_be_rebuilt_from_its_spec():
    env = make_atari("Pong", size=32)
    assert gym.make(env.spec).observation_space == env.observation_space


@pytest.mark.parametrize(("game", "height"), [("Pong", 210), ("KingKong", 250)])
def test_the_whole_picture_is_whole_whatever_its_height(game, height):
    env, raw = make_atari(game, size=height, pool=1), gym.make(f"ALE/{game}-v5", frameskip=1)
    assert env.crop == (0, height)
    seen, shown = env.reset(seed=0)[0], raw.reset(seed=0)[0]
    for _ in range(4):
        shown = raw.step(0)[0]
    np.testing.assert_array_equal(seen[-1], cv2.resize(shown, (height, height), interpolation=cv2.INTER_AREA)[-1])


def test_raw_frames_are_pooled_across_actions_that_last_one():
    short, long = (make_atari("MsPacman", pool=4, frame_skip=skip) for skip in (1, 4))
    short.reset(seed=0), long.reset(seed=0)
    for _ in range(3):
        short.step(0)
    for action in (2, 3, 4, 1) * 8:
        for _ in range(4):
            last = short.step(action)[0]
        assert (last == long.step(action)[0]).all()
    assert (short.metadata["render_fps"], long.metadata["render_fps"]) == (60, 15)
