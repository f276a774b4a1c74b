"""The source of any family: the same network as ours, readable, and dependent on torch alone."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fresh import FRESH
from safetensors.torch import save_file
from small_networks import make_trained, randomise

from nas.cost import CostModel
from nas.errors import ExportError
from nas.export.bundle import export_network, run_source
from nas.export.generic_source import split, write_classes
from nas.export.request import ExportRequest
from nas.export.source import write_source
from nas.feasible import FeasibleSpace
from nas.layers import Builder, Layer, Shape
from nas.space_file import builtin_names, load_space
from nas.train.network import build

FAMILIES = [name for name in builtin_names() if name != "igcv3"]
STAGED = ("mobilenetv1", "mobilenetv2", "shufflenetv1")
RUFF = [
    ["format", "--check"],
    ["check", "--select", "E,F,W,I,D,UP,B,RUF", "--ignore", "D107,D203,D213,RUF001"],
]


def assert_clean(file: Path) -> None:
    """The file passes the checks of ruff, and its formatter leaves it alone."""
    for command in RUFF:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100", str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def test_published_networks_are_bit_identical_where_only_torch_is_installed(
    tmp_path: Path,
) -> None:
    folders = []
    for name, shape in zip(
        FAMILIES, [Shape(3, 32, 32), Shape(1, 8, 8), Shape(3, 20, 28)] * 4, strict=False
    ):
        space = load_space(name)
        if not space.published:
            continue
        folder = tmp_path / name
        folder.mkdir()
        weights = folder / "weights.safetensors"
        request = make_trained(space, space.published[0].name, weights, shape)
        (folder / "network.py").write_text(write_source(request, request.layers()))
        assert_clean(folder / "network.py")
        images = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
        network = build(request.layers(), torch.Generator().manual_seed(0)).eval()
        randomise(network)
        save_file(network.state_dict(), weights)
        with torch.inference_mode():
            logits = network((images.float() / 255 - 0.25) / 0.5)
        assert logits.std() > 0
        torch.save({"images": images, "logits": logits}, folder / "case.pt")
        folders.append(folder)
    assert {folder.name for folder in folders} >= set(STAGED)
    done = subprocess.run(
        [sys.executable, "-I", "-c", FRESH, *map(str, folders)],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.split() == [folder.name for folder in folders], done.stderr


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", STAGED)
def test_random_networks_are_bit_identical(name: str, tmp_path: Path, seed: int) -> None:
    space, rng = load_space(name), np.random.default_rng(seed)
    member = FeasibleSpace(CostModel(space), ()).sample(rng)
    assert member is not None
    shape = Shape(int(rng.integers(1, 4)), int(rng.integers(8, 40)), int(rng.integers(8, 40)))
    request = ExportRequest("r", space, member, shape, 7, space.deployment, 9)
    network = build(request.layers(), torch.Generator().manual_seed(seed)).eval()
    randomise(network, seed)
    weights, source = tmp_path / "weights.safetensors", tmp_path / "network.py"
    save_file(network.state_dict(), weights)
    text = write_source(request, request.layers())
    source.write_text(text)
    assert_clean(source)
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        assert torch.equal(run_source(text, weights)(images), network(images))


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
        net.conv("mixed", 8, kernel=3, padding=1)
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


def executed(layers: list[Layer]) -> torch.nn.Module:
    code = write_classes(layers)
    text = (
        "import torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"
        "from nas.export.igcv3_parts import channel_shuffle\n\n" + "\n\n".join(code.classes)
    )
    module: dict[str, type[torch.nn.Module]] = {"__name__": "network"}  # type: ignore[dict-item]
    exec(compile(text, "network.py", "exec"), module)
    return module["Network"]()


def test_branches_crops_and_dotted_names() -> None:
    layers = small_net()
    ours = build(layers, torch.Generator().manual_seed(0)).eval()
    randomise(ours)
    theirs = executed(layers).eval()
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict(ours.state_dict())
    image = torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        assert torch.equal(ours(image), theirs(image))


def test_blocks_of_one_structure_are_one_class() -> None:
    space = load_space("mobilenetv2")
    request = ExportRequest(
        "m", space, space.parse("mobilenetv2-1.0"), space.deployment, 1000, space.deployment, 1000
    )
    tree = ast.parse(write_source(request, request.layers()))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert list(classes) == ["Stem", "Block1", "Block2", "Block3", "Head", "Network"]
    arguments = [
        [argument.arg for argument in classes[name].body[1].args.args]  # type: ignore[attr-defined]
        for name in ("Block2", "Block3")
    ]
    assert arguments == [
        ["self", "in_channels", "expand_channels", "project_channels", "stride"],
        ["self", "in_channels", "expand_channels"],
    ]


def test_parts_that_do_not_stand_together_are_refused() -> None:
    net = Builder(Shape(3, 8, 8))
    for name in ("a.conv", "b.conv", "a.again"):
        net.conv(name, 4)
    with pytest.raises(ExportError, match="do not stand together"):
        split(net.layers)


def test_a_part_with_two_outputs_is_refused() -> None:
    net = Builder(Shape(3, 8, 8))
    net.conv("a.one", 4)
    net.conv("a.two", 4)
    net.prefix = ""
    net.concat("both", ["a.one", "a.two"])
    with pytest.raises(ExportError, match="2 outputs"):
        split(net.layers)


def test_a_whole_export_of_another_family(tmp_path: Path) -> None:
    space = load_space("shufflenetv1")
    text = "depth=2-1-1,width=96-192-384,bottleneck=4,groups=3-2-8,dense_entry=yes-no-no"
    request = make_trained(space, text, tmp_path / "given.safetensors")
    files = export_network(request, tmp_path / "out")
    assert {file.name for file in files} >= {"network.py", "network.onnx", "card.json"}
