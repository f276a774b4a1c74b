"""Export formats: which are written, those of other packages among them, and which are refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import ExportError, NoEffectError
from nas.exports import FORMATS, ExportRequest, choose_formats, export_network
from nas.workflows import NetworkExportRequest, NetworkRequest, export
from tests.distributions import install

Listing = Callable[[Path], list[str]]

OTHERS = """
from nas.exports import Written


class Text:
    libraries, settings = ("a-package-of-another-name",), ()

    def __init__(self, name, file):
        self.name, self.file = name, file

    def write(self, job, directory):
        path = directory / self.file
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(len(job.layers)))
        return Written((path,), details={"layers": len(job.layers)})


class Failing(Text):
    def write(self, job, directory):
        raise ZeroDivisionError("a fault")


TEXT, CARD = Text("text", "text/layers.txt"), Text("files", "files.txt")
TWIN, FALSE_CARD = Text("twin", "network.py"), Text("false-card", "card.json")
FAILING, CLASS = Failing("failing", "x"), Text
"""
ENTRIES = {
    "text": "TEXT", "files": "CARD", "twin": "TWIN", "false-card": "FALSE_CARD",
    "failing": "FAILING", "class": "CLASS",
}  # fmt: skip


@pytest.fixture
def others(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package with formats of its own."""
    site = tmp_path_factory.mktemp("site")
    entries = {name: f"other_formats:{value}" for name, value in ENTRIES.items()}
    install(site, "other-formats", {"nas.exports": entries}, {"other_formats": OTHERS})
    monkeypatch.syspath_prepend(site)


def test_only_the_formats_that_were_asked_for_are_written(
    plain: ExportRequest, tmp_path: Path, listing: Listing
) -> None:
    out = tmp_path / "out"
    assert export_network(plain, out, formats=["onnx"]) == [out / "network.onnx", out / "card.json"]
    card = json.loads((out / "card.json").read_text())
    assert (card["onnx"]["opset"], [one["name"] for one in card["files"]]) == (17, ["network.onnx"])
    export_network(plain, out, force=True, formats=["source", "weights", "source"])
    assert listing(out) == ["card.json", "network.py", "weights.safetensors"]
    assert "onnx" not in json.loads((out / "card.json").read_text())["versions"]


@pytest.mark.usefixtures("others")
def test_a_format_of_another_package_is_written_where_it_is_named(
    plain: ExportRequest, tmp_path: Path, listing: Listing
) -> None:
    assert set(ENTRIES) <= set(FORMATS.names())
    assert [each.name for each in choose_formats()] == ["source", "weights", "onnx"]
    out = tmp_path / "out"
    export_network(plain, out, formats=["text", "files"])
    card = json.loads((out / "card.json").read_text())
    assert [one["name"] for one in card["files"]] == ["text/layers.txt", "files.txt"]
    assert card["text"] == {"layers": len(plain.layers())}
    assert card["versions"]["other-formats"] == "1.5"
    export_network(plain, out, force=True, formats=["source"])  # the card says what is replaced
    assert listing(out) == ["card.json", "network.py"]


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (["onxx"], "'onxx'"),
        (["class"], "other-formats 1.5"),
        (["source", "twin"], "network.py"),
        (["false-card"], "card.json"),
        (["failing"], "other_formats:FAILING: ZeroDivisionError: a fault"),
    ],
)
def test_a_format_that_cannot_be_used_is_refused_and_named(
    plain: ExportRequest, tmp_path: Path, formats: list[str], said: str
) -> None:
    with pytest.raises(ExportError) as caught:
        export_network(plain, tmp_path / "out", formats=formats)
    assert said in caught.value.cause
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_no_chosen_format_reads_is_refused(tmp_path: Path) -> None:
    network = NetworkRequest(arch="igcv3-d-0.25-os")
    for formats in (("source", "weights"), "source"):
        wanted = NetworkExportRequest(
            network=network, directory=tmp_path / "out", opset=13, formats=formats
        )
        with pytest.raises(NoEffectError, match="source") as caught:
            export(wanted)
        assert caught.value.setting == "opset"
