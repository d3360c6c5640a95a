import torch

from sqair_wm.nn.where import OUTSIDE, boxes, held_shift, in_frame, slope, to_shift, to_where, window


def test_where_and_window_are_inverse():
    scale, centre = 0.05 + 0.9 * torch.rand(7, 2), 1.8 * torch.rand(7, 2) - 0.9
    again = window(to_where(scale, centre))
    torch.testing.assert_close(again, (scale, centre), atol=1e-5, rtol=1e-5)


def test_the_share_of_a_window_in_the_frame():
    scale = torch.tensor([0.2, 0.4])
    centre = torch.tensor([[0.0, 0.0], [0.8, 0.0], [1.0, -1.0], [1.3, 0.0], [-1.1, 0.6]])
    torch.testing.assert_close(in_frame(scale, centre), torch.tensor([1.0, 1.0, 0.25, 0.0, 0.25]))


def test_centres_go_on_beyond_the_frame_smoothly_until_nothing_is_seen():
    centre = torch.linspace(-1.29, 1.29, 77)[:, None].expand(-1, 2)
    scale = torch.full_like(centre, 0.3)
    torch.testing.assert_close(window(to_where(scale, centre))[1], centre, atol=1e-5, rtol=1e-5)
    shift = torch.linspace(-3, 3, 61, dtype=torch.float64)
    where = torch.stack([torch.full_like(shift, 3.0)] * 2 + [shift] * 2, -1).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: window(w)[1], where)
    torch.testing.assert_close(window(where)[1], window(where.detach())[1])
    near = shift.abs() < 1.4
    torch.testing.assert_close(window(where)[1][near, 0], shift[near].tanh())
    (grad,) = torch.autograd.grad(window(where)[1].sum(), where)
    torch.testing.assert_close(grad[:, 2:], slope(window(where.detach())[1]))
    far = torch.tensor([[0.0, -1.0, 99.0, -99.0]])
    scale, centre = window(far)
    torch.testing.assert_close(centre, (1 + scale) * far[:, 2:].sign())
    torch.testing.assert_close(window(far.requires_grad_())[1], centre)
    assert window(torch.full((1, 4), 99.0))[1].tolist() == [[OUTSIDE, OUTSIDE]]


def test_boxes_follow_the_published_formula():
    box = boxes(to_where(torch.tensor([[0.4, 0.2]]), torch.tensor([[0.0, 0.5]])), (50, 30))
    torch.testing.assert_close(
        box, torch.tensor([[0.5 * 49 * 0.6, 0.5 * 29 * 1.3, 51 * 0.4, 31 * 0.2]]), atol=1e-4, rtol=0
    )


def test_a_place_beyond_what_a_window_may_reach_is_held_there():
    scale, centre = torch.tensor([[0.3, 0.2]]), torch.tensor([[1.8, -1.1]])
    shift = held_shift(centre, scale)
    torch.testing.assert_close(window(torch.cat([torch.logit(scale), shift], -1))[1], torch.tensor([[1.3, -1.1]]))
    torch.testing.assert_close(shift[:, 1], to_shift(centre)[:, 1])
