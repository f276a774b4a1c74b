"""The source file: the same network as ours, readable, and dependent on torch alone."""

import ast
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fresh import FRESH
from safetensors.torch import save_file
from small_networks import make_trained, randomise, training_of

from nas.errors import ExportError
from nas.export.bundle import run_source
from nas.export.request import ExportRequest
from nas.export.source import read_table, write_source
from nas.layers import Activation, Shape
from nas.space import SearchSpace
from nas.space_file import load_space, read_space
from nas.train.network import build

PUBLISHED = ("igcv3-d-1.0", "igcv3-w", "mobilenetv2-1.0")


def test_published_networks_are_bit_identical_where_only_torch_is_installed(
    tmp_path: Path,
) -> None:
    space = load_space("igcv3")
    folders = []
    for name, shape in zip(
        PUBLISHED, (Shape(1, 8, 8), Shape(3, 20, 28), Shape(3, 32, 32)), strict=True
    ):
        folder = tmp_path / name
        folder.mkdir()
        request = make_trained(space, name, folder / "weights.safetensors", shape)
        (folder / "network.py").write_text(write_source(request, request.layers()))
        images = torch.randint(0, 256, (3, *shape), dtype=torch.uint8)
        prepared = (images.float() / 255 - 0.25) / 0.5
        network = build(request.layers())
        randomise(network)
        save_file(network.state_dict(), folder / "weights.safetensors")
        with torch.inference_mode():
            logits = network.eval()(prepared)
        assert logits.std() > 0
        torch.save({"images": images, "prepared": prepared, "logits": logits}, folder / "case.pt")
        folders.append(str(folder))
    done = subprocess.run(
        [sys.executable, "-I", "-c", FRESH, *folders], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == list(PUBLISHED), done.stderr


@pytest.fixture(scope="module")
def every_choice() -> SearchSpace:
    """The IGCV3 space with the second permutation searched too."""
    text = load_space("igcv3").source.replace("permute2 = false ", "permute2 = [false, true] ")
    return read_space(text, "igcv3.toml")


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_are_bit_identical(
    every_choice: SearchSpace, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    architecture = every_choice.parse("igcv3-w")
    for _ in range(40):
        architecture = every_choice.mutate(architecture, rng)
    shape = Shape(int(rng.integers(1, 4)), int(rng.integers(5, 12)), int(rng.integers(5, 12)))
    request = ExportRequest("r", every_choice, architecture, shape, 7, every_choice.deployment, 9)
    network = build(request.layers(), torch.Generator().manual_seed(seed)).eval()
    randomise(network, seed)
    weights = tmp_path / "weights.safetensors"
    save_file(network.state_dict(), weights)
    forward = run_source(write_source(request, request.layers()), weights)
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        assert torch.equal(forward(images), network(images))


def test_table_has_one_row_for_each_run_of_equal_blocks() -> None:
    space = load_space("igcv3")
    request = ExportRequest(
        "d", space, space.parse("igcv3-d-1.0"), space.deployment, 1000, space.deployment, 1000
    )
    table = read_table(request.layers())
    assert table.stem == (3, 32, 3, 2)
    assert table.head == (320, 1280, 1, 1)
    assert [row.blocks for row in table.rows] == [1, 1, 3, 1, 5, 1, 7, 1, 5, 1, 5, 1]
    assert sum(row.blocks for row in table.rows if row.residual) == 25
    assert table.rows[1] == (
        "stage2", 1, (16, 96, 24), 2, (2, 2), (2, 0), False, "depthwise",
    )  # fmt: skip


def test_costs_and_architecture_stand_in_the_docstring(trained: ExportRequest) -> None:
    text = write_source(trained, trained.layers())
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    for part in trained.architecture.text.split(","):
        assert part in docstring
    assert "this network, input 1x8x8, 10 classes, strides 2,1,2: " in docstring
    assert "deployment, input 3x32x32, 20 classes, strides 2,1,2: " in docstring
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
    module: dict[str, object] = {"__name__": "network"}
    exec(compile(file.read_text(), "network.py", "exec"), module)
    assert module["CLASS_NAMES"] == names
    rules = ["--isolated", "--line-length", "100"]
    for command in (["format", "--check"], ["check", "--select", "E,F,W,I,D,UP,B,RUF"]):
        ignore = ["--ignore", "D107,D203,D213,RUF001"] if command[0] == "check" else []
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *rules, *ignore, str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_layers_of_another_form_are_refused(plain: ExportRequest) -> None:
    layers = plain.layers()
    for index, layer in enumerate(layers):
        if isinstance(layer, Activation):
            layers[index] = replace(layer, function="relu")
            break
    with pytest.raises(ExportError, match="stem"):
        write_source(plain, layers)
    renamed = [
        replace(layer, name=layer.name.replace("last", "final"))
        for layer in plain.layers()
        if layer.name.startswith(("input", "stem", "stage1", "head", "classifier"))
    ]
    with pytest.raises(ExportError, match=r"stage1\.0"):
        write_source(plain, renamed)
    with pytest.raises(ExportError):
        write_source(plain, plain.layers()[:5])
