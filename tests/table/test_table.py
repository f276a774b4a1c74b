"""Tables of trained networks: columns, cells, merged rows, and mistakes."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import SpaceError
from nas.feasible.encoding import INACTIVE
from nas.prove.table import Table, TableSpace
from nas.space.architecture import Architecture
from tests.messages import carries
from tests.tables import read

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
    assert space.coding.encode(table.architectures[1]) == (1, 1, INACTIVE)
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
    assert any(carries(note, "2 … 3") for note in table.notes)


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
    assert any(carries(note, "1 … 3") for note in table.notes)
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
