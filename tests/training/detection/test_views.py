"""The parts of images that are shown, and their boxes: marked pixels stay within their boxes."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nas.training.decoding.decode import DRAWS, Window
from nas.training.detection.boxes import CLASS, CORNERS, Boxes
from nas.training.detection.views import BoxViews

SIZE = (160, 100)
BOX = (40, 30, 100, 80)
SIDE = 64
MARK, AROUND = 255, 0


def picture() -> bytes:
    """A black image with one white box."""
    pixels = np.full((SIZE[1], SIZE[0], 3), AROUND, np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = MARK
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def one_box(crowd: bool = False) -> BoxViews:
    return BoxViews(Boxes(
        np.array([SIZE]), np.array([0, 1]), np.array([2]), np.array([BOX], dtype=np.float64),
        np.array([crowd]),
    ))  # fmt: skip


DRAW = st.lists(st.floats(0, 1, exclude_max=True, width=32), min_size=DRAWS, max_size=DRAWS)


@settings(max_examples=60, deadline=None)
@given(DRAW)
def test_a_box_moves_with_its_pixels(draw: list[float]) -> None:
    view = one_box().show(torch.tensor([0]), SIDE, torch.tensor([draw]), 3.0)
    marked = view.how.pixels(picture(), view.numbers[0])[..., 0] > 200
    (row,) = view.targets[0]
    if not row[CLASS]:  # the box is cut, and its centre is not shown
        return
    assert row[CLASS] == 2
    left, top, right, bottom = (row[CORNERS] * SIDE).tolist()
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    found = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert np.abs(np.array(found) - (left, top, right, bottom)).max() <= 2


def test_parts_of_every_kind_are_drawn() -> None:
    draws = torch.rand(200, DRAWS, generator=torch.Generator().manual_seed(0))
    numbers = one_box().show(torch.zeros(200, dtype=torch.int64), SIDE, draws, 3.0).numbers
    extents = np.array([row[2] - row[0] for row in numbers])
    assert (extents < 0.9).any()
    assert (extents > 1.5).any()
    assert (extents == 1).any()
    assert 60 < sum(row[4] for row in numbers) < 140


def test_nothing_is_expanded_without_the_setting() -> None:
    draws = torch.rand(200, DRAWS, generator=torch.Generator().manual_seed(0))
    numbers = one_box().show(torch.zeros(200, dtype=torch.int64), SIDE, draws, 1.0).numbers
    assert max(row[2] - row[0] for row in numbers) == 1


def test_validation_shows_whole_images() -> None:
    view = one_box().show(torch.tensor([0]), SIDE, None, 1.0)
    assert view.numbers == [[0, 0, 1, 1, 0]]
    wanted = [0, 2, 40 / 160, 30 / 100, 100 / 160, 80 / 100]
    assert view.targets[0, 0].tolist() == pytest.approx(wanted)


def test_crowd_regions_are_no_targets() -> None:
    assert not one_box(crowd=True).show(torch.tensor([0]), SIDE, None, 1.0).targets.any()


def test_pixels_outside_an_image_have_the_mean_colour() -> None:
    shown = Window(SIDE).pixels(picture(), (-0.5, -0.5, 1.5, 1.5, 0.0))
    assert shown.shape == (SIDE, SIDE, 3)
    assert shown[0, 0].tolist() == [124, 116, 104]
    assert shown[SIDE // 2 - 12, SIDE // 2 - 14].tolist() == [0, 0, 0]
