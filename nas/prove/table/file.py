"""Read a table of trained networks: a CSV, optionally gzipped, and its TOML.

Cells are converted exactly: costs and fractional choices become integers in units of their last
decimal place, so that a budget of 3.71 ms is as exact as a budget of multiply-adds.
"""

import csv
import gzip
import re
import tomllib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nas.errors import SpaceError
from nas.prove.table.columns import Columns, CostColumn, find_columns
from nas.space import StageValues, TomlReader, Value, quote_value
from nas.text_file import decode_text, read_text

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

EMPTY = "_"
_MOST_DECIMALS = 9
_SHARE = 1.0
_PERCENT = 100.0


@dataclass(frozen=True)
class Curves:
    """The learning curves of a table, by quantity: `top1_error`, `loss` and `train_loss`.

    Each is an array (rows, trainings, epochs); `epochs` has the numbers of the epochs, and errors
    are shares. NaN means not measured, infinity means diverged. A curve without a seed is used for
    all trainings of its row.
    """

    epochs: tuple[int, ...]
    values: Mapping[str, Floats]

    def of(self, row: int, training: int) -> dict[int, dict[str, float]]:
        """Return the measured quantities by epoch of one training."""
        found: dict[int, dict[str, float]] = {epoch: {} for epoch in self.epochs}
        for quantity, values in self.values.items():
            own = values[row, min(training, values.shape[1] - 1)]
            for epoch, value in zip(self.epochs, own.tolist(), strict=True):
                if not np.isnan(value):
                    found[epoch][quantity] = value
        return {epoch: values for epoch, values in found.items() if values}


@dataclass(frozen=True)
class TableRows:
    """The values of the rows of a table, in the order of the file.

    `choices[i]` are the stages of row i, each with one value for each key; `EMPTY` if the cell is
    empty or the stage has no such column. `costs` (rows, columns) are integers in units of 1 /
    `scales`. `accuracies` (rows, trainings) are in percent, NaN for a missing training; `seconds`
    (rows,) are per training. `lines` are line numbers in the file. `curves` is None if the table
    has no learning curves.
    """

    name: str
    columns: Columns
    notes: tuple[str, ...]
    lines: tuple[int, ...]
    choices: tuple[tuple[StageValues, ...], ...]
    costs: Ints
    scales: tuple[int, ...]
    accuracies: Floats
    curves: Curves | None
    seconds: Floats | None
    canonical: tuple[str, ...] | None
    names: tuple[str, ...] | None


def read_table(path: Path, toml: Path | None = None) -> TableRows:
    """Read the table `path` with the TOML of the same stem in the same folder, or `toml`.

    Raises:
        SpaceError: a file is missing or malformed; the message names line and column.
    """
    lines, cells = _read_cells(path)
    default = default_toml(path)
    toml = toml or (default if default.exists() else None)
    reader = _read_toml(toml) if toml else TomlReader(path.name, {}, "")
    columns = find_columns(reader, cells)
    parse = _Parser(path.name, lines, cells)
    choices, choice_notes = parse.choices(columns.choices)
    costs, scales = parse.costs(columns.costs)
    curves = parse.curves(columns) if columns.curves else None
    accuracies, unit_notes = parse.accuracies(columns, curves)
    return TableRows(
        name=default.stem,
        columns=columns,
        notes=(*columns.notes, *choice_notes, *unit_notes),
        lines=lines,
        choices=choices,
        costs=costs,
        scales=scales,
        accuracies=accuracies,
        curves=curves,
        seconds=parse.numbers(columns.time) if columns.time else None,
        canonical=tuple(cells[columns.canonical]) if columns.canonical else None,
        names=tuple(cells[columns.name]) if columns.name else None,
    )


def default_toml(path: Path) -> Path:
    """Return the default path of a table's TOML: `x.toml` for `x.csv` and `x.csv.gz`."""
    return path.with_name(re.sub(r"(\.csv)?(\.gz)?$", "", path.name, flags=re.I) + ".toml")


def _read_toml(path: Path) -> TomlReader:
    text = read_text(path, SpaceError)
    try:
        return TomlReader(path.name, tomllib.loads(text), text)
    except tomllib.TOMLDecodeError as error:
        raise SpaceError(f"{path.name}: {error}.", "Correct the TOML at this place.") from error


