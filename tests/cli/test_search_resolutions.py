"""`nas search --resolutions`: valid values, and refusals before anything is created."""

from pathlib import Path
from typing import Any

import pytest

from nas.workflows import SearchRequest, plan_study
from tests.cli.runner import Shell
from tests.messages import carries

pytestmark = pytest.mark.usefixtures("ray_ahead")

SEARCH = ["search", "--budget", "300M-flops", "--rungs", "2,4,8"]


def spec(**settings: Any) -> Any:
    request = SearchRequest(budgets=("300M-flops",), rungs=(2, 4, 8), **settings)
    return plan_study(request)


def test_resolutions_are_part_of_the_study() -> None:
    for given in ((16, 24), (16, 24, 32)):
        found = spec(task="cifar10", resolutions=given)
        assert (found.resolutions, found.image_size) == ((16, 24), None)
    assert spec(task="cifar10").resolutions == ()


def test_the_last_one_is_the_size_of_images_of_ones_own(tmp_path: Path) -> None:
    found = spec(data=tmp_path, resolutions=(96, 128, 160))
    assert (found.task, found.resolutions, found.image_size) == ("folder", (96, 128), 160)
    assert spec(data=tmp_path, resolutions=(96, 128, 160), image_size=160) == found
    left_out = spec(data=tmp_path, resolutions=(96, 128), image_size=192)
    assert (left_out.resolutions, left_out.image_size) == ((96, 128), 192)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("a,b", "'a,b'"),
        ("", "''"),
        ("4", "1 … 3 rungs"),
        ("4,4,4", "4 … 8x8"),
        ("8,4", "8, 4"),
        ("3,4", "3 … 4 … igcv3 … 1x8x8"),
    ],
)
def test_what_cannot_be_is_refused(nas: Shell, tmp_path: Path, typed: str, said: str) -> None:
    assert carries(nas.refused(*SEARCH, "--task", "digits", "--resolutions", typed), said)
    assert not list(tmp_path.iterdir())
