"""Tables of trained networks: columns, cells, merged rows, and the questions of the samplers."""

import gzip
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
from nas.feasible.encoding import DEAD
from nas.prove.table import Table, TableSpace
from nas.space.architecture import Architecture
from nas.study.trial import Trial, TrialState
from tests import tables
from tests.messages import carries, carrying

SHARED = Path(os.environ.get("NAS_TABLES") or Path(__file__).parents[3] / "shared" / "tables")
MACRO = SHARED / "nas_bench_macro.csv.gz"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table.read(tables.write(tmp_path / "toy.csv", tables.rows()))


@pytest.fixture
def space(table: Table) -> TableSpace:
    return TableSpace(table, [table.ceiling("200K-flops")])


def read(tmp_path: Path, text: str, toml: Any = None) -> Any:
    (tmp_path / "t.csv").write_text(text)
    if toml is not None:
        (tmp_path / "t.toml").write_text(toml)
    return Table.read(tmp_path / "t.csv")


def codes(space: TableSpace, architectures: Any) -> Any:
    return np.array([space.coding.encode(a) for a in architectures])


# columns


def test_roles_are_inferred_and_said(table: Table) -> None:
    columns = table.columns
    assert columns.choices == {"k": ("k1", "k2"), "e": ("e1", "e2")}
    assert [(c.column, c.name) for c in columns.costs] == [
        ("flops", "madds"),
        ("latency_ms", "latency_ms"),
    ]
    assert columns.accuracies == ("acc_s0", "acc_s1")
    assert columns.name == "arch"
    said = " | ".join(table.notes)
    for word in ("k1, k2, e1, e2", "flops, latency_ms", "acc_s0, acc_s1", "in percent"):
        assert word in said
    assert len(table) == table.num_rows == 144


def test_toml_says_the_roles_where_it_stands(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "a,b,size,speed,quality,spent\nx,1,2,3,0.5,10\ny,1,3,4,0.75,20\n",
        'title = "toys"\nchoices = ["a", "b"]\naccuracies = "quality"\ntime = "spent"\n'
        '[costs]\nsize = "M"\nspeed = ""\n',
    )
    assert table.columns.title == "toys"
    assert table.accuracy.tolist() == [50, 75]
    assert table.seconds.tolist() == [10, 20]
    assert table.cost(1).size == 3_000_000
    assert table.notes == ("accuracies are shares, 0 to 1",)
    assert table.ceiling("2.5M-size").limit == 2_500_000


def test_choices_may_be_grouped_by_stage(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "p,q,r,acc\nx,1,5,90\ny,2,7,91\n",
        'accuracies = ["acc"]\ncosts = []\n[choices]\nop = ["p", "q"]\nwide = ["", "r"]\n',
    )
    assert table.architectures[1].text == "op=y-2,wide=_-7"
    assert [v.name for v in TableSpace(table, []).coding.variables] == ["1.op", "2.op", "2.wide"]


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    text = "a,b,acc\nx,1,90\ny,2,91\n"
    assert any("dataset" in note for note in read(tmp_path, text, 'dataset = "cifar"').notes)
    with pytest.raises(SpaceError, match="Did you mean canonical"):
        read(tmp_path, text, 'cannonical = "a"')


def test_gzip_reads_the_same(tmp_path: Path, table: Table) -> None:
    plain = (tmp_path / "toy.csv").read_bytes()
    (tmp_path / "more.csv.gz").write_bytes(gzip.compress(plain))
    again = Table.read(tmp_path / "more.csv.gz")
    assert again.name == "more"
    assert again.accuracy.tolist() == table.accuracy.tolist()
    assert again.counts.tolist() == table.counts.tolist()


def test_words_fractions_and_empty_cells(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "op,ratio,kernel,acc\nconv-3x3,0.25,3,80\nconv 3x3,0.5,,81\n_,1.0,5,82\nskip,0.5,,83\n",
        'choices = ["op", "ratio", "kernel"]\n',
    )
    space = TableSpace(table, [])
    by_name = {variable.stage: variable for variable in space.coding.variables}
    assert by_name["1"].values == ("conv_3x3", "conv_3x3_", "__", "skip")
    assert by_name["2"].values == (25, 50, 100)
    assert by_name["2"].ordered
    assert space.coding.encode(table.architectures[1]) == (1, 1, DEAD)
    assert len({a.arch_id for a in table.architectures}) == 4


