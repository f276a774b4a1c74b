"""Pixels are read correctly: any mode, depth, orientation, transparency, held or streamed."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nas.errors import TaskError
from nas.training.data import Files, Split, load_task
from nas.training.decoding.decode import Cut, cut, whole
from nas.training.decoding.pixels import BROKEN, look
from nas.training.loop.streamed_batches import StreamFeed
from tests.messages import carries, carrying

pytestmark = pytest.mark.usefixtures("cache")

T = Image.Transpose
STORED = {
    1: None, 2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE,
    6: T.ROTATE_90, 7: T.TRANSVERSE, 8: T.ROTATE_270,
}  # fmt: skip
RAMP = np.linspace(0, 1, 32 * 32).reshape(32, 32)
CENTRE = Cut(28)  # of 32 pixels: the middle 28 as they are


def encoded(image: Image.Image, kind: str = "PNG", **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def held(data: bytes, side: int = 32) -> np.ndarray:
    """Return an image as memory holds it, (side, side, 3); the stream must show the same."""
    found = whole(data, side)[0].transpose(1, 2, 0)
    if side == 32:
        shown = cut(data, [0.0] * 8, CENTRE).astype(int)
        assert np.abs(shown - found[2:30, 2:30]).max() <= 1
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_the_orientation_of_a_photograph_is_applied(kind: str, orientation: Any) -> None:
    pixels = np.zeros((320, 480, 3), np.uint8)
    pixels[:, :] = (90, 90, 90)
    pixels[:80, :120] = (250, 20, 20)  # red in the upper left corner
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = STORED[orientation]
    data = encoded(image if turn is None else image.transpose(turn), kind, exif=exif)
    assert look(data).size == (480, 320)
    found = held(data, 48)
    assert found[4, 4, 0] > 200
    assert all(found[y, x, 0] < 130 for y, x in ((4, 44), (44, 4), (44, 44)))
    shown = cut(data, [0.0, 0.5, 0.0, 0.0, 0.9, 0, 0, 0], Cut(32, "area", 1.0))
    assert shown[1, 1, 0] > 200
    assert shown[30, 30, 0] < 130


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_metadata_leaves_the_image_as_it_is() -> None:
    data = encoded(Image.new("RGB", (32, 32), "red"), "JPEG", exif=b"Exif\0\0MM\0*\0\0\xff\xff")
    assert held(data)[..., 0].min() > 250


DEEP = {
    "16-bit PNG": (np.uint16(65535 * RAMP), "PNG"),
    "16-bit TIFF": (np.uint16(65535 * RAMP), "TIFF"),
    "16-bit TIFF, big-endian": ((65535 * RAMP).astype(">u2"), "TIFF"),
    "16-bit PGM": (np.int32(65535 * RAMP), "PPM"),
    "32-bit TIFF with values of 16 bits": (np.int32(65535 * RAMP), "TIFF"),
    "32-bit TIFF with values of 8 bits": (np.int32(255 * RAMP), "TIFF"),
    "float TIFF in 0..1": (np.float32(RAMP), "TIFF"),
    "float TIFF that overshoots": (np.float32(RAMP * 1.0005), "TIFF"),
    "float TIFF in 0..255": (np.float32(255 * RAMP), "TIFF"),
    "float TIFF in 0..65535": (np.float32(65535 * RAMP), "TIFF"),
}


@pytest.mark.parametrize(("values", "kind"), DEEP.values(), ids=DEEP)
def test_grey_of_more_than_eight_bits_is_scaled(values: Any, kind: Any) -> None:
    data = encoded(Image.fromarray(values), kind)
    assert look(data).peak in (None, 65535)
    found = held(data).astype(float)
    assert np.abs(found - 255 * RAMP[..., None]).max() <= 1


@pytest.mark.parametrize(
    "values",
    [np.float32(2 * RAMP - 1), np.float32(1.5 * RAMP), np.float32(1e6 * RAMP),
     np.float32(RAMP) * np.float32("nan"), np.int32(70000 * RAMP), np.int32(RAMP * 9) - 5],
    ids=["negative", "on no scale", "large", "nan", "17 bits", "negative integers"],
)  # fmt: skip
def test_values_on_no_known_scale_are_refused(values: Any) -> None:
    with pytest.raises(BROKEN, match="values from"):
        held(encoded(Image.fromarray(values), "TIFF"))


def test_what_is_refused_is_named(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(12):
            values = np.float32(RAMP * (1 if number else -3))
            Image.fromarray(values).save(tmp_path / "d" / name / f"{number}.tif")
    with pytest.raises(TaskError, match=carrying("a/0.tif … -3 … 1 … 24")):
        load_task("folder", str(tmp_path / "d"))
    task = load_task("folder", str(tmp_path / "d"), skip_corrupt=True)
    assert len(task.train) + len(task.val) + len(task.test) == 22


def transparent(mode: str) -> Image.Image:
    """Return an image whose left half is transparent black, the right half opaque grey."""
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    image.paste((100, 100, 100, 255), (16, 0, 32, 32))
    return image.convert(mode) if mode != "P" else image.quantize(8)


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGBA", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "GIF"),
                       ("RGBA", "WEBP"), ("RGBA", "TIFF")],
)  # fmt: skip
def test_transparency_is_composed_on_white(mode: str, kind: str) -> None:
    settings: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    found = held(encoded(transparent(mode), kind, **settings))
    assert found[:, :15].min() == 255
    assert np.abs(found[:, 17:].astype(int) - 100).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_a_transparent_colour_is_white(mode: str) -> None:
    values = np.full((32, 32), 0, np.uint16 if mode == "I;16" else np.uint8)
    values[:, 16:] = 100
    image = Image.fromarray(values)
    image, key = (image.convert("RGB"), (0, 0, 0)) if mode == "RGB" else (image, 0)
    found = held(encoded(image, transparency=key))
    assert found[:, :15].min() == 255
    assert found[:, 17:].max() <= 100


@pytest.mark.parametrize(
    ("mode", "kind", "colour", "expected"),
    [("CMYK", "JPEG", (0, 255, 255, 0), (255, 0, 0)), ("1", "PNG", 1, (255, 255, 255)),
     ("YCbCr", "TIFF", (255, 128, 128), (255, 255, 255)), ("L", "BMP", 7, (7, 7, 7))],
)  # fmt: skip
def test_other_modes_are_converted(
    mode: str, kind: str, colour: int | tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    found = held(encoded(Image.new(mode, (32, 32), colour), kind))
    assert np.abs(found.astype(int) - np.array(expected)).max() <= 3


def test_of_several_frames_the_first_is_read_and_that_is_said(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue"))
    for kind in ("GIF", "TIFF", "WEBP"):
        data = encoded(red, kind, save_all=True, append_images=[blue])
        assert look(data).frames
        assert held(data)[0, 0].argmax() == 0
    for name, other in (("a", [blue]), ("b", [])):
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(12):
            file = tmp_path / "d" / name / f"{number}.tif"
            red.save(file, save_all=True, append_images=other)
    note = load_task("folder", str(tmp_path / "d")).note
    assert carries(note, "12 files … first")


def test_images_of_twelve_bits_in_sixteen_are_said_to_be_dark(tmp_path: Path) -> None:
    for top, said in ((4095, True), (65535, False)):
        for name in "ab":
            (tmp_path / str(top) / name).mkdir(parents=True)
            for number in range(12):
                image = Image.fromarray(np.uint16(top * RAMP))
                image.save(tmp_path / str(top) / name / f"{number}.png")
        note = load_task("folder", str(tmp_path / str(top))).note
        assert ("nearly black" in note) == said
        assert ("4,095" in note) == said


def test_memory_and_stream_show_the_same_of_one_folder(tmp_path: Path) -> None:
    for name, top in (("a", 65535), ("b", 30000)):
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(12):
            image = Image.fromarray(np.uint16(top * RAMP))
            image.save(tmp_path / "d" / name / f"{number}.png")
    one = load_task("folder", str(tmp_path / "d"))
    other = load_task("imagenet", str(tmp_path / "d"), image_size=28)
    assert isinstance(one.val, Split)
    assert isinstance(other.val, Files)
    shown, _ = next(StreamFeed(other.val, other, torch.device("cpu")).ordered(2))
    mean, std = (torch.tensor(each)[:, None, None] for each in (other.mean, other.std))
    pixels = 255 * (shown * std + mean)
    assert (pixels - one.val.images[..., 2:30, 2:30].float()).abs().max() <= 1.01