def _read_cells(path: Path) -> tuple[tuple[int, ...], dict[str, list[str]]]:
    """Return the line number of each row, and the cells of each column, stripped of blanks."""
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        remedy = "Give a CSV file, gzipped or not."
        why = getattr(error, "strerror", None) or error
        raise SpaceError(f"{path} cannot be read: {why}.", remedy) from error
    text = decode_text(raw, str(path), SpaceError)
    reader = csv.reader(text.splitlines(keepends=True))
    try:
        header = [cell.strip() for cell in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise SpaceError(
            f"{path.name}, line {reader.line_num}: {error}.", "Give a CSV with commas."
        ) from error
    rows = _without_copies(rows)
    _check_shape(path.name, header, rows)
    columns = zip(*(row for _, row in rows), strict=True)
    cells = {
        name: [cell.strip() for cell in cells] for name, cells in zip(header, columns, strict=True)
    }
    return tuple(line for line, _ in rows), cells


def _without_copies(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Return the rows without exact copies, which do not count as further trainings."""
    first: dict[tuple[str, ...], tuple[int, list[str]]] = {}
    for line, row in rows:
        first.setdefault(tuple(cell.strip() for cell in row), (line, row))
    return list(first.values())


def _check_shape(file: str, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> None:
    """Refuse a table without rows, with ragged rows, or with a repeated column name."""
    twice = [name for name in header if header.count(name) > 1]
    if twice:
        raise SpaceError(
            f"{file}: two columns are called {quote_value(twice[0])}.",
            "Give each column a different name.",
        )
    if not rows:
        raise SpaceError(
            f"{file} has no rows.", "Give a header line and one line for each trained network."
        )
    for line, row in rows:
        if len(row) != len(header):
            raise SpaceError(
                f"{file}, line {line} has {len(row)} cells, but the header has {len(header)}.",
                "Give every row one cell for each column, separated by commas.",
            )


class _Parser:
    """Converts the cells of columns to values; its errors name the line and column of the cell."""

    def __init__(
        self, file: str, lines: tuple[int, ...], cells: Mapping[str, Sequence[str]]
    ) -> None:
        self._file, self._lines, self._cells = file, lines, cells

    def fail(self, row: int, column: str, cause: str, remedy: str) -> NoReturn:
        """Raise the error for one cell."""
        raise SpaceError(
            f"{self._file}, line {self._lines[row]}, column {column}: {cause}.", remedy
        )

    def choices(
        self, keys: Mapping[str, Sequence[str]]
    ) -> tuple[tuple[tuple[StageValues, ...], ...], list[str]]:
        """Return the stages of every row, and notes about the values."""
        values: dict[str, list[Value]] = {"": [EMPTY] * len(self._lines)}
        notes = []
        for column in dict.fromkeys(name for names in keys.values() for name in names if name):
            values[column], note = _choice_values(column, self._cells[column])
            notes += note
        stages = [
            list(zip(*(values[names[index]] for names in keys.values()), strict=True))
            for index in range(len(next(iter(keys.values()))))
        ]
        return tuple(zip(*stages, strict=True)), notes

    def costs(self, columns: Sequence[CostColumn]) -> tuple[Ints, tuple[int, ...]]:
        """Return exact integers (rows, columns), and for each column the integer of one unit."""
        found, scales = [], []
        for column in columns:
            exact = [value * column.factor for value in self._decimals(column.column)]
            scale = 10 ** _decimals(exact)
            scales.append(scale)
            found.append([int(value * scale) for value in exact])
        for listed, column in zip(found, columns, strict=True):
            if max(listed) >= 2**62:
                self.fail(listed.index(max(listed)), column.column, "the cost is too large",
                          "Give it in a larger unit.")  # fmt: skip
        counts = np.array(found, dtype=np.int64).reshape(len(columns), len(self._lines)).T
        return counts, tuple(scales)

    def numbers(self, column: str) -> Floats:
        """Return a column of non-negative numbers."""
        return np.array([float(value) for value in self._decimals(column)])

    def curves(self, columns: Columns) -> Curves:
        """Return the learning curves."""
        epochs = tuple(sorted({each.epoch for each in columns.curves}))
        values = {}
        for quantity in dict.fromkeys(each.quantity for each in columns.curves):
            own = [each for each in columns.curves if each.quantity == quantity]
            most = max(each.seed or 0 for each in own)
            found = np.full((len(self._lines), most + 1, len(epochs)), np.nan)
            for each in own:
                found[:, each.seed or 0, epochs.index(each.epoch)] = self._measured(each.column)
            if quantity in ("accuracy", "error"):
                found = self._shares(found, own[0].column, columns.unit)
            name = "top1_error" if quantity in ("accuracy", "error") else quantity
            values[name] = 1 - found if quantity == "accuracy" else found
        return Curves(epochs, values)

    def _measured(self, column: str) -> list[float]:
        """Return a column of measured numbers: NaN for an empty cell, infinity for NaN or inf."""
        found = []
        for row, cell in enumerate(self._cells[column]):
            try:
                value = float(cell or "nan")
            except ValueError:
                self.fail(row, column, f"{quote_value(cell)} is not a number",
                          "Give a number, or leave the cell empty.")  # fmt: skip
            found.append(value if np.isfinite(value) or not cell else np.inf)
        return found

    def _shares(self, found: Floats, column: str, unit: str | None) -> Floats:
        """Return accuracies or errors of curves as shares."""
        finite = found[np.isfinite(found)]
        percent = unit == "percent" or (unit is None and bool((finite > _SHARE).any()))
        most = _PERCENT if percent else _SHARE
        outside = np.isfinite(found) & ((found < 0) | (found > most))
        if outside.any():
            row = int(np.argwhere(outside)[0][0])
            self.fail(row, column, f"the curve has {found[outside][0]:g}, not 0 to {most:g}",
                      "Give percentages or shares.")  # fmt: skip
        return found / most

    def accuracies(self, columns: Columns, curves: Curves | None) -> tuple[Floats, list[str]]:
        """Return accuracies in percent (rows, trainings), and notes about their unit."""
        if not columns.accuracies and curves is not None:
            return self._last_of(curves), []
        found = np.array(
            [
                [float(v) if v is not None else np.nan for v in self._optional(column)]
                for column in columns.accuracies
            ]
        ).T
        for row in np.flatnonzero(np.isnan(found).all(axis=1)):
            self.fail(int(row), columns.accuracies[0], "the network has no accuracy",
                      "Give at least one, or leave the row out.")  # fmt: skip
        share = columns.unit == "share" or (columns.unit is None and np.nanmedian(found) <= _SHARE)
        self._check_unit(found, columns, share)
        notes = [f"accuracies are {'shares, 0 to 1' if share else 'in percent'}"]
        return found * (_PERCENT if share else 1), notes if columns.unit is None else []

    def _last_of(self, curves: Curves) -> Floats:
        """Return the accuracies of the last epoch of the curves, in percent."""
        last: Floats = _PERCENT * (1 - curves.values["top1_error"][:, :, -1])
        last = np.where(np.isinf(last), np.nan, last)
        for row in np.flatnonzero(np.isnan(last).all(axis=1)):
            self.fail(int(row), f"of epoch {curves.epochs[-1]}", "the network has no accuracy",
                      "Give at least one, or leave the row out.")  # fmt: skip
        return last

    def _check_unit(self, found: Floats, columns: Columns, share: bool) -> None:
        """Refuse accuracies outside their unit, and shares among percentages.

        An accuracy of 0.9 % is possible, by guessing among a hundred classes. But 0.923 among
        percentages up to 91 is a share, because 92.3 is in or near their range.
        """
        most = _SHARE if share else _PERCENT
        unit = "a share" if share else "a percentage"
        wrong = found > most
        if not share and columns.unit is None:
            percentages = found[found > _SHARE]
            low, high = float(percentages.min()), (float(percentages.max()) + _PERCENT) / 2
            wrong |= (found <= _SHARE) & (found * 100 >= low) & (found * 100 <= high)
        if wrong.any():
            row, column = (int(place) for place in np.argwhere(wrong)[0])
            self.fail(
                row, columns.accuracies[column], f"{found[row, column]:g} is not {unit} like the "
                "others", 'Give all in one unit, and write accuracy_unit = "percent" or "share" '
                "in the TOML.",
            )  # fmt: skip

    def _decimals(self, column: str) -> list[Decimal]:
        """Return the numbers of a column, which must not have empty cells."""
        found = []
        for row, value in enumerate(self._optional(column)):
            if value is None:
                self.fail(row, column, "the cell is empty", "Give a number.")
            found.append(value)
        return found

    def _optional(self, column: str) -> Iterable[Decimal | None]:
        for row, cell in enumerate(self._cells[column]):
            if not cell:
                yield None
                continue
            value = _decimal(cell)
            if value is None:
                self.fail(row, column, f"{quote_value(cell)} is not a number",
                          "Give a number that is not negative, such as 92.31.")  # fmt: skip
            yield value


def _decimal(cell: str) -> Decimal | None:
    """Return a finite number of 0 or more; None if the cell has none."""
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return None
    return value if value.is_finite() and value >= 0 else None


def _decimals(values: Iterable[Decimal]) -> int:
    """Return the number of decimal places that the values need, at most nine."""
    places = [exponent for v in values if isinstance(exponent := _exponent(v), int)]
    return min(_MOST_DECIMALS, max((-place for place in places), default=0))


def _exponent(value: Decimal) -> Any:
    return min(0, int(value.normalize().as_tuple().exponent))


def _choice_values(column: str, cells: Sequence[str]) -> tuple[list[Value], list[str]]:
    """Return the values of a column of choices: integers, scaled decimals, or words."""
    given = dict.fromkeys(cell for cell in cells if cell)
    values: dict[str, Value] = {"": EMPTY}
    notes = []
    if all(re.fullmatch(r"0|-?[1-9][0-9]{0,8}", cell) for cell in given):
        values |= {cell: int(cell) for cell in given}
    elif all(re.fullmatch(r"[0-9]{1,9}\.[0-9]{0,9}|[0-9]{1,9}", cell) for cell in given) and any(
        "." in cell for cell in given
    ):
        places = _decimals(map(Decimal, given))
        values |= {cell: int(Decimal(cell) * 10**places) for cell in given}
        notes = [f"{column} is in units of {Decimal(1).scaleb(-places):f}"] * bool(places)
    else:
        values |= _words(given)
    return [values[cell] for cell in cells], notes


def _words(given: Iterable[str]) -> dict[str, Value]:
    """Return for each cell a distinct word that is valid in the text form of an architecture."""
    found: dict[str, Value] = {}
    for cell in given:
        word = re.sub(r"[^A-Za-z0-9_.+]", "_", cell)
        while word == EMPTY or word in found.values():
            word += "_"
        found[cell] = word
    return found