# rows that are one network


def test_rows_of_one_identity_are_one_network(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "arch,canonical,l1,l2,acc_s0,acc_s1,flops\n"
        "01,10,0,1,80,81,100\n10,10,1,0,80,81,100\n11,11,1,1,90,91,200\n00,00,0,0,70,71,50\n",
    )
    assert len(table) == 3
    assert table.architectures[0].text == "l=1-0"  # the spelling that the identity names
    assert table.trainings(0) == (80, 81)
    other = Architecture(table.name, ("l",), ((0,), (1,)))
    assert table.find(other) == 0


def test_spellings_that_were_trained_apart_share_their_trainings(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "canonical,l1,l2,acc_s0,acc_s1,flops\nA,0,1,80,82,110\nA,1,0,84,,100\nB,1,1,90,91,200\n",
        'choices = ["l1", "l2"]',
    )
    assert table.trainings(0) == (80, 82, 84)
    assert table.accuracy[0] == pytest.approx(82)
    assert table.cost(0).madds == 100
    assert any("different costs" in note for note in table.notes)
    assert any("2 to 3 a network" in note for note in table.notes)


REPLICATES = (
    "width,depth,seed,acc,flops,latency_ms,train_seconds\n"
    "8,1,0,80.1,100,3.5,10\n8,1,1,80.3,100,3.4,14\n8,2,0,81,200,5,20\n16,1,0,82,300,6,30\n"
    "8,1,2,80.1,100,3.6,12\n16,1,1,84,300,6,34\n16,2,0,90,400,8,40\n16,2,1,90,400,8,40\n"
)


def test_rows_of_equal_choices_are_further_seeds_of_one_network(tmp_path: Path) -> None:
    table = read(tmp_path, REPLICATES)
    assert len(table) == 4
    assert table.num_rows == 8
    found = [table.trainings(index) for index in range(4)]
    assert found == [(80.1, 80.3, 80.1), (81,), (82, 84), (90, 90)]  # equal ones are two
    assert table.accuracy[0] == pytest.approx(80.1667, abs=1e-4)
    assert table.seconds is not None
    assert table.seconds.tolist() == [12, 20, 32, 40]
    assert table.unit("latency_ms", table.counts[0][table.position("latency_ms")]) == 3.4
    assert any(carries(note, "4 rows") for note in table.notes)
    assert any("1 to 3 a network" in note for note in table.notes)
    assert any(note.startswith("ignored") and "seed" in note for note in table.notes)


def test_a_row_that_repeats_another_in_every_cell_is_a_copy(tmp_path: Path) -> None:
    table = read(tmp_path, REPLICATES + "8,1,0,80.1,100,3.5,10\n")
    assert table.trainings(0) == (80.1, 80.3, 80.1)
    assert table.num_rows == 8


@given(seeds=st.lists(st.integers(1, 4), min_size=2, max_size=6), draw=st.randoms())
def test_columns_and_rows_of_seeds_are_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int], draw: Any
) -> None:
    folder = tmp_path_factory.mktemp("seeds")
    values = [[round(50 + 50 * draw.random(), 2) for _ in range(n)] for n in seeds]
    wide, long = ["a,acc_s0,acc_s1,acc_s2,acc_s3"], []
    for number, found in enumerate(values):
        wide.append(f"{number}," + ",".join(map(str, [*found, "", "", "", ""][:4])))
        long += [f"{number},{seed},{value}" for seed, value in enumerate(found)]
    draw.shuffle(long)
    toml = 'choices = ["a"]\naccuracy_unit = "percent"\n'
    one = read(folder, "\n".join(wide), toml)
    two = read(folder, "\n".join(["a,seed,acc", *long]), toml)
    spelled = {network.text: index for index, network in enumerate(two.architectures)}
    for index, network in enumerate(one.architectures):
        assert sorted(one.trainings(index)) == sorted(two.trainings(spelled[network.text]))


