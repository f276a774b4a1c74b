"""The source of any family: the same network as ours, readable, and dependent on torch alone."""

import ast
import itertools
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from nas.cost.model import CostModel
from nas.errors import ExportError
from nas.exports.bundle import export_network
from nas.exports.request import ExportRequest
from nas.exports.source.writer import write_classes, write_source
from nas.exports.source_file import run_source
from nas.feasible import FeasibleSpace
from nas.space.file import builtin_names, load_space
from nas.space.layers import Builder, Layer, Shape
from nas.space.search_space import SearchSpace
from nas.training.network.module import build
from tests.exports.fresh import FRESH
from tests.exports.small_networks import make_trained, randomise, training_of

STAGED = ("igcv3", "mobilenetv1", "mobilenetv2", "shufflenetv1")
SHAPES = (Shape(3, 32, 32), Shape(1, 8, 8), Shape(3, 20, 28))
RUFF = [
    ["format", "--check"],
    ["check", "--select", "E,F,W,I,D,UP,B,RUF", "--ignore", "D102,D107,D203,D213,RUF001"],
]


def assert_clean(*files: Path) -> None:
    """The files pass the checks of ruff, no line over 100 columns, and its formatter."""
    for command in RUFF:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100", *files],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_known_networks_are_bit_identical_where_only_torch_is_installed(tmp_path: Path) -> None:
    folders = []
    for name, shape in zip(builtin_names(), itertools.cycle(SHAPES), strict=False):
        space = load_space(name)
        text = space.published[0].name
        folder = tmp_path / text
        folder.mkdir()
        request = make_trained(space, text, folder / "weights.safetensors", shape)
        (folder / "network.py").write_text(write_source(request, request.layers()))
        images = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
        prepared = (images.float() / 255 - 0.25) / 0.5
        network = build(request.layers()).eval()
        randomise(network)
        save_file(network.state_dict(), folder / "weights.safetensors")
        with torch.inference_mode():
            logits = network(prepared)
        assert logits.std() > 0
        case = {"images": images, "prepared": prepared, "logits": logits}
        torch.save(case, folder / "case.pt")
        folders.append(folder)
    assert_clean(*(folder / "network.py" for folder in folders))
    done = subprocess.run(
        [sys.executable, "-I", "-c", FRESH, *map(str, folders)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.split() == [folder.name for folder in folders], done.stderr


def assert_identical(request: ExportRequest, folder: Path, seed: int) -> None:
    """The written network is clean and computes what ours does, bit by bit."""
    network = build(request.layers(), torch.Generator().manual_seed(seed)).eval()
    randomise(network, seed)
    weights, source = folder / "weights.safetensors", folder / "network.py"
    save_file(network.state_dict(), weights)
    source.write_text(write_source(request, request.layers()))
    assert_clean(source)
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(2, *request.input, generator=generator)
    with torch.inference_mode():
        found = run_source(source.read_text(), load_file(weights))(images)
        assert isinstance(found, torch.Tensor)
        assert torch.equal(found, network(images))


@cache
def unlimited(name: str) -> FeasibleSpace:
    """Return a built-in space without a budget."""
    return FeasibleSpace(CostModel(load_space(name)), ())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", STAGED)
def test_random_networks_are_bit_identical(name: str, tmp_path: Path, seed: int) -> None:
    space, rng = load_space(name), np.random.default_rng(seed)
    member = unlimited(name).sample(rng)
    assert member is not None
    shape = Shape(int(rng.integers(1, 4)), int(rng.integers(8, 40)), int(rng.integers(8, 40)))
    request = ExportRequest(
        "r", space, member, shape, 7, deployment=space.deployment, deployment_classes=9
    )
    assert_identical(request, tmp_path, seed)


@pytest.mark.parametrize("seed", range(4))
def test_random_networks_of_a_space_of_ones_own_are_bit_identical(
    small: SearchSpace, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    member = FeasibleSpace(CostModel(small), ()).sample(rng)
    assert member is not None
    request = ExportRequest(
        "r", small, member, Shape(3, 9, 14), 7, deployment=small.deployment, deployment_classes=9
    )
    assert_identical(request, tmp_path, seed)


def executed(text: str) -> dict[str, Any]:
    """What a source file defines."""
    module: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), module)
    return module


def small_net() -> list[Layer]:
    """A stem, branches that read two blocks back, a crop, dotted names, and a bare last layer."""
    net = Builder(Shape(3, 9, 9))
    net.prefix = "stem."
    net.conv("conv", 8, kernel=3)
    net.batch_norm("bn")
    outputs = [net.last]
    for block in range(3):
        net.prefix = f"stage1.{block + 1}."
        before = outputs[-2:]
        net.branch(before[0])
        net.conv("left.1.conv", 8, groups=(1, 2, 4)[block])
        net.shuffle("left.1.mixed", 2)
        left = net.last
        net.branch(before[-1])
        net.pad("pad", (1, -1), (0, 2))
        net.pool("pool", "avg", 3, 1)
        net.pad("crop", (-1, 1), (0, -2))
        net.conv("mixed", 8, kernel=(1, 3, 5)[block], padding=(0, 1, 2)[block])
        net.add("add", left)
        net.activation("relu", "relu")
        relu = net.last
        net.concat("out", [left, relu, left, relu])
        outputs.append(net.last)
    net.prefix = ""
    net.branch(outputs[-1])
    net.pool("last", "max", 3, 2)
    net.global_pool("head.pool")
    net.linear("classifier", 5)
    return net.layers


def nested_sequences() -> list[Layer]:
    """Numbered parts inside blocks, of unequal widths."""
    net = Builder(Shape(3, 8, 8))
    for block, width in enumerate((4, 8)):
        for number in range(3):
            net.prefix = f"stage1.{block}.branch.{number}."
            net.conv("conv", width * (number + 1))
            net.batch_norm("bn")
        net.prefix = f"stage1.{block}."
        net.conv("last", width)
        net.concat("a_rather_long_name_of_a_layer_for_the_maps_of_the_block", [net.last] * 8)
    return [*net.layers, *classifier_of(net)]


def parts_in_turns() -> list[Layer]:
    """Layers of one prefix that have others between them."""
    net = Builder(Shape(3, 8, 8))
    for name in ("a.conv", "b.conv", "a.again", "stage1.0.conv", "c.conv", "stage1.1.conv"):
        net.conv(name, 4)
    return [*net.layers, *classifier_of(net)]


def two_outputs() -> list[Layer]:
    """A prefix of which others read two layers, and the last layer inside a part."""
    net = Builder(Shape(3, 8, 8))
    net.conv("a.one", 4)
    net.conv("a.two", 4)
    net.concat("both", ["a.one", "a.two"])
    net.global_pool("head.pool")
    net.linear("head.classifier", 5)
    return net.layers


def odd_names() -> list[Layer]:
    """Names that Python or the file use for something else, and layers called by numbers."""
    net = Builder(Shape(3, 8, 8))
    for name in ("network.conv", "stage.0.in", "stage.1.class", "two.0", "two.1", "F.x", "x.torch"):
        net.conv(name, 4)
        if name == "F.x":
            outer = net.last
    net.add("y.lambda", outer)
    net.shuffle("torch", 2)
    net.pool("x_pool", "max", 3, 1)
    net.add("self", "y.lambda")
    net.add("tensor", "x_pool")
    return [*net.layers, *classifier_of(net)]


def classifier_of(net: Builder) -> list[Layer]:
    done = len(net.layers)
    net.prefix = ""
    net.global_pool("pool")
    net.linear("classifier", 5)
    return net.layers[done:]


def assert_equal(layers: list[Layer]) -> str:
    """The written network has our weights and computes what ours does, bit by bit."""
    ours = build(layers, torch.Generator().manual_seed(0)).eval()
    randomise(ours)
    space = load_space("igcv3")
    known = space.parse("igcv3-d-1.0")
    request = ExportRequest(
        "r", space, known, layers[0].shape, 5, deployment=layers[0].shape, deployment_classes=5
    )
    text = write_source(request, layers)
    theirs = executed(text)["Network"]().eval()
    assert {key: value.shape for key, value in theirs.state_dict().items()} == {
        key: value.shape for key, value in ours.state_dict().items()
    }
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(2, *layers[0].shape, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        outputs, found = ours(image), theirs(image)
    if isinstance(outputs, torch.Tensor):
        outputs, found = (outputs,), (found,)
    assert len(outputs) == len(found)
    assert all(map(torch.equal, outputs, found))
    return text


@pytest.mark.parametrize(
    "layers", [small_net(), nested_sequences(), parts_in_turns(), two_outputs(), odd_names()]
)
def test_layers_of_any_names_and_order_are_written(layers: list[Layer], tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(assert_equal(layers))
    assert_clean(tmp_path / "network.py")


@st.composite
def networks(draw: st.DrawFn) -> list[Layer]:
    """Layers of any kind that read any earlier ones, under random dotted names."""
    net = Builder(Shape(3, 6, 6))
    words = st.sampled_from(["stem", "a.0", "a.1", "b.0.c", "b.0.d.1", "b.0.d.2", "b.1", "e.f", ""])
    maps = [net.last]
    for index in range(draw(st.integers(1, 14))):
        prefix = draw(words) if index == 0 or draw(st.booleans()) else net.prefix[:-1]
        net.prefix = f"{prefix}." if prefix else ""
        net.branch(draw(st.sampled_from([maps[-1], maps[-1], *maps])))
        kind, name = draw(st.integers(0, 8)), f"l{draw(st.integers(0, 1))}{index}"
        match kind:
            case 0:
                net.conv(name, 4, kernel=draw(st.sampled_from([1, 3])))
            case 1:
                net.batch_norm(name)
            case 2:
                net.activation(name, draw(st.sampled_from(["relu", "relu6"])))
            case 3:
                net.concat(name, [net.last, draw(st.sampled_from(maps))])
            case 4:
                net.shuffle(name, 2 if net.shape.channels % 2 == 0 else 1)
            case 5:
                net.pool(name, draw(st.sampled_from(["max", "avg"])), 3, 1)
            case 6:
                net.pad(name, (1, -1), (-1, 1))
            case 7:
                shapes = {layer.name: layer.shape for layer in net.layers}
                same = [each for each in maps if shapes[each] == net.shape]
                net.add(name, draw(st.sampled_from(same)))
            case _:
                net.conv(name, net.shape.channels, kernel=3, groups=net.shape.channels)
        maps.append(net.last)
    return [*net.layers, *classifier_of(net)]


@settings(max_examples=30, deadline=None)
@given(networks())
def test_random_graphs_are_bit_identical(layers: list[Layer]) -> None:
    assert_equal(layers)


def test_a_stage_that_python_cannot_name_is_refused() -> None:
    net = Builder(Shape(3, 8, 8))
    net.conv("class.0.conv", 4)
    with pytest.raises(ExportError, match="class"):
        write_classes([*net.layers, *classifier_of(net)], "kind")


@pytest.mark.parametrize("name", builtin_names())
def test_each_block_is_a_module_of_one_of_few_classes(name: str) -> None:
    space = load_space(name)
    known = space.parse(space.published[0].name)
    request = ExportRequest(
        "m", space, known, SHAPES[0], 10, deployment=space.deployment, deployment_classes=10
    )
    layers = request.layers()
    network = executed(write_source(request, layers))["build"]()
    words = [layer.name.split(".") for layer in layers]
    blocks = {".".join(each[:2]) for each in words if len(each) > 2 and each[1].isdigit()}
    classes = [type(network.get_submodule(block)).__name__ for block in blocks]
    assert len(classes) >= 4
    assert len(set(classes)) <= 5
    assert all("Block" in each for each in classes)


def test_blocks_of_one_structure_are_one_class_with_arguments() -> None:
    space = load_space("mobilenetv2")
    request = ExportRequest(
        "m",
        space,
        space.parse("mobilenetv2-1.0"),
        space.deployment,
        1000,
        deployment=space.deployment,
        deployment_classes=1000,
    )
    tree = ast.parse(write_source(request, request.layers()))
    arguments = {
        node.name: [argument.arg for argument in function.args.args]
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        if isinstance(function := node.body[1], ast.FunctionDef)
    }
    own = ["self"]
    assert arguments == {
        "Stem": own,
        "Mobilenetv2Block": own,
        "Mobilenetv2Block2": [*own, "in_channels", "expand_channels", "project_channels", "stride"],
        "Mobilenetv2ResidualBlock": [*own, "in_channels", "expand_channels"],
        "Head": own,
        "Network": own,
    }


def test_costs_and_architecture_stand_in_the_docstring(trained: ExportRequest) -> None:
    text = write_source(trained, trained.layers())
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    for part in trained.architecture.text.split(","):
        assert part in docstring
    assert "this network, input 1x8x8, 10 classes, strides 2,1,2:\n" in docstring
    assert "deployment, input 3x32x32, 20 classes, strides 2,1,2:\n" in docstring
    assert trained.architecture.arch_id in docstring
    assert "Weights: trained" in docstring


def test_example_in_the_docstring_runs(trained: ExportRequest, tmp_path: Path) -> None:
    assert trained.training
    text = write_source(trained, trained.layers())
    (tmp_path / "network.py").write_text(text)
    trained.training.weights.rename(tmp_path / "weights.safetensors")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    example = textwrap.dedent(docstring[docstring.index("    import torch") :])
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout)[0].startswith("class ")


@pytest.mark.parametrize(
    "names",
    [
        [str(k) for k in range(10)],
        ["it's", 'a "quote"', "back\\slash", "日本", "both ' and \"", "new\nline"],
        [f"a rather long class name, number {k}" for k in range(20)],
    ],
)
def test_file_passes_ruff_whatever_the_names(
    trained: ExportRequest, tmp_path: Path, names: list[str]
) -> None:
    training = replace(training_of(Path("w"), 1, 1), class_names=tuple(names))
    request = replace(trained, training=training, name='a """ title \\ that\ncloses it ' * 5)
    file = tmp_path / "network.py"
    file.write_text(write_source(request, request.layers()))
    assert executed(file.read_text())["CLASS_NAMES"] == names
    assert_clean(file)


def test_a_whole_export_of_another_family(tmp_path: Path) -> None:
    space = load_space("shufflenetv1")
    text = "depth=2-1-1,width=96-192-384,bottleneck=4,groups=3-2-8,dense_entry=yes-no-no"
    request = make_trained(space, text, tmp_path / "given.safetensors")
    files = export_network(request, tmp_path / "out")
    assert {file.name for file in files} >= {"network.py", "network.onnx", "card.json"}
