"""Small networks to export."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import onnx
import pytest
import torch
from safetensors.torch import save
from small_networks import SMALL, SMALL_ARCHITECTURE, make_trained
from torch import nn

from nas.export import onnx_file
from nas.export.request import ExportRequest
from nas.space import SearchSpace
from nas.space_file import read_space


@pytest.fixture(scope="session", autouse=True)
def convert_once() -> Iterator[None]:
    """Convert equal networks once for all tests: PyTorch's exporter takes seconds for each."""
    convert, known = onnx_file.convert, dict[bytes, onnx.ModelProto]()

    def convert_or_recall(network: nn.Module, shape: torch.Size) -> onnx.ModelProto:
        weights = {key: value.contiguous() for key, value in network.state_dict().items()}
        key = save(weights) + str(network).encode() + str(shape).encode()
        if key not in known:
            known[key] = convert(network, shape)
        return copy.deepcopy(known[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_file, "convert", convert_or_recall)
        yield


@pytest.fixture(scope="session")
def small() -> SearchSpace:
    return read_space(SMALL, "small.toml")


@pytest.fixture
def plain(small: SearchSpace) -> ExportRequest:
    """An architecture without weights, at its deployment input."""
    architecture = small.parse(SMALL_ARCHITECTURE)
    return ExportRequest("plain", small, architecture, small.deployment, 20, small.deployment, 20)


@pytest.fixture
def trained(small: SearchSpace, tmp_path: Path) -> ExportRequest:
    """A network with weights in a file, at the input of its task."""
    return make_trained(small, SMALL_ARCHITECTURE, tmp_path / "given.safetensors")


@pytest.fixture
def listing() -> Callable[[Path], list[str]]:
    """Return every name in a directory, hidden ones too."""
    return lambda directory: sorted(path.name for path in directory.iterdir())


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread, here as in the fresh process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