# mistakes

GOOD = "a,b,acc_s0,acc_s1,flops\n1,x,90,91,10\n2,x,92,93,20\n1,y,80,81,15\n2,y,82,83,25\n"


@pytest.mark.parametrize(
    ("change", "toml", "said"),
    [
        (("92,93,20", "92,9x,20"), None, ["line 3", "acc_s1", "'9x'"]),
        (("92,93,20", "92,93,"), None, ["line 3", "flops", "empty"]),
        (("92,93,20", "92,93,-2"), None, ["line 3", "flops", "'-2'"]),
        (("92,93,20", "92,93,inf"), None, ["line 3", "flops", "'inf'"]),
        (("92,93,20", ",,20"), None, ["line 3", "no accuracy"]),
        (("92,93,20", "0.92,0.93,20"), None, ["line 3", "acc_s0", "0.92", "accuracy_unit"]),
        (("92,93,20", "92,193,20"), None, ["line 3", "acc_s1", "193", "percentage"]),
        (("", ""), 'accuracy_unit = "share"', ["line 2", "90", "not a share"]),
        (("2,x,92,93,20", "1,x,90,91,20"), None, ["lines 2 and 3", "different costs"]),
        (("92,93,20", "92,93"), None, ["line 3", "4 cells", "5"]),
        (("acc_s1,flops", "acc_s0,flops"), None, ["'acc_s0'", "two columns"]),
        (("acc_s0,acc_s1", "first,second"), None, ["no column of accuracies"]),
        (("acc_s0,acc_s1", "accuracy,top1"), None, ['accuracies = ["COLUMN"']),
        (("", ""), 'time = "hours"', ["no column 'hours'", "a, b"]),
        (("", ""), 'costs = ["flop"]', ["'flop'", "Did you mean flops?"]),
        (("", ""), 'choises = ["a"]', ["'choises'", "Did you mean choices?"]),
        (("", ""), 'costs = ["a"]\nchoices = ["a"]', ["a", "one role"]),
        (("", ""), 'accuracy_unit = "points"', ["'points'", "percent"]),
        (("", ""), "[costs]\nflops = 'T'", ["'T'", '"M"']),
        (("", ""), "costs = [", ["t.toml"]),
        (("", ""), "[choices]\nk = ['a']\ne = ['b', '']", ["different numbers of stages"]),
    ],
)
def test_mistakes_name_their_place(
    tmp_path: Path, change: tuple[str, str], toml: str | None, said: list[str]
) -> None:
    with pytest.raises(SpaceError) as caught:
        read(tmp_path, GOOD.replace(*change, 1) if change[0] else GOOD, toml)
    for words in said:
        assert words in str(caught.value)


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"gone\.csv cannot be read"):
        Table.read(tmp_path / "gone.csv")
    with pytest.raises(SpaceError, match="no rows"):
        read(tmp_path, "a,b,acc\n")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:-9])
    with pytest.raises(SpaceError, match="cannot be read"):
        Table.read(tmp_path / "cut.csv.gz")


def test_networks_that_guess_are_no_shares(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "a,acc_s0,acc_s1\n1,1.0,1.0\n2,71.2,70.9\n3,65.0,66.0\n4,0.98,1.0\n",
        'choices = ["a"]',
    )
    assert table.accuracy[[0, 3]].tolist() == [1.0, pytest.approx(0.99)]


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
    assert reached == {(0, 1, DEAD), (1, 0, 0), (1, 0, 1)}
    assert space.coding.decode((0, 1, 1)) == table.architectures[1]
    assert space.coding.decode((1, DEAD, 1)) == table.architectures[3]


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
            DEAD <= c < len(v.values) for c, v in zip(encoded, coding.variables, strict=True)
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
        index: sum(DEAD in pair for pair in zip(row, codes, strict=True))
        for index, row in enumerate(rows)
        if all(one == two or DEAD in (one, two) for one, two in zip(row, codes, strict=True))
    }
    return [index for index, number in left.items() if number == min(left.values())]
