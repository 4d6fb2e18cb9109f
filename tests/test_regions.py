"""The pixels that a network looks at, around a box."""

from types import SimpleNamespace

import numpy as np
import pytest

from contract.pixels import Geometry, load_step
from export.tasks.regions import measure_upright

regions = load_step("regions", "regions")


@pytest.mark.parametrize("length", [1, 5, 9])
def test_what_lies_outside_of_the_photo_repeats_its_edge(length):
    line = np.arange(length)
    for start in range(-12, 15):
        for stop in range(start + 1, 16):
            inside, outside = regions.span(start, stop, length)
            repeated = np.clip(np.arange(start, stop), 0, length - 1)
            assert np.array_equal(np.pad(line[inside], outside, mode="edge"), repeated)


def test_a_crop_is_the_square_around_the_box_with_its_margin():
    photo = np.zeros((200, 300, 3), dtype=np.uint8)
    photo[60:100, 100:140] = 255
    region = regions.Region(margin=0.25, most=1, min_score=0.5, label=None, width=60, height=60)
    crop = region.crop(photo, np.array([100, 60, 140, 100]))
    assert crop.shape == (60, 60, 3)
    assert (crop[10:50, 10:50] == 255).all()
    assert crop.sum() == 40 * 40 * 3 * 255


def test_a_crop_that_shrinks_counts_every_pixel():
    """A chessboard becomes grey, and a gradient stays where it is."""
    chess = np.indices((512, 512)).sum(axis=0)[..., None].repeat(3, axis=2) % 2 * 255
    assert np.abs(regions.cut(chess.astype(np.uint8), (0, 0, 512, 512), (64, 64)).astype(int) - 127.5).max() < 2
    slope = np.linspace(0, 255, 512)[None, :, None].repeat(512, axis=0).repeat(3, axis=2).astype(np.uint8)
    left, right = regions.cut(slope, (100, 100, 400, 400), (64, 64))[32, [0, -1], 0]
    assert abs(left - slope[0, 102, 0]) < 2
    assert abs(right - slope[0, 397, 0]) < 2


@pytest.mark.parametrize("box", [(-50, -40, 20, 30), (310, 210, 330, 230), (0, 0, 0, 0), (299, 199, 299, 199)])
def test_boxes_at_and_beyond_the_edge_are_cut_out(box):
    photo = np.full((200, 300, 3), 7, dtype=np.uint8)
    region = regions.Region(margin=0, most=1, min_score=0.5, label=None, width=8, height=8)
    assert (region.crop(photo, np.array(box)) == 7).all()


@pytest.mark.parametrize(("sides", "upright"), [([], 0), ([64], 640), ([64, 224], 2240)])
def test_the_photo_is_as_large_as_the_networks_that_look_at_its_regions_need(sides, upright):
    """A box of a tenth of its longer side has all the pixels that the largest of them takes."""
    models = [SimpleNamespace(region=True, geometry=Geometry("stretch", 32, side)) for side in sides]
    whole = SimpleNamespace(region=None, geometry=Geometry("stretch", 640, 640))
    assert measure_upright([whole, *models]) == upright
