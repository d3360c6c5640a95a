import pytest
import torch
import torch.nn.functional as F

from sqair_wm.nn.attention import FrameView, place_whole, whole_factors, windows


def grids(scale, centre, channels, size, invert=False):
    """The same affine maps for torch's spatial transformer."""
    theta = torch.zeros(scale.shape[0], 2, 3)
    for row, axis in ((0, 1), (1, 0)):
        theta[:, row, row] = 1 / scale[:, axis] if invert else scale[:, axis]
        theta[:, row, 2] = -centre[:, axis] / scale[:, axis] if invert else centre[:, axis]
    return F.affine_grid(theta, (scale.shape[0], channels, *size), align_corners=True)


def random_windows(n):
    return 0.05 + 0.6 * torch.rand(n, 2), 2.4 * torch.rand(n, 2) - 1.2


def test_read_equals_grid_sample_inside_and_outside_the_frame():
    frame, rows = torch.rand(3, 2, 17, 23), torch.tensor([0, 0, 1, 3, 5, 5])
    scale, centre = random_windows(6)
    glimpses = FrameView(frame, 6).read(rows, scale, centre, (9, 7))
    expected = F.grid_sample(frame[rows // 2], grids(scale, centre, 2, (9, 7)), align_corners=True)
    torch.testing.assert_close(glimpses, expected, atol=1e-5, rtol=1e-5)


def test_read_has_the_gradient_of_grid_sample():
    frame, rows = torch.rand(2, 1, 15, 15), torch.arange(2)
    gradients = []
    for reader in ("ours", "torch"):
        scale, centre = torch.tensor([[0.31, 0.42], [0.23, 0.37]]), torch.tensor([[0.113, -0.24], [0.31, 0.47]])
        scale.requires_grad_(), centre.requires_grad_()
        if reader == "ours":
            out = FrameView(frame, 2).read(rows, scale, centre, (6, 6))
        else:
            out = F.grid_sample(frame, grids(scale, centre, 1, (6, 6)), align_corners=True)
        (out * torch.arange(36.0).view(6, 6)).sum().backward()
        gradients.append((scale.grad, centre.grad))
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-3, rtol=1e-3)


def test_writing_whole_frames_and_windows_equals_grid_sample():
    glimpses, size = torch.rand(2, 3, 2, 6, 8), (19, 21)
    scale, centre = (x.view(2, 3, 2) for x in random_windows(6))
    whole = place_whole(glimpses, scale, centre, size)
    flat = [glimpses.flatten(0, 1), scale.flatten(0, 1), centre.flatten(0, 1)]
    expected = F.grid_sample(flat[0], grids(flat[1], flat[2], 2, size, invert=True), align_corners=True)
    torch.testing.assert_close(whole, expected.view(2, 3, 2, *size).sum(1), atol=1e-4, rtol=1e-4)
    index, values = windows(torch.arange(6) // 3, *flat, size)
    canvas = torch.zeros(2 * size[0] * size[1], 2).index_add(0, index, values).view(2, *size, 2)
    torch.testing.assert_close(canvas.permute(0, 3, 1, 2), whole, atol=1e-4, rtol=1e-4)


def test_a_small_window_touches_few_pixels():
    index, _ = windows(
        torch.zeros(1).long(), torch.rand(1, 1, 8, 8), torch.full((1, 2), 0.1), torch.zeros(1, 2), (80, 80)
    )
    assert len(index) <= 14 * 14


def test_scenes_must_share_frames_evenly():
    with pytest.raises(ValueError, match="5 scenes cannot share 2 frames"):
        FrameView(torch.zeros(2, 1, 4, 4), 5)


def test_wide_and_narrow_windows_give_the_same_likelihood(monkeypatch):
    from sqair_wm.model import appearance
    from sqair_wm.model.sqair import SQAIR
    from tests.conftest import small

    model, found = SQAIR(small(channels=2)), []
    slots, frames = model.initial(4), torch.rand(2, 2, 24, 24)
    slots = slots.replace(
        what=torch.randn_like(slots.what), where=torch.randn_like(slots.where), presence=torch.ones_like(slots.presence)
    )
    for share in (0.0, 1.0):
        monkeypatch.setattr(appearance, "MOST_PAINTED", share)
        where = slots.where.clone().requires_grad_()
        value = model.appearance.log_likelihood(FrameView(frames, 4), slots.replace(where=where), dense=False)
        value.sum().backward()
        found.append((value.detach(), where.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("counts", [(1, 1, 1, 1), (2, 0, 1, 1), (0, 3, 0, 0)])
def test_the_error_of_wide_objects_is_that_of_the_picture(counts):
    """Also where every scene has one object, which needs no gathering."""
    from sqair_wm.model.appearance import WholeError

    scene = torch.arange(4).repeat_interleave(torch.tensor(counts))
    glimpses = torch.rand(len(scene), 2, 6, 5, dtype=torch.float64, requires_grad=True)
    scale = (0.4 + 0.3 * torch.rand(len(scene), 2, dtype=torch.float64)).requires_grad_()
    centre = (torch.rand(len(scene), 2, dtype=torch.float64) - 0.5).requires_grad_()
    frames, weight = torch.rand(2, 2, 12, 10, dtype=torch.float64), torch.rand(4, dtype=torch.float64)
    factors = whole_factors(glimpses[:, None], scale[:, None], centre[:, None], (12, 10))
    error = WholeError.apply(*factors, scene, frames.flatten(1, 2), 2)
    images = place_whole(glimpses[:, None], scale[:, None], centre[:, None], (12, 10))
    painted = torch.zeros(4, 2, 12, 10, dtype=torch.float64).index_add(0, scene, images)
    expected = (painted - frames.repeat_interleave(2, 0)).flatten(1).square().sum(1)
    torch.testing.assert_close(error, expected)
    for one, other in zip(
        *(torch.autograd.grad((x * weight).sum(), (glimpses, scale, centre)) for x in (error, expected)), strict=True
    ):
        torch.testing.assert_close(one, other)
