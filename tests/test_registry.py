"""The registries: names of parts, loading, and errors of broken packages."""

import subprocess
import sys
from pathlib import Path
from typing import TypeGuard

import pytest

from nas.cost import CostModel
from nas.errors import NasError, SpaceError
from nas.feasible import FeasibleSpace
from nas.registry import Registry
from nas.samplers import make_sampler
from nas.space import load_space
from tests.distributions import install

GROUP = "nas.fruits"


def is_text(part: object) -> TypeGuard[str]:
    return isinstance(part, str)


FRUITS = Registry(GROUP, "fruit", is_text, SpaceError)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the module search path."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_part_is_loaded_by_its_name(site: Path) -> None:
    install(site, "orchard", {GROUP: {"pear": "orchard_pear:PEAR", "apple": "orchard_apple:APPLE"}},
            {"orchard_pear": "PEAR = 'green'", "orchard_apple": "APPLE = 'red'"})  # fmt: skip
    assert FRUITS.names() == ("apple", "pear")
    assert FRUITS.load("pear") == "green"
    assert FRUITS.provider("pear") == ("orchard", "1.5")
    assert "orchard_apple" not in sys.modules  # a part that nobody asked for


def test_an_unknown_name_is_refused_with_the_nearest_one(site: Path) -> None:
    install(site, "grove", {GROUP: {"cherry": "grove:CHERRY"}}, {"grove": "raise SystemError"})
    with pytest.raises(SpaceError, match=r"'chery'.*cherry"):
        FRUITS.load("chery")


@pytest.mark.parametrize(
    ("module", "value", "cause"),
    [
        ("import gone_library", "broken_0:PART", "No module named 'gone_library'"),
        ("PART = 1; OTHERS = 2", "broken_1:OTHER", "OTHER"),
        ("PART = 1", "broken_2:PART", "broken_2:PART: the object"),
        ("PART = ", "broken_3:PART", "SyntaxError"),
        ("PART = ''", "no entry point", "no entry point"),
        ("class Named(str):\n    name = 'prune'\nPART = Named()", "broken_4:PART", "'prune'"),
    ],
)
def test_a_package_that_fails_is_named(site: Path, module: str, value: str, cause: str) -> None:
    name = value.partition(":")[0].replace(" ", "_")
    install(site, "rotten-fruit", {GROUP: {"plum": value}}, {name: module})
    assert FRUITS.names() == ("plum",)
    with pytest.raises(SpaceError) as caught:
        FRUITS.load("plum")
    for part in ("'plum'", "rotten-fruit 1.5", value, cause, "pip uninstall rotten-fruit"):
        assert part in str(caught.value)


def test_a_name_of_two_packages_is_refused_only_when_it_is_asked_for(site: Path) -> None:
    both = {"fig": "figs:FIG"}
    install(site, "figs-a", {GROUP: both}, {"figs": "FIG = 'blue'"})
    install(site, "figs-b", {GROUP: {**both, "date": "figs:FIG"}}, {})
    assert FRUITS.load("date") == "blue"
    for ask in (FRUITS.load, FRUITS.provider):
        with pytest.raises(NasError, match=r"'fig': figs-a 1\.5 and figs-b 1\.5.*figs-a or figs-b"):
            ask("fig")


def test_parts_of_this_package_need_no_fresh_installation(site: Path) -> None:
    """Metadata of an older installation are on the path: what the source tree has counts."""
    install(site, "nas", {GROUP: {"medlar": "nas.gone:MEDLAR"}}, {})
    assert FRUITS.names() == ()


def test_a_part_is_found_that_is_installed_during_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FRUITS.names() == ()
    install(tmp_path, "late", {GROUP: {"quince": "late:QUINCE"}}, {"late": "QUINCE = 'yellow'"})
    monkeypatch.syspath_prepend(tmp_path)
    assert FRUITS.load("quince") == "yellow"


def test_a_fault_of_a_part_names_its_package(site: Path) -> None:
    install(site, "sour", {"nas.samplers": {"lemon": "sour:make"}}, {"sour": "def make(one): pass"})
    with pytest.raises(NasError, match=r"'lemon'.*sour 1\.5.*TypeError"):
        make_sampler("lemon", FeasibleSpace(CostModel(load_space("igcv3")), ()), ())
    install(site, "sweet", {"nas.samplers": {"lime": "sweet:make"}}, {})
    (site / "sweet.py").write_text("def make(feasible, goals): return 'no sampler'")
    with pytest.raises(NasError, match="'lime'"):
        make_sampler("lime", FeasibleSpace(CostModel(load_space("igcv3")), ()), ())


def test_the_module_itself_loads_no_metadata() -> None:
    code = "import nas.registry, sys; print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
