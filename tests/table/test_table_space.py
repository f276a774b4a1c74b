"""Tables of trained networks: budgets, and the questions of the samplers."""

import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ArchitectureError, BudgetError, SpaceError
from nas.feasible.encoding import INACTIVE
from nas.prove.table import Table, TableSpace
from nas.space.architecture import Architecture
from nas.study.trial import Trial, TrialState
from tests import tables
from tests.messages import carrying
from tests.tables import read

SHARED = Path(os.environ.get("NAS_TABLES") or Path(__file__).parents[3] / "shared" / "tables")
MACRO = SHARED / "nas_bench_macro.csv.gz"


@pytest.fixture
def space(table: Table) -> TableSpace:
    return TableSpace(table, [table.ceiling("200K-flops")])


def codes(space: TableSpace, architectures: Any) -> Any:
    return np.array([space.coding.encode(a) for a in architectures])


# budgets and costs


def test_budgets_are_read_in_the_unit_of_their_column(table: Table) -> None:
    assert (table.ceiling("0.2M-flops").cost, table.ceiling("0.2M-macs").limit) == (
        "madds",
        200_000,
    )
    latency = table.ceiling("1.25-latency_ms")
    assert (latency.cost, latency.limit) == ("latency_ms", 125)  # hundredths
    assert table.shown(latency) == "1.25-latency_ms"
    assert table.ceiling(table.shown(table.quantile(0.3))) == table.quantile(0.3)
    inside = TableSpace(table, [latency]).feasible
    expected = [c for c in tables.combinations() if round(0.5 + tables.flops(c) / 1e5, 3) <= 1.25]
    assert len(inside) == len(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("200K", "200K"),
        ("200K-params", "flops, latency_ms"),
        ("1K-flops", "1K-flops … flops"),
    ],
)
def test_budgets_that_cannot_be(table: Table, text: str, said: str) -> None:
    with pytest.raises(BudgetError, match=carrying(said)):
        table.ceiling(text)


def test_median_budget_holds_half_of_the_rows(table: Table) -> None:
    ceiling = table.quantile(0.5)
    within = sum(tables.flops(choice) <= ceiling.limit for choice in tables.combinations())
    assert 72 <= within < 80


def test_own_costs_are_goals_of_trials(table: Table) -> None:
    cost = pickle.loads(pickle.dumps(table.cost(5)))
    trial = Trial(0, table.architectures[5], cost, TrialState.RUNNING, 0)
    goal = table.goal("latency_ms")
    assert goal.known
    assert trial.value(goal.name) == round(
        100 * (0.5 + tables.flops(tables.combinations()[5]) / 1e5)
    )
    assert trial.value("madds") == tables.flops(tables.combinations()[5])
    assert replace(cost, others=()) != cost
    with pytest.raises(AttributeError):
        _ = cost.energy
    with pytest.raises(SpaceError, match="energy"):
        table.goal("energy")


# the questions of the samplers


def test_space_holds_exactly_the_networks_within_the_budget(
    table: Table, space: TableSpace
) -> None:
    fit = {i for i, c in enumerate(tables.combinations()) if tables.flops(c) <= 200_000}
    assert set(space.feasible.tolist()) == fit
    for index, architecture in enumerate(table.architectures):
        assert space.admits(architecture) == (index in fit)
        assert (
            space.used(space.cost(architecture))
            == tables.flops(tables.combinations()[index]) / 200_000
        )
    foreign = Architecture(table.name, ("k", "e"), ((9, 9), (9, 9)))
    assert not space.admits(foreign)
    with pytest.raises(ArchitectureError, match="not a network"):
        space.cost(foreign)
    assert space.cost(space.smallest("madds")).madds == 58_000


def test_samples_are_uniform_and_within_their_band(table: Table, space: TableSpace) -> None:
    rng = np.random.default_rng(0)
    drawn = space.sample_many(rng, 20_000)
    counts = np.bincount([space.index(a) for a in drawn], minlength=len(table))[space.feasible]
    expected = 20_000 / len(space.feasible)
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    assert chi2 < len(space.feasible) + 4 * np.sqrt(2 * len(space.feasible))
    for _ in range(50):
        used = space.used(space.cost(space.sample(rng, low=0.5, high=0.7)))
        assert 0.5 <= used <= 0.7
    assert space.sample(rng, low=0.0, high=0.01) is None
    assert space.sample_many(rng, 5, high=0.01) == []


def test_mutation_changes_one_choice(table: Table, space: TableSpace) -> None:
    rng = np.random.default_rng(1)
    architecture = table.architectures[17]
    seen = {space.mutate(architecture, rng) for _ in range(400)}
    differences = (codes(space, seen) != codes(space, [architecture])).sum(axis=1)
    assert set(differences.tolist()) == {1}
    assert len(seen) == sum(len(values) - 1 for values in tables.VALUES)


def test_mutation_follows_every_spelling_of_a_network(tmp_path: Path) -> None:
    lines = ["canonical,l1,l2,acc"]
    for one in range(3):
        for two in range(3):
            canonical = f"{two}{one}" if one == 0 else f"{one}{two}"
            lines.append(f"c{canonical},{one},{two},{50 + len(set(canonical))}")
    table = read(tmp_path, "\n".join(lines) + "\n", 'choices = ["l1", "l2"]')
    space = TableSpace(table, [])
    rng = np.random.default_rng(0)
    start = table.architectures[table.find(Architecture("t", ("l",), ((0,), (1,))))]
    found = {space.index(space.mutate(start, rng)) for _ in range(300)}
    assert space.index(start) not in found
    assert table.find(Architecture("t", ("l",), ((2,), (1,)))) in found  # from 01
    assert table.find(Architecture("t", ("l",), ((1,), (2,)))) in found  # from 10


