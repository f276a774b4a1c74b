"""Small networks to export."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from nas.exports.request import ExportRequest
from nas.space.file import read_space
from nas.space.search_space import SearchSpace
from tests.exports.small_networks import SMALL, SMALL_ARCHITECTURE, make_trained


@pytest.fixture(scope="session")
def small() -> SearchSpace:
    return read_space(SMALL, "small.toml")


@pytest.fixture
def plain(small: SearchSpace) -> ExportRequest:
    """An architecture without weights, at its deployment input."""
    architecture = small.parse(SMALL_ARCHITECTURE)
    return ExportRequest(
        "plain",
        small,
        architecture,
        small.deployment,
        20,
        deployment=small.deployment,
        deployment_classes=20,
    )


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
