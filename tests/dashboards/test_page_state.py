"""The address of a page: every view has one, and it leads back to the same view."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.dashboards.page_state import MOST_COMPARED, MOST_OVERLAID, THEMES, PageState
from nas.figures import ProgressBy, ProgressOf
from nas.results import PointGroup

_WORDS = st.text(min_size=1, max_size=8)
_NUMBERS = st.integers(min_value=0, max_value=99_999)
_NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
_ENDS = st.floats(-1e12, 1e12).map(lambda value: float(f"{value:.6g}"))


def _box(ends: list[float]) -> tuple[float, ...]:
    return (min(ends[:2]), max(ends[:2]), min(ends[2:]), max(ends[2:]))


_STATES = st.builds(
    PageState,
    study=_NAMES,
    trial=st.none() | _NUMBERS,
    x=st.none() | _WORDS,
    y=st.none() | _WORDS,
    log_x=st.booleans(),
    log_y=st.booleans(),
    colour=st.none() | _WORDS,
    hidden=st.lists(st.sampled_from([group.value for group in PointGroup]), unique=True).map(tuple),
    under=st.none() | st.floats(min_value=1e-6, max_value=1e12).map(lambda v: float(f"{v:.12g}")),
    compared=st.lists(_NUMBERS, unique=True, max_size=MOST_COMPARED).map(tuple),
    others=st.lists(_NAMES, unique=True, max_size=MOST_OVERLAID).map(tuple),
    top=st.none() | st.integers(1, 99).map(float),
    box=st.none() | st.lists(_ENDS, min_size=4, max_size=4).map(_box),
    along=st.none() | _WORDS,
    shows=st.sampled_from([each.value for each in ProgressOf]),
    against=st.sampled_from([each.value for each in ProgressBy]),
    theme=st.none() | st.sampled_from(THEMES),
)


@given(_STATES)
def test_an_address_leads_back_to_its_view(state: PageState) -> None:
    assert PageState.of(state.path, state.search) == state


@pytest.mark.parametrize(
    "search",
    [
        "?under=x",
        "?under=-1",
        "?under=inf",
        "?compare=a",
        "?hide=none",
        "?log_x=2",
        "?unknown=1",
        "?top=100",
        "?top=0",
        "?box=1,2,3",
        "?box=2,1,3,4",
        "?box=0,1,0,nan",
        "?with=,",
        "?shows=worst",
        "?against=money",
        "?theme=blue",
    ],
)
def test_unknown_parameters_are_ignored(search: str) -> None:
    assert PageState.of("/study/a", search) == PageState(study="a")


def test_the_list_of_studies_keeps_the_theme_alone() -> None:
    state = PageState.of("/", "?theme=dark&x=params")
    assert state.address == "/?theme=dark"


@pytest.mark.parametrize("path", ["/study", "/study/a/trial", "/study/a/trial/-1", "/a/b/c/d"])
def test_a_path_that_names_no_page_is_kept_for_the_message(path: str) -> None:
    assert PageState.of(path, "").wrong == path


def test_the_fifth_compared_trial_is_left_out() -> None:
    search = "?" + "&".join(f"compare={number}" for number in range(5))
    found: Any = PageState.of("/study/a", search).compared
    assert found == (0, 1, 2, 3)
