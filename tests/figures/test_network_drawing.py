"""The drawing of a network: its groups and shuffles are visible, and its texts fit."""

import re
from xml.etree import ElementTree

import pytest

from nas.figures import PageTheme, network_svg
from nas.space import Layer, load_space, lower
from tests.igcv3 import igcv3_spec

SPEC = igcv3_spec()


def layers_of(space: str, place: int = 0) -> list[Layer]:
    made = load_space(space)
    return list(lower(made, made.published[place].architecture, SPEC.deployment, 1000))


def drawn(layers: list[Layer]) -> tuple[str, int, int]:
    """Return the texts of a drawing, and how many boxes and shuffles it has."""
    svg = network_svg(layers, PageTheme(dark=True))
    root = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    texts = root.findall(f".//{space}text")
    for text in texts:
        assert float(text.get("x", "0")) + 7 * len(text.text or "") <= float(root.get("width", "0"))
    words = "\n".join(text.text or "" for text in texts)
    return words, len(root.findall(f".//{space}rect")), len(root.findall(f".//{space}path"))


@pytest.mark.parametrize(
    ("space", "words", "shuffles"),
    [
        ("igcv3", "groups 2; shuffle 2", 7),
        ("shufflenetv1", "groups 3; shuffle 3", 3),
        ("igcv1", "groups 24, 4; shuffle 24, 4", 6),
        ("mobilenetv2", "320x7x7", 0),
        ("nasnet-a", "cell_stem1", 0),
    ],
)
def test_groups_and_shuffles_are_drawn(space: str, words: str, shuffles: int) -> None:
    text, boxes, paths = drawn(layers_of(space))
    assert words in text
    assert paths == shuffles
    assert ("shuffle" in text) is (shuffles > 0)
    parts = re.findall("^(?:stem|head|classifier|stage.*|cell.*)$", text, re.MULTILINE)
    assert boxes >= len(parts) > 3