def test_mutation_in_a_sparse_table_takes_the_nearest(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,c,acc\n0,0,0,50\n1,1,0,60\n2,2,2,70\n", 'choices = ["a", "b", "c"]')
    space = TableSpace(table, [])
    rng = np.random.default_rng(0)
    assert space.mutate(table.architectures[0], rng) == table.architectures[1]
    alone = read(tmp_path, "a,b,acc\n0,0,50\n", 'choices = ["a", "b"]')
    one = TableSpace(alone, [])
    assert one.mutate(alone.architectures[0], rng) == alone.architectures[0]


def test_conditional_choices_are_reached_by_mutation_and_decoding(tmp_path: Path) -> None:
    lines = ["depth,k1,k2,acc"]
    lines += [f"1,{k1},,{50 + k1}" for k1 in (3, 5)]
    lines += [f"2,{k1},{k2},{60 + k1 + k2}" for k1 in (3, 5) for k2 in (3, 5)]
    table = read(tmp_path, "\n".join(lines), 'choices = ["depth", "k1", "k2"]')
    space = TableSpace(table, [])
    rng = np.random.default_rng(0)
    shallow = table.architectures[0]
    reached = {space.coding.encode(space.mutate(shallow, rng)) for _ in range(200)}
    assert reached == {(0, 1, INACTIVE), (1, 0, 0), (1, 0, 1)}
    assert space.coding.decode((0, 1, 1)) == table.architectures[1]
    assert space.coding.decode((1, INACTIVE, 1)) == table.architectures[3]


def test_codes_that_no_row_has_are_no_member(tmp_path: Path) -> None:
    table = read(tmp_path, "a,b,acc\n1,x,50\n2,y,60\n", 'choices = ["a", "b"]')
    assert TableSpace(table, []).coding.decode((0, 1)) is None


CELLS = st.lists(
    st.tuples(
        st.sampled_from(["0", "1", "2", ""]),
        st.sampled_from(["a-b", "a", "b-c", "c", "A", "_", ""]),
        st.sampled_from(["0.5", "1", "1.25"]),
        st.sampled_from(["-1", "2", "10", ""]),
    ),
    min_size=2,
    max_size=30,
    unique=True,
)


@settings(deadline=None, max_examples=60)
@given(cells=CELLS)
def test_every_row_comes_back_from_its_codes(
    tmp_path_factory: pytest.TempPathFactory, cells: Any
) -> None:
    directory = tmp_path_factory.mktemp("t")
    text = "w,x,y,z,acc\n" + "\n".join(f"{','.join(row)},{50 + i}" for i, row in enumerate(cells))
    table = read(directory, text, 'choices = ["w", "x", "y", "z"]\naccuracies = "acc"')
    coding = TableSpace(table, []).coding
    assert len({a.arch_id for a in table.architectures}) == len(table) == len(cells)
    for index, architecture in enumerate(table.architectures):
        encoded = coding.encode(architecture)
        assert coding.decode(encoded) == architecture
        assert table.find(architecture) == index
        assert all(
            INACTIVE <= c < len(v.values) for c, v in zip(encoded, coding.variables, strict=True)
        )


@pytest.mark.skipif(not MACRO.exists(), reason="no NAS-Bench-Macro in NAS_TABLES or ../shared")
def test_nas_bench_macro_needs_no_toml() -> None:
    table = Table.read(MACRO)
    assert len(table) == 3969
    assert table.columns.choices == {"l": tuple(f"l{n}" for n in range(1, 9))}
    assert table.quantile(0.5).limit == 55_398_912
    space = TableSpace(table, [table.ceiling("55.399M-flops")])
    best = max(space.feasible, key=lambda index: table.accuracy[index])
    assert table.title(best) == "21111200"
    assert table.accuracy[best] == pytest.approx(92.307, abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(cells=CELLS, seed=st.integers(0, 100))
def test_a_mutation_is_a_network_that_one_changed_choice_leads_to(
    tmp_path_factory: pytest.TempPathFactory, cells: Any, seed: int
) -> None:
    """Compared with every network of the table, for every choice and every value."""
    directory = tmp_path_factory.mktemp("t")
    text = "w,x,y,z,acc\n" + "\n".join(f"{','.join(row)},{50 + i}" for i, row in enumerate(cells))
    table = read(directory, text, 'choices = ["w", "x", "y", "z"]\naccuracies = "acc"')
    space = TableSpace(table, [])
    rows = [space.coding.encode(architecture) for architecture in table.architectures]
    rng = np.random.default_rng(seed)
    index = int(rng.integers(len(rows)))
    expected = set()
    for position, values in enumerate(zip(*rows, strict=True)):
        for code in set(values) - {rows[index][position]}:
            moved = (*rows[index][:position], code, *rows[index][position + 1 :])
            expected |= set(compatible(rows, moved)) - {index}
    found = {space.index(space.mutate(table.architectures[index], rng)) for _ in range(60)}
    assert index not in found
    assert not expected or found <= expected


def compatible(rows: Any, codes: Any) -> Any:
    """Return the rows equal to `codes`, else those that agree wherever both have a value."""
    if codes in rows:
        return [rows.index(codes)]
    left = {
        index: sum(INACTIVE in pair for pair in zip(row, codes, strict=True))
        for index, row in enumerate(rows)
        if all(one == two or INACTIVE in (one, two) for one, two in zip(row, codes, strict=True))
    }
    return [index for index, number in left.items() if number == min(left.values())]
