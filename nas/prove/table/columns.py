"""Roles of the columns of a table, such as choices, costs and accuracies.

Roles that the TOML does not give are inferred from the names of the columns and the number of their
values; every inference is reported in a note.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from nas.cost import Cost
from nas.metrics import CLASSIFICATION
from nas.prove.table.curve_columns import CurveColumn, find_curve_columns, given_curve_columns
from nas.space import TomlReader, quote_value
from nas.suggestion import did_you_mean
from nas.units import PREFIXES

Cells: TypeAlias = Mapping[str, Sequence[str]]

ALIASES = {
    "flops": "madds", "madds": "madds", "macs": "madds", "multadds": "madds", "mult_adds": "madds",
    "params": "params", "parameters": "params", "acts": "acts", "activations": "acts",
}  # fmt: skip
_SEEDS = re.compile(r"acc_s[0-9]+")
_BY_NAME = {"time": "train_seconds", "canonical": "canonical", "name": "arch"}
_NO_CHOICE = re.compile(  # names of results of trainings, and of other measurements
    r"(^|_)(acc|accuracy|loss|error|mean|std|rank|epochs?|seeds?|runs?|replicates?|time|seconds"
    r"|hours|latency|energy|memory)(_|$)"
)
_RESERVED = frozenset({*CLASSIFICATION, "train_loss", "seconds", "epoch", "rung", *dir(Cost)})
_MOST_VALUES = 64
_MISSPELLED = 0.7  # similarity to a known key; other unknown keys may belong to other programs
_KEYS = (
    "title", "source", "choices", "costs", "accuracies", "accuracy_unit", "curves", "time",
    "canonical", "name",
)  # fmt: skip


@dataclass(frozen=True)
class CostColumn:
    """One column of costs; `name` is its name in goals and budgets, `factor` scales its values."""

    column: str
    name: str
    factor: Decimal = Decimal(1)


@dataclass(frozen=True)
class Columns:
    """The role of each column.

    `choices` maps a key to its column in each stage. `curves` are the columns of learning curves,
    if there are any. `accuracies` are empty if the last epoch of the curves has them; their `unit`
    is "percent", "share", or None if it must be inferred from the values. `notes` lists the
    inferences.
    """

    choices: Mapping[str, tuple[str, ...]]
    costs: tuple[CostColumn, ...]
    accuracies: tuple[str, ...]
    curves: tuple[CurveColumn, ...]
    time: str | None
    canonical: str | None
    name: str | None
    unit: str | None
    title: str
    source: str
    notes: tuple[str, ...]


def find_columns(reader: TomlReader, cells: Cells) -> Columns:
    """Return the roles of the columns of `cells`: from the TOML, otherwise inferred.

    Raises:
        SpaceError: the TOML names a missing column or gives a column two roles, or the choices or
            accuracies are neither in the TOML nor recognised by the names of the columns.
    """
    return _Finder(reader, cells).find()


def cost_name(column: str) -> str:
    """Return the name of a column of costs in goals and budgets."""
    plain = re.sub(r"[^a-z0-9_]", "_", column.lower())
    name = ALIASES.get(plain, plain)
    return f"{name}_cost" if name in _RESERVED - set(ALIASES.values()) else name


class _Finder:
    """Assigns columns to one role after another; each column has at most one role."""

    def __init__(self, reader: TomlReader, cells: Cells) -> None:
        self._reader, self._cells = reader, cells
        self._roles: dict[str, str] = {}
        self._notes: list[str] = []

    def find(self) -> Columns:
        """Return the columns; an ambiguous column gets the first possible role."""
        self._unknown_keys()
        given = self._reader.document
        choices = self._given_choices() if "choices" in given else None
        accuracies = self._given_list("accuracies")
        curves = self._curves()
        costs = self._given_costs()
        single = {key: self._given_column(key) for key in _BY_NAME}
        accuracies = accuracies or self._find_accuracies(curves)
        self._check_seeds(curves, accuracies)
        if costs is None:
            costs = self._find_costs()
        single = {key: single[key] or self._find(key) for key in _BY_NAME}
        choices = choices or _grouped(self._find_choices())
        self._note_ignored()
        return Columns(
            choices=choices,
            costs=costs,
            accuracies=accuracies,
            curves=curves,
            **single,
            unit=self._unit(),
            title=self._text("title"),
            source=self._text("source"),
            notes=tuple(self._notes),
        )

    def _unknown_keys(self) -> None:
        for key in self._reader.document:
            if key in _KEYS:
                continue
            if near := did_you_mean(key, _KEYS, least=_MISSPELLED):
                self._reader.fail(
                    f"unknown key {quote_value(key)}", f"{near}Use {', '.join(_KEYS)}."
                )
            self._notes.append(f"{self._reader.file}: the key {key} is ignored")

    def _unit(self) -> str | None:
        unit = self._reader.document.get("accuracy_unit")
        if unit not in (None, "percent", "share"):
            self._reader.fail(
                f"accuracy_unit = {quote_value(unit)}",
                'Write "percent" (0 to 100) or "share" (0 to 1).',
            )
        return str(unit) if unit else None

    def _text(self, key: str) -> str:
        given = key in self._reader.document
        return self._reader.line(self._reader.document, key, "top level") if given else ""

    def _take(self, column: Any, role: str) -> str:
        """Give `column` a role.

        Raises:
            SpaceError: the column does not exist, or already has a role.
        """
        if not isinstance(column, str) or column not in self._cells:
            near = did_you_mean(str(column), self._cells)
            self._reader.fail(
                f"{role}: the table has no column {quote_value(column)}",
                f"{near}The columns are {_listed(self._cells)}.",
            )
        if column in self._roles:
            self._reader.fail(
                f"the column {column} is given as {self._roles[column]} and as {role}",
                "Give each column one role.",
            )
        self._roles[column] = role
        return column

    def _given_list(self, key: str) -> tuple[str, ...]:
        given = self._reader.document.get(key, [])
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list):
            self._reader.fail(f"{key} = {quote_value(given)}", f'Write {key} = ["COLUMN", …].')
        return tuple(self._take(column, key) for column in listed)

    def _given_column(self, key: str) -> str | None:
        given = self._reader.document.get(key)
        return None if given is None else self._take(given, key)

    def _given_choices(self) -> Mapping[str, tuple[str, ...]]:
        given = self._reader.document["choices"]
        if not isinstance(given, dict):
            return _grouped(self._given_list("choices"))
        if not all(isinstance(columns, list) for columns in given.values()):
            self._reader.fail("choices", 'Write KEY = ["COLUMN of stage 1", "of stage 2", …].')
        if len({len(columns) for columns in given.values()}) != 1:
            self._reader.fail(
                "choices: the keys have different numbers of stages",
                'Give every key one column for each stage, "" for a stage without it.',
            )
        return {
            key: tuple(column and self._take(column, "choices") for column in columns)
            for key, columns in given.items()
        }

    def _given_costs(self) -> tuple[CostColumn, ...] | None:
        given = self._reader.document.get("costs")
        if given is None:
            return None
        if not isinstance(given, dict):
            return self._named([(column, 1) for column in self._given_list("costs")])
        pairs = []
        for column, unit in given.items():
            if unit not in PREFIXES:
                self._reader.fail(
                    f"costs: {column} = {quote_value(unit)} is not a unit",
                    'Write "" for single units, or "K", "M" or "G".',
                )
            pairs.append((self._take(column, "costs"), PREFIXES[unit]))
        return self._named(pairs)

    def _named(self, columns: Iterable[tuple[str, int]]) -> tuple[CostColumn, ...]:
        found: list[CostColumn] = []
        for column, factor in columns:
            name = cost_name(column)
            while name in {other.name for other in found}:
                name += "_"
            found.append(CostColumn(column, name, Decimal(factor)))
        return tuple(found)

    @property
    def _free(self) -> list[str]:
        return [column for column in self._cells if column not in self._roles]

    def _curves(self) -> tuple[CurveColumn, ...]:
        if "curves" in self._reader.document:
            found = given_curve_columns(self._reader, list(self._cells))
        else:
            found, notes = find_curve_columns(self._free)
            self._notes += notes
            for quantity in dict.fromkeys(each.quantity for each in found):
                own = [each.column for each in found if each.quantity == quantity]
                more = f", {own[1]}, …, {own[-1]}" if len(own) > 1 else ""
                self._notes.append(f"curves: {own[0]}{more} ({quantity.replace('_', ' ')})")
        for each in found:
            self._take(each.column, "curves")
        return tuple(found)

    def _check_seeds(self, curves: Sequence[CurveColumn], accuracies: Sequence[str]) -> None:
        """Refuse curves whose number of trainings differs from that of the accuracies."""
        seeds = {each.seed for each in curves} - {None}
        if seeds and accuracies and len(seeds) != len(accuracies):
            self._reader.fail(
                f"the curves are of {len(seeds)} trainings, but there are {len(accuracies)} "
                "columns of accuracies",
                "Give one curve for each column of accuracies, or one for all, in [curves].",
            )

    def _find_accuracies(self, curves: Sequence[CurveColumn]) -> tuple[str, ...]:
        found = [column for column in self._free if _SEEDS.fullmatch(column.lower())]
        found = found or [column for column in self._free if column.lower() == "acc"]
        if not found and any(each.quantity in ("accuracy", "error") for each in curves):
            self._notes.append("accuracies: those of the last epoch of the curves")
            return ()
        if not found:
            self._reader.fail(
                f"no column of accuracies among {_listed(self._free)}",
                'Write accuracies = ["COLUMN", …] in the TOML, or name them acc_s0, acc_s1, … '
                "(one for each seed) or acc.",
            )
        return self._found("accuracies", found)

    def _find_costs(self) -> tuple[CostColumn, ...]:
        names = [column.lower() for column in self._free]
        found = [
            column
            for column, name in zip(self._free, names, strict=True)
            if name in ALIASES or name.startswith("latency")
        ]
        return self._named((column, 1) for column in self._found("costs", found))

    def _find(self, role: str) -> str | None:
        names = [column for column in self._free if column.lower() == _BY_NAME[role]]
        return self._found(role, names)[0] if names else None

    def _find_choices(self) -> tuple[str, ...]:
        rows = len(next(iter(self._cells.values()), ()))
        most = max(2, min(_MOST_VALUES, rows // 2))
        found = [
            column
            for column in self._free
            if column
            and not _NO_CHOICE.search(column.lower())
            and len(set(self._cells[column])) <= most
        ]
        if not found:
            self._reader.fail(
                "no column of choices",
                'Write choices = ["COLUMN", …] in the TOML: the columns that define a network.',
            )
        return self._found("choices", found)

    def _found(self, what: str, columns: Sequence[str]) -> tuple[str, ...]:
        if columns:
            self._notes.append(f"{what}: {_listed(columns)} (by name and values)")
        return tuple(self._take(column, what) for column in columns)

    def _note_ignored(self) -> None:
        if self._free:
            self._notes.append(
                f"ignored: {_listed(self._free)}; to use one, give it a role in the TOML, such as "
                'costs = ["COLUMN"]'
            )


def _grouped(columns: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return `columns` by key, one column for each stage: k1 k2 e1 e2 are k and e of two stages.

    If the names do not form such a grid, each column is a stage with the one key `choice`.
    """
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        match = re.fullmatch(r"(.*?[^0-9_])_?([0-9]+)", column)
        if not match:
            return {"choice": tuple(columns)}
        found.setdefault(match[1], {})[match[2]] = column
    stages = [tuple(named) for named in found.values()]
    if len(set(stages)) != 1 or sum(map(len, stages)) != len(columns):
        return {"choice": tuple(columns)}
    return {key: tuple(named.values()) for key, named in found.items()}


def _listed(names: Iterable[str], most: int = 24) -> str:
    quoted = [name or '""' for name in names]
    more = len(quoted) - most
    return ", ".join(quoted[:most]) + (f" and {more} more" if more > 0 else "")
