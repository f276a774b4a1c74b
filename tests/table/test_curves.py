"""Learning curves of a table: which columns they are, and what one training shows."""

import gzip
from pathlib import Path

import pytest

from nas.errors import SpaceError
from nas.prove.table import Table
from tests.messages import carries

NAAP = Path(__file__).parents[3] / "shared" / "tables" / "naap440_curves.csv.gz"


def read(tmp_path: Path, text: str, toml: str = "") -> Table:
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.toml").write_text(toml)
    return Table.read(tmp_path / "t.csv")


def one(tmp_path: Path, columns: str, cells: str) -> Table:
    """Return a table of two networks with the choice, the accuracy and these columns."""
    return read(tmp_path, f"a,acc,{columns}\n1,80,{cells}\n2,81,{cells}\n")


@pytest.mark.parametrize(
    "columns",
    [
        "acc_e1,acc_e3,train_loss_e1,train_loss_e3",
        "acc_e01,acc_e03,loss_e01,loss_e03",
        "val_acc_epoch_1,val_acc_epoch_3,training_loss_epoch1,training_loss_epoch3",
        "Accuracy_ep1,Accuracy_ep3,Train_Loss_ep1,Train_Loss_ep3",
        "valid_accuracy_e1,valid_accuracy_e3,loss_train_e1,loss_train_e3",
        "top1_acc_e1,top1_acc_e3,train_loss_e1,train_loss_e3",
        "top1_e1,top1_e3,loss_e1,loss_e3",
    ],
)
def test_curves_are_found_by_name(tmp_path: Path, columns: str) -> None:
    table = one(tmp_path, columns, "40,60,2.5,1.5")
    assert table.epochs == (1, 3)
    assert table.curve(0, 0) == {
        1: {"top1_error": pytest.approx(0.6), "train_loss": 2.5},
        3: {"top1_error": pytest.approx(0.4), "train_loss": 1.5},
    }
    assert len(table.architectures[0].stages) == 1  # no curve is a choice
    assert any(note.startswith("curves: ") for note in table.notes)


@pytest.mark.parametrize("name", ["error_e2", "err_e2", "val_error_e2", "top1_error_e2"])
@pytest.mark.parametrize(("cell", "share"), [("35", 0.35), ("0.35", 0.35)])
def test_errors_are_curves_in_percent_or_shares(
    tmp_path: Path, name: str, cell: str, share: float
) -> None:
    table = one(tmp_path, name, cell)
    assert table.curve(1, 0) == {2: {"top1_error": pytest.approx(share)}}


def test_the_validation_split_is_the_one_that_a_search_sees(tmp_path: Path) -> None:
    columns = "test_acc_e2,val_acc_e2,train_acc_e2,val_loss_e2,loss_e2,train_loss_e2,acc_e0"
    table = one(tmp_path, columns, "1,70,99,1.5,9,1.1,10")
    assert table.curve(0, 0) == {
        2: {"top1_error": pytest.approx(0.3), "loss": 1.5, "train_loss": 1.1}
    }


def test_each_training_has_its_own_curve_in_columns_or_in_rows(tmp_path: Path) -> None:
    columns = read(
        tmp_path,
        "a,acc_s0,acc_s1,acc_s0_e2,acc_s1_e2,acc_s0_e4,acc_s1_e4\n1,80,82,50,52,79,81\n",
    )
    rows = read(tmp_path, "a,seed,acc,acc_e2,acc_e4\n1,0,80,50,79\n1,1,82,52,81\n")
    for table in (columns, rows):
        assert (len(table), table.trainings(0)) == (1, (80, 82))
        for training, (early, late) in enumerate([(0.5, 0.21), (0.48, 0.19)]):
            curve = table.curve(0, training)
            assert [curve[epoch]["top1_error"] for epoch in (2, 4)] == pytest.approx([early, late])


def test_without_a_column_of_accuracies_the_curve_ends_in_them(tmp_path: Path) -> None:
    table = read(tmp_path, "a,error_e1,error_e5\n1,60,20\n2,62,25\n")
    assert [table.trainings(index) for index in range(2)] == [(80,), (75,)]
    assert table.curve(1, 0)[1]["top1_error"] == pytest.approx(0.62)


def test_the_toml_says_which_columns_are_curves(tmp_path: Path) -> None:
    text = "a,acc,A1,A10,L1,L10\n1,80,40,70,3,2\n2,90,50,80,2,1\n"
    table = read(tmp_path, text, '[curves]\naccuracy = "A*"\nloss = "L*"\n')
    assert table.epochs == (1, 10)
    assert table.curve(1, 0)[10] == {"top1_error": pytest.approx(0.2), "loss": 1}
    assert read(tmp_path, text.replace("A1", "acc_e1"), "[curves]\n").epochs == ()


def test_an_empty_cell_is_not_measured_and_no_number_has_diverged(tmp_path: Path) -> None:
    table = read(tmp_path, "a,acc,acc_e1,acc_e2,loss_e1,loss_e2\n1,80,,70,nan,2\n2,80,60,70,3,2\n")
    assert table.curve(0, 0) == {
        1: {"train_loss": float("inf")},
        2: {"top1_error": pytest.approx(0.3), "train_loss": 2},
    }
    assert [table.lacks(index, (1, 2)) for index in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("header", "cells", "toml", "said"),
    [
        ("acc,acc_e1", "80,high", "", "line 2, column acc_e1: 'high'"),
        ("acc,acc_e1", "80,140", "", "column acc_e1: … 140"),
        ("acc,acc_e1", "80,70", "curves = 3", "curves = 3"),
        ("acc,acc_e1", "80,70", '[curves]\nacc = "acc_e*"', "unknown quantity 'acc'"),
        ("acc,acc_e1", "80,70", '[curves]\naccuracy = "ac*"', "no column is called 'ac*'"),
        ("acc,acc_e1", "80,70", '[curves]\naccuracy = "acc_e"', "no column is called 'acc_e'"),
        ("acc_s0,acc_s1,acc_s2,acc_s0_e1,acc_s1_e1", "80,81,82,70,71", "", "of 2 trainings"),
    ],
)
def test_mistakes_in_curves_name_their_place(
    tmp_path: Path, header: str, cells: str, toml: str, said: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        read(tmp_path, f"a,{header}\n1,{cells}\n2,{cells}\n", toml)
    assert carries(str(caught.value), said)


@pytest.mark.skipif(not NAAP.is_file(), reason="the table is not there")
def test_naap_440_needs_no_toml() -> None:
    table = Table.read(NAAP)
    assert (len(table), table.epochs) == (440, tuple(range(1, 91)))
    with gzip.open(NAAP, "rt") as file:
        header, first = (next(file).strip().split(",") for _ in range(2))
    curve = table.curve(0, 0)
    for epoch in (1, 9, 90):
        assert 100 * (1 - curve[epoch]["top1_error"]) == pytest.approx(
            float(first[header.index(f"acc_e{epoch}")])
        )
        assert curve[epoch]["train_loss"] == float(first[header.index(f"loss_e{epoch}")])
    assert not any(table.lacks(index, (10, 30, 90)) for index in range(len(table)))
