import torch
import torch.nn.functional as F

from sqair_wm.model.inference.search import EnergyMap, Others, Residual, box_blur, cover, search_near
from sqair_wm.nn.attention import FrameView


def pixel(place, length):
    return 0.5 * (length - 1) * (place + 1)


def blobs(*corners, size=5, frame=40):
    image = torch.zeros(1, 1, frame, frame)
    for y, x in corners:
        image[0, 0, y : y + size, x : x + size] = 1.0
    return image


def nobody(n=1):
    return Others(torch.zeros(n, 1, 2), torch.ones(n, 1, 2), torch.zeros(n, 1))


def test_box_blur_sums_a_box():
    image = torch.rand(3, 11, 13)
    expected = F.avg_pool2d(image[:, None], (5, 3), 1, (2, 1), divisor_override=1)[:, 0]
    torch.testing.assert_close(box_blur(image, (5, 3)), expected, atol=1e-5, rtol=1e-5)


def test_peaks_are_object_centres_and_wiping_leads_to_the_next():
    view = FrameView(blobs((4, 6), (25, 30)) * torch.tensor(1.0), 2)
    none = torch.zeros(2, 1, 2)
    residual = Residual(EnergyMap(view, (5, 5)), none, none, torch.zeros(2, 1))
    rows, found = torch.arange(2), []
    for _ in range(2):
        peak = residual.highest(rows)
        found.append(sorted([pixel(peak.centre[0], 40).tolist()])[0])
        residual.wipe(rows, peak.centre, torch.full((2, 2), 7 / 40), torch.ones(2))
    for true in ([6.0, 8.0], [27.0, 32.0]):
        assert min(abs(y - true[0]) + abs(x - true[1]) for y, x in found) < 1.0
    assert (residual.highest(rows).energy < 0.3).all()


def test_explained_objects_are_not_in_the_residual():
    view = FrameView(blobs((4, 6)), 1)
    centre = torch.tensor([[[2 * 6 / 39 - 1, 2 * 8 / 39 - 1]]])
    residual = Residual(EnergyMap(view, (5, 5)), centre, torch.full((1, 1, 2), 8 / 40), torch.ones(1, 1))
    assert float(residual.map.sum()) < 0.5


def test_search_finds_the_object_near_the_expected_place_and_not_the_farther_one():
    energy = EnergyMap(FrameView(blobs((10, 10), (10, 30)), 1), (5, 5))
    expected = torch.tensor([[2 * 14 / 39 - 1, 2 * 15 / 39 - 1, 6 / 40, 6 / 40]])
    peak = search_near(energy, torch.zeros(1).long(), expected, nobody(), torch.zeros(1, 1), (5.0, 5.0))
    torch.testing.assert_close(pixel(peak.centre[0], 40), torch.tensor([12.0, 12.0]), atol=0.7, rtol=0)


def test_search_leaves_aside_what_another_object_is_expected_to_cover():
    energy = EnergyMap(FrameView(blobs((10, 10), (10, 18)), 1), (5, 5))
    expected = torch.tensor([[2 * 12 / 39 - 1, 2 * 17 / 39 - 1, 6 / 40, 6 / 40]])
    other = torch.tensor([[[2 * 12 / 39 - 1, 2 * 20 / 39 - 1]]])
    others = Others(other, torch.full((1, 1, 2), 7 / 40), torch.ones(1, 1))
    for older in (0.0, 1.0):
        peak = search_near(energy, torch.zeros(1).long(), expected, others, torch.full((1, 1), older), (6.0, 6.0))
        assert abs(float(pixel(peak.centre[0, 1], 40)) - 12) < 1.5


def test_search_stays_at_the_expected_place_if_nothing_is_visible():
    energy = EnergyMap(FrameView(torch.zeros(1, 1, 40, 40), 1), (5, 5))
    expected = torch.tensor([[0.3, -0.2, 0.1, 0.1]])
    peak = search_near(energy, torch.zeros(1).long(), expected, nobody(), torch.zeros(1, 1), (5.0, 5.0))
    torch.testing.assert_close(peak.centre, expected[:, :2])


def test_what_windows_that_count_cover_is_their_union():
    points = torch.linspace(-1, 1, 5).expand(1, 2, 5)
    others = Others(torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]]), torch.full((1, 2, 2), 0.6), torch.tensor([[1.0, 0.0]]))
    expected = torch.zeros(5, 4)
    expected[:2, :2] = 1
    torch.testing.assert_close(cover(points, (5, 4), others).by(others.presence)[0], expected)
