import numpy as np
import pytest
import torch

from sqair_wm.games.background import RunningMode, compose, separate

BLUE, RED, GREEN = (10, 20, 200), (220, 30, 30), (20, 220, 40)


def scene(*spots, color=RED, size=20):
    frame = np.full((size, size, 3), BLUE, np.uint8)
    for y, x in spots:
        frame[y : y + 3, x : x + 3] = color
    return frame


def test_a_moving_sprite_never_becomes_background():
    mode = RunningMode(scene(), memory=10)
    for t in range(100):
        background = mode.update(scene((4, t % 17)))
    assert (background == scene()).all()


def test_an_object_that_waits_before_known_background_stays_an_object():
    mode = RunningMode(scene(), memory=10)
    for _ in range(100):
        background = mode.update(scene((8, 8)))
    assert (background == scene()).all()


def test_what_stands_still_in_a_changed_scene_becomes_background_after_the_memory():
    mode, changed = RunningMode(scene(), memory=10), scene(color=RED)
    changed[:] = GREEN
    for _ in range(5):
        background = mode.update(changed)
    assert (background == scene()).all()
    for _ in range(8):
        background = mode.update(changed)
    assert (background == changed).all()


def test_a_flash_leaves_the_background_known():
    mode, flash = RunningMode(scene(), memory=10), np.full((20, 20, 3), 255, np.uint8)
    for _ in range(10):
        mode.update(scene())
    for _ in range(4):
        mode.update(flash)
    mode.update(scene())
    for _ in range(40):
        background = mode.update(scene((8, 8)))
    assert (background == scene()).all()


def test_what_is_not_known_to_be_background_is_what_is_seen_most():
    mode = RunningMode(scene(), memory=10, known=False)
    for _ in range(13):
        background = mode.update(scene((8, 8)))
    assert (background == scene((8, 8))).all()


def test_uncovered_background_is_accepted_sooner_than_a_new_object():
    eaten, parked = RunningMode(scene((8, 8)), memory=40), RunningMode(scene(), memory=40)
    for _ in range(14):
        eaten_background, parked_background = eaten.update(scene()), parked.update(scene((8, 8)))
    assert (eaten_background == scene()).all() and (parked_background == scene()).all()


def mixed(a, b, share):
    return (np.array(a) * share + np.array(b) * (1 - share)).round().astype(np.uint8)


def test_the_mixed_edge_of_a_broken_brick_is_uncovered_too():
    wall = scene()
    wall[:8], wall[8], wall[9:12] = GREEN, mixed(GREEN, RED, 0.4), RED
    broken = wall.copy()
    broken[8, 5:10], broken[9:12, 5:10] = mixed(GREEN, BLUE, 0.4), BLUE
    mode = RunningMode(wall, memory=80)
    for _ in range(20):
        background = mode.update(broken)
    assert (background == broken).all()


def test_an_edge_that_mixes_what_is_beside_it_may_be_an_object_if_the_background_did_so_before():
    ghost = scene((8, 8))
    mode = RunningMode(ghost, memory=80)
    frame = ghost.copy()
    frame[9, 11] = mixed(RED, BLUE, 0.5)
    for _ in range(20):
        background = mode.update(frame)
    assert (background == ghost).all()


def test_reset_goes_back_to_the_initial_background():
    mode = RunningMode(scene(), memory=4)
    for _ in range(20):
        mode.update(scene((2, 2)))
    mode.reset()
    assert (mode.image == scene()).all()


def test_the_background_is_causal():
    frames = [scene((t % 10, 5)) for t in range(30)]
    whole, part = RunningMode(scene()), RunningMode(scene())
    early = [whole.update(f) for f in frames][:12]
    assert all((a == b).all() for a, b in zip(early, (part.update(f) for f in frames[:12]), strict=True))


def test_foreground_is_zero_on_the_background_and_shows_objects_of_any_colour():
    for color in (RED, GREEN, (0, 0, 0)):
        image = separate(torch.from_numpy(scene((5, 6), color=color)), torch.from_numpy(scene())).foreground
        assert image.shape == (4, 20, 20) and float(image[3].sum()) == 9
        torch.testing.assert_close(image[:3, 6, 7], torch.tensor(color) / 255)


def test_compose_puts_the_foreground_back():
    frame, behind = torch.from_numpy(scene((5, 6))), torch.from_numpy(scene())
    assert (compose(separate(frame, behind)) == frame).all()


def test_a_background_must_be_an_image():
    with pytest.raises(ValueError, match="uint8"):
        RunningMode(np.zeros((3, 3, 3)))
