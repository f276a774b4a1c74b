"""The example of a block kind, a sampler and a format in docs/plugins.md, and their checks."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.space import load_space
from nas.testing import check_block_kind, check_export_format, check_sampler
from tests.distributions import install

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")
CODE, ENTRIES, SPACE, CHECKS = re.findall(
    r"```(?:python|toml)\n(.*?)```", PAGE[: PAGE.index("## Tasks")], re.DOTALL
)
FAULTS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "another width": (
        'net.conv("pointwise", width,', 'net.conv("pointwise", 2 * width,', lambda place: block()
    ),
    "a stride left out": ("kernel=3, stride=stride", "kernel=3, stride=1", lambda place: block()),
    "no canonical form": (
        "return dict(choices)",
        'return {**choices, "groups": 4 // choices["groups"]}',
        lambda place: block(),
    ),
    "a sampler with a state": (
        "drawn = self.feasible.sample_many(rng, 2)",
        "import random; drawn = self.feasible.sample_many(rng, random.randint(1, 9))",
        lambda place: check_sampler("cheapest"),
    ),
    "belief without a measurement": (
        "return {}", "return {3: 0.1}", lambda place: check_sampler("cheapest")
    ),
    "a file that it does not name": (
        "return Written((path,))",
        '(directory / "more").touch(); return Written((path,))',
        lambda place: check_export_format("layers", place / "out"),
    ),
}  # fmt: skip


def block() -> None:
    check_block_kind(load_space("small.toml"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What installs the package of the page with its code as given, each under its own name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SPACE)

    def made(code: str) -> None:
        module = f"nas_small_{abs(hash(code))}"
        groups = tomllib.loads(ENTRIES.replace("nas_small:", f"{module}:"))["project"]
        site = tmp_path / "site"
        site.mkdir()
        install(site, "nas-small", groups["entry-points"], {module: code})
        monkeypatch.syspath_prepend(site)

    return made


def test_the_parts_of_the_page_pass_the_checks_of_the_page(package: Callable[[str], None]) -> None:
    package(CODE)
    exec(CHECKS, {})
    assert Path("out", "layers.txt").read_text().startswith("input")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_part_fails_its_check(
    package: Callable[[str], None], tmp_path: Path, fault: str
) -> None:
    right, wrong, check = FAULTS[fault]
    assert right in CODE
    package(CODE.replace(right, wrong))
    with pytest.raises(AssertionError):
        check(tmp_path)
