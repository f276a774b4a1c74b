"""The ONNX file in the oldest runtimes that the guide names: PyTorch's answer, in every family.

The runtimes are installed once into pytest's cache folder; without a package index the tests are
skipped.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.exports.onnx_file import convert
from nas.exports.weights import settle_statistics
from nas.space.file import builtin_names, load_space
from nas.space.layers import Shape
from nas.space.lowering import lower
from nas.training.network.module import build
from tests.exports.small_networks import randomise

ROOT = Path(__file__).parents[2]
PINS = Path(__file__).with_name("older_runtimes.txt")
RUN = {
    "onnxruntime": """
import onnxruntime
def read(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"images": images})[0]
version = onnxruntime.__version__
""",
    "opencv-python-headless": """
import cv2
def read(path):
    network = cv2.dnn.readNetFromONNX(path)
    def run(images):
        network.setInput(images)
        return network.forward().copy()
    return run
version = cv2.__version__
""",
}
COMPARE = """
import json, sys
import numpy as np
errors = {}
for path in sys.argv[1:]:
    case, run = np.load(path + ".npz"), read(path)
    logits = case["logits"]
    found = [run(case["images"][:batch]) for batch in (3, 1, 2)]  # more than the first works
    assert [each.shape for each in found] == [logits[:len(each)].shape for each in found], path
    worst = max(float(np.abs(each - logits[:len(each)]).max()) for each in found)
    errors[path] = worst / float(np.abs(logits).max())
print(json.dumps([version, errors]))
"""


@pytest.fixture(scope="session")
def older(pytestconfig: pytest.Config) -> Path:
    """A folder with the packages of `older_runtimes.txt`."""
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir("older-runtimes") / "-".join(pins().values())
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest's processes share the folder: one installs
        if not folder.is_dir():
            part = folder.with_name(folder.name + ".part")
            shutil.rmtree(part, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
            words = [*pip, "--target", str(part), "-r", str(PINS)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"the older runtimes cannot be installed: {done.stderr[-200:]}")
            part.rename(folder)
    return folder


def pins() -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)$", PINS.read_text(), re.MULTILINE))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A network of each family as ONNX file, and what PyTorch says of three images."""
    folder, paths = tmp_path_factory.mktemp("families"), []
    for name, shape in zip(
        builtin_names(), [Shape(3, 32, 32), Shape(1, 8, 8), Shape(3, 20, 28)] * 4, strict=False
    ):
        space = load_space(name)
        known = (*space.published, *space.variants)[0]
        layers = lower(known.space, known.architecture, shape, 7)
        network = build(layers, torch.Generator().manual_seed(0))
        randomise(network)
        settle_statistics(network, shape, seed=0)
        images = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            logits = network.eval()(images)
        path = folder / f"{name}.onnx"
        path.write_bytes(convert(network, layers, 17).SerializeToString())
        np.savez(f"{path}.npz", images=images.numpy(), logits=logits.numpy())
        paths.append(path)
    return paths


@pytest.mark.parametrize("runtime", RUN)
def test_every_family_gets_the_answer_of_pytorch(
    runtime: str, older: Path, exported: list[Path]
) -> None:
    version, errors = json.loads(run(RUN[runtime] + COMPARE, older, exported[0].parent, *exported))
    assert pins()[runtime].startswith(version)
    assert set(errors) == set(map(str, exported))
    assert max(errors.values()) < 1e-4, errors


def run(code: str, older: Path, folder: Path, *words: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(older), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_opencv_reads_a_file_as_the_guide_says(older: Path, exported: list[Path]) -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    (snippet,) = re.findall(r"```python\n(import cv2\n.*?)```", guide, re.DOTALL)
    path = exported[0]
    code = (
        f"import numpy as np\ncase = np.load({str(path) + '.npz'!r})\nimages = case['images']\n"
        + snippet.replace("network.onnx", path.name)
        + "print(float(np.abs(logits - case['logits']).max() / np.abs(case['logits']).max()))"
    )
    assert float(run(code, older, path.parent)) < 1e-4


def test_the_guide_names_the_runtimes_that_are_tested() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    for name, package in (("onnxruntime", "onnxruntime"), ("OpenCV", "opencv-python-headless")):
        version = ".".join(pins()[package].split(".")[:2])
        assert f"{name} {version}" in " ".join(guide.split())
    readme = (ROOT / "README.md").read_text()
    assert "onnxruntime " + pins()["onnxruntime"].removesuffix(".0") in readme
