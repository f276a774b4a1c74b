"""`nas predict` runs exported networks on images."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from nas.exports import export_network
from nas.exports.request import ExportRequest
from nas.space import Shape, SSDLite
from nas.space.file import read_space
from nas.training import guesses_of_boxes
from nas.training.network.module import build
from nas.training.prediction import network_input
from tests.cli.runner import Shell
from tests.exports.small_networks import SMALL, SMALL_ARCHITECTURE, make_trained
from tests.messages import carries

KINDS = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def request_of_trained(tmp_path_factory: pytest.TempPathFactory) -> ExportRequest:
    weights = tmp_path_factory.mktemp("trained") / "given.safetensors"
    return make_trained(read_space(SMALL, "small.toml"), SMALL_ARCHITECTURE, weights)


@pytest.fixture(scope="module")
def exported(request_of_trained: ExportRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier, and a detector with random weights, which finds much."""
    folder, shape = tmp_path_factory.mktemp("exported"), Shape(3, 48, 48)
    export_network(request_of_trained, folder / "classifier", formats=("onnx",))
    weights = folder / "detector.safetensors"
    assert request_of_trained.training is not None
    origin = replace(
        request_of_trained.training, weights=weights, sha256=None, class_names=KINDS,
        mean=(0.5,) * 3, std=(0.25,) * 3,
    )  # fmt: skip
    request = replace(
        request_of_trained, input=shape, classes=3, deployment=shape, deployment_classes=3,
        head=SSDLite(), training=origin,
    )  # fmt: skip
    save_file(build(request.layers(), torch.Generator().manual_seed(0)).state_dict(), weights)
    export_network(request, folder / "detector", formats=("onnx", "weights"))
    return folder


@pytest.fixture
def classifier(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported / "classifier", tmp_path / "classifier"))


@pytest.fixture
def detector(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported / "detector", tmp_path / "detector"))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    noise = torch.randint(0, 256, (60, 90, 3), generator=torch.Generator().manual_seed(1))
    Image.fromarray(noise.to(torch.uint8).numpy()).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_classifier_prints_its_classes(nas: Shell, classifier: Path, image: Path) -> None:
    said = nas("predict", str(classifier), str(image), "--most", "3")
    assert said.code == 0, said.err
    head, *lines = said.out.splitlines()
    assert head == f"{image}:"
    shares = [float(line.split()[0]) for line in lines]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)


def test_a_detector_draws_its_boxes(
    nas: Shell, detector: Path, image: Path, request_of_trained: ExportRequest, tmp_path: Path
) -> None:
    out = tmp_path / "found"
    words = ("predict", str(detector), str(image), "-o", str(out), "--threshold", "0.2")
    said = nas(*words, "--json")
    assert said.code == 0, said.err
    (found,) = json.loads(said.out)
    drawn = Image.open(found["drawn"])
    assert drawn.size == (90, 60)
    assert drawn.tobytes() != Image.open(image).convert("RGB").tobytes()
    # the network in PyTorch finds the same
    shape = Shape(3, 48, 48)
    layers = replace(request_of_trained, input=shape, classes=3, head=SSDLite()).layers()
    network = build(layers, torch.Generator().manual_seed(0)).eval()
    shown = network_input(image.read_bytes(), shape, (0.5,) * 3, (0.25,) * 3, crop=False)
    with torch.no_grad():
        wanted = guesses_of_boxes(network(shown), KINDS, (90, 60), 0.2)
    assert len(found["guesses"]) == len(wanted) > 0
    assert found["guesses"][0]["label"] == wanted[0].label
    assert found["guesses"][0]["box"] == pytest.approx(wanted[0].box, abs=0.05)
    assert "exists" in nas.refused(*words)
    assert nas(*words, "--force").code == 0


def test_settings_without_effect_are_refused(
    nas: Shell, classifier: Path, detector: Path, image: Path
) -> None:
    assert "--threshold" in nas.refused(
        "predict", str(classifier), str(image), "--threshold", "0.5"
    )
    assert "--most" in nas.refused("predict", str(detector), str(image), "--most", "2")


def test_what_cannot_be_run_is_refused(
    nas: Shell, classifier: Path, image: Path, tmp_path: Path
) -> None:
    assert carries(nas.refused("predict", str(tmp_path), str(image)), f"{tmp_path} … card.json")
    assert "cannot be read" in nas.refused("predict", str(classifier), "none.png")
    (tmp_path / "text.png").write_text("no image")
    assert "not a readable image" in nas.refused(
        "predict", str(classifier), str(tmp_path / "text.png")
    )
    model = classifier / "network.onnx"
    model.write_bytes(model.read_bytes() + b"more")
    assert "not the file" in nas.refused("predict", str(classifier), str(image))
    model.unlink()
    assert "--format onnx" in nas.refused("predict", str(classifier), str(image))


def test_an_untrained_network_is_refused(
    nas: Shell, request_of_trained: ExportRequest, image: Path, tmp_path: Path
) -> None:
    export_network(replace(request_of_trained, training=None), tmp_path / "raw", formats=("onnx",))
    assert "is not trained" in nas.refused("predict", str(tmp_path / "raw"), str(image))
