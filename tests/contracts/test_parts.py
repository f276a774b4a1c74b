"""Every registered block kind, sampler and export format keeps the promises of its port."""

from pathlib import Path

import pytest

from nas.exports import FORMATS
from nas.samplers import SAMPLERS
from nas.space import BLOCK_KINDS, SSDLite, builtin_names, load_space
from nas.testing import check_block_kind, check_export_format, check_sampler

SPACES = {load_space(name).kind.name: name for name in builtin_names()}


@pytest.mark.parametrize("name", BLOCK_KINDS.names())
def test_a_block_kind(name: str) -> None:
    check_block_kind(load_space(SPACES[name]), draws=1)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "gp" else name
        for name in SAMPLERS.names()
    ],
)
def test_a_sampler(name: str) -> None:
    # A Gaussian process takes seconds; with ten trials, it models borrowed ones alone.
    check_sampler(name, trials=10 if name == "gp" else 12)


@pytest.mark.parametrize("name", FORMATS.names())
def test_an_export_format(name: str, tmp_path: Path) -> None:
    check_export_format(name, tmp_path / "out", SSDLite() if name == "detections" else None)
