"""Columns of learning curves: the quantity, the epoch and the training of each column.

The TOML may give a pattern for each quantity, with `*` for the epoch; otherwise the columns are
recognised by their names, such as `acc_e9`, `val_error_epoch_9`, `train_loss_e9` or `acc_s0_e9`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nas.space import TomlReader, quote_value

QUANTITIES = ("accuracy", "error", "loss", "train_loss")
_NAME = re.compile(
    r"(?P<what>[a-z][a-z0-9_]*?)(_s(?P<seed>[0-9]+))?_(e|ep|epoch)_?(?P<epoch>[0-9]+)"
    r"(_s(?P<late>[0-9]+))?"
)
_WORDS = {"acc": "accuracy", "accuracy": "accuracy", "err": "error", "error": "error",
          "loss": "loss"}  # fmt: skip
_KINDS = ("accuracy", "error", "loss")
_TRAINING = frozenset({"train", "training"})
_SPLITS = ("val", "valid", "validation", "", "test")  # the first one that the table has is used
_FILLERS = frozenset({"top1", "top", "1", "mean", *_SPLITS})


@dataclass(frozen=True)
class CurveColumn:
    """A column with `quantity` after `epoch`, of the training `seed` of its row.

    `seed` is the index of the column of accuracies; None for all trainings of the row.
    """

    column: str
    quantity: str
    epoch: int
    seed: int | None = None


@dataclass(frozen=True)
class _Named:
    """A column with the name of a curve, before its quantity is determined."""

    column: str
    kind: str
    split: str
    trained: bool
    epoch: int
    seed: int | None


def find_curve_columns(columns: Iterable[str]) -> tuple[list[CurveColumn], list[str]]:
    """Return the columns of curves by name, and notes on ambiguous ones.

    Of several splits the validation split is used, as in a search. `loss_e9` is the training loss
    if there is no `train_loss_e9`.
    """
    named = [one for column in columns if (one := _named(column)) is not None and one.epoch]
    losses = [one for one in named if one.kind == "loss"]
    notes, trained = [], [one for one in losses if one.trained]
    if losses and not trained and {one.split for one in losses} == {""}:
        notes = [f"{losses[0].column}, …: training losses, as no column is called train_loss_e…"]
        trained = losses
    measured = [one for one in named if not one.trained and one not in trained]
    chosen = {kind: _one_split([one for one in measured if one.kind == kind]) for kind in _KINDS}
    if chosen["accuracy"]:
        chosen["error"] = []  # redundant
    chosen["train_loss"] = trained
    seeds = sorted({o.seed for group in chosen.values() for o in group if o.seed is not None})
    return [
        CurveColumn(o.column, quantity, o.epoch, None if o.seed is None else seeds.index(o.seed))
        for quantity, group in chosen.items()
        for o in group
    ], notes


def given_curve_columns(reader: TomlReader, columns: Sequence[str]) -> list[CurveColumn]:
    """Return the columns that the section `curves` of the TOML gives.

    Raises:
        SpaceError: it names an unknown quantity, or a pattern that matches no column.
    """
    given = reader.document["curves"]
    if not isinstance(given, dict):
        reader.fail(f"curves = {quote_value(given)}", 'Write [curves] and accuracy = "acc_e*".')
    found = []
    for quantity, patterns in given.items():
        if quantity not in QUANTITIES:
            reader.fail(
                f"curves: unknown quantity {quote_value(quantity)}", f"Use {', '.join(QUANTITIES)}."
            )
        listed = patterns if isinstance(patterns, list) else [patterns]
        for seed, pattern in enumerate(listed):
            own = _matching(pattern, columns) if isinstance(pattern, str) else {}
            if not own:
                reader.fail(
                    f"curves: no column is called {quote_value(pattern)}",
                    'Write the name of the columns with * for the epoch, such as "acc_e*".',
                )
            several = seed if isinstance(patterns, list) else None
            found += [CurveColumn(own[epoch], quantity, epoch, several) for epoch in sorted(own)]
    return found


def _one_split(named: Sequence[_Named]) -> list[_Named]:
    """Return the columns of the split that is used."""
    split = next((each for each in _SPLITS if any(one.split == each for one in named)), None)
    return [one for one in named if one.split == split]


def _named(column: str) -> _Named | None:
    match = _NAME.fullmatch(column.lower().replace("-", "_"))
    if match is None:
        return None
    words = match["what"].split("_")
    kinds = {_WORDS[word] for word in words if word in _WORDS}
    others = {word for word in words if word not in _WORDS}
    trained = bool(others & _TRAINING)
    if words == ["top1"]:
        kinds = {"accuracy"}
    if len(kinds) != 1 or others - _TRAINING - _FILLERS:
        return None
    split = next((each for each in _SPLITS if each and each in others), "")
    split = "val" if split in ("valid", "validation") else split
    seed = match["seed"] or match["late"]
    return _Named(
        column, kinds.pop(), split, trained, int(match["epoch"]), int(seed) if seed else None
    )


def _matching(pattern: str, columns: Sequence[str]) -> dict[int, str]:
    """Return the columns of a pattern by epoch."""
    if pattern.count("*") != 1:
        return {}
    before, after = map(re.escape, pattern.split("*"))
    found = {column: re.fullmatch(f"{before}0*([1-9][0-9]*){after}", column) for column in columns}
    return {int(match[1]): column for column, match in found.items() if match}
