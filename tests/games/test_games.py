import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from sqair_wm.games.bouncing import SIZE, SPEED, SPRITE, Bouncing
from sqair_wm.games.games import make_game


def test_bouncing_passes_the_checker():
    check_env(gym.make("sqair_wm/Bouncing-v0", render_mode="rgb_array").unwrapped)


def test_the_bouncing_sprite_keeps_its_speed_and_turns_at_walls_only():
    env = Bouncing()
    places = []
    for seed in range(8):
        _, info = env.reset(seed=seed)
        walk = [info["boxes"][0, :2]]
        for _ in range(60):
            *_, terminated, _, info = env.step(0)
            walk.append(info["boxes"][0, :2])
            if terminated:
                break
        places.append(np.array(walk))
    for walk in places:
        steps = np.diff(walk, axis=0)
        assert (walk >= 0).all() and (walk <= SIZE - SPRITE).all()
        turned = (np.sign(steps[1:]) != np.sign(steps[:-1])).any(1)
        near = (np.minimum(walk[1:-1], SIZE - SPRITE - walk[1:-1]) <= SPEED[1]).any(1)
        assert (near | ~turned).all()
        free = np.linalg.norm(steps, axis=1)[1:-1][~turned[1:] & ~turned[:-1]]
        assert len(free) == 0 or free.max() < SPEED[1] + 1e-3


def test_the_frame_shows_the_sprites_where_the_boxes_are():
    env = Bouncing()
    frame, info = env.reset(seed=3)
    for (top, left, height, width), channel in zip(info["boxes"], (0, 0), strict=True):
        y, x = int(top + height / 2), int(left + width / 2)
        assert frame[y, x, channel] > 200


def test_touching_ends_and_the_field_pays():
    env = Bouncing()
    env.reset(seed=0)
    env._bouncer, env._velocity, env._steered = np.array([0.0, 0.0]), np.zeros(2), np.array([36.0, 36.0])
    _, reward, terminated, truncated, _ = env.step(0)
    assert (reward, terminated, truncated) == (1.0, False, False)
    env._bouncer = np.array([36.0, 43.0])
    _, reward, terminated, _, _ = env.step(0)
    assert reward == -4.0 and terminated
    with pytest.raises(ValueError, match="action 7"):
        env.step(7)


def test_any_registered_environment_with_pictures_is_a_game():
    env = make_game("sqair_wm/Bouncing-v0", size=40)
    frame, _ = env.reset(seed=0)
    assert frame.shape == (40, 40, 3) and frame.dtype == np.uint8
    with pytest.raises(ValueError, match="needs pictures"):
        make_game("CartPole-v1")
    with pytest.raises(ValueError, match="did you mean Bouncing"):
        make_game("Bounsing")
