"""Weights of torchvision's networks on ours: equal outputs, or a refusal that says what differs."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save_file
from torch import nn
from torchvision.models import MobileNetV2, mobilenet_v2

from nas.errors import NasError
from nas.space import Layer, Shape, SSDLite, load_space, lower
from nas.training import build, foreign_weights

SIDE = Shape(3, 64, 64)
STRIDES = (2, 1, 2, 2, 2, 1, 2, 1)  # of torchvision, at any size


def layers_of(space: str = "mobilenetv2", name: str = "mobilenetv2-1.0") -> list[Layer]:
    found = load_space(space)
    known = next(each for each in found.published if each.name == name)
    return lower(found, known.architecture, SIDE, 1000, STRIDES)


@pytest.fixture(scope="module")
def theirs() -> MobileNetV2:
    """MobileNetV2 with random weights and statistics."""
    torch.manual_seed(0)
    network = MobileNetV2(num_classes=7).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def file(theirs: MobileNetV2, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v2.pth"
    torch.save(theirs.state_dict(), path)
    return path


def test_the_features_are_those_of_torchvision(theirs: MobileNetV2, file: Path) -> None:
    network = build(layers_of()).eval()
    found = load(foreign_weights(file, layers_of()))
    own = network.state_dict()
    left = {name for name in own if name not in found and not name.endswith("tracked")}
    assert left == {"classifier.weight", "classifier.bias"}
    network.load_state_dict(own | found)
    features: list[torch.Tensor] = []
    network.get_submodule("head.relu").register_forward_hook(
        lambda _module, _inputs, output: features.append(output)
    )
    images = torch.randn(2, *SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        network(images)
        expected = theirs.features(images)
    assert expected.std() > 0.1
    torch.testing.assert_close(features[0], expected, rtol=1e-4, atol=1e-4)


def test_every_weight_of_the_backbone_of_a_detector_is_found(file: Path) -> None:
    space = load_space("mobilenetv2")
    detector = build(lower(space, space.published[0].architecture, SIDE, 3, STRIDES, SSDLite()))
    found, own = load(foreign_weights(file, layers_of())), detector.state_dict()
    assert all(own[name].shape == value.shape for name, value in found.items())
    head = ("extras", "box_heads", "class_heads")
    missing = [name for name in own if name not in found and not name.startswith(head)]
    assert all(name.endswith("num_batches_tracked") for name in missing)


def test_a_checkpoint_old_files_and_safetensors_are_read(
    theirs: MobileNetV2, file: Path, tmp_path: Path
) -> None:
    whole = foreign_weights(file, layers_of())
    old = {k: v for k, v in theirs.state_dict().items() if not k.endswith("tracked")}
    torch.save({"epoch": 3, "state_dict": old}, tmp_path / "checkpoint.pth")
    assert foreign_weights(tmp_path / "checkpoint.pth", layers_of()) == whole
    (tmp_path / "own.safetensors").write_bytes(whole)
    assert foreign_weights(tmp_path / "own.safetensors", layers_of()) == whole


def changed(weights: dict[str, Any], how: str) -> Any:
    names = list(weights)
    match how:
        case "narrow":
            return mobilenet_v2(width_mult=0.5).state_dict()
        case "short":
            return {name: weights[name] for name in names[:50]}
        case "long":
            more = {f"more.{i}": torch.zeros(3) for i in range(3)}
            return {**weights, **more}
        case "empty":
            return {}
        case "no tensors":
            return {"a": 3}
        case _:
            return nn.Linear(2, 2)  # a module, not its weights


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("narrow", r"features\.0\.0\.weight is 16x3x3x3, stem\.conv\.weight is 32x3x3x3"),
        ("short", "has 42 tensors, the backbone has 260"),
        ("long", "5 more tensors, from classifier.1.weight on"),
        ("empty", "is empty"),
        ("no tensors", "values that are not tensors"),
        ("module", "not a state dict"),
    ],
)
def test_other_files_are_refused(theirs: MobileNetV2, tmp_path: Path, how: str, told: str) -> None:
    torch.save(changed(dict(theirs.state_dict()), how), tmp_path / "w.pth")
    with pytest.raises(NasError, match=told):
        foreign_weights(tmp_path / "w.pth", layers_of())


def test_files_that_hold_no_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NasError, match="there is no file"):
        foreign_weights(tmp_path / "none.pth", layers_of())
    for name in ("w.pth", "w.safetensors"):
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(NasError):
            foreign_weights(tmp_path / name, layers_of())
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(NasError, match="another network"):
        foreign_weights(tmp_path / "other.safetensors", layers_of())
