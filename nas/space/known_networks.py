"""Read the published and the variant entries of a space file.

A published entry is a member of the space, and studies train it as a reference. A variant is any
other network of the family with known counts: its widths need not be among the choices, and it may
have another stem, head, input and number of classes. It can be counted and exported, but studies do
not train it as a reference.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nas.errors import ArchitectureError, SpaceError
from nas.space.architecture import from_columns
from nas.space.layers import Shape
from nas.space.search_space import Published, SearchSpace
from nas.space.toml_reader import TomlReader, parse_input, quote_value

_WORDS = ("name", "title", "published", "counted")
_OWN = ("stem", "head", "input", "classes")


def read_entries(reader: TomlReader, space: SearchSpace, section: str) -> tuple[Published, ...]:
    """Return the entries of `section`: `published` or `variant`.

    Raises:
        SpaceError: an entry is malformed, cannot be built, or occurs twice.
    """
    entries: list[Published] = []
    for table in reader.optional(section, list):
        if not isinstance(table, dict):
            reader.fail(
                f"{section}: {quote_value(table)} is not a table", f"Begin it with [[{section}]]."
            )
        entry = _entry(reader, space, section, table)
        if entry.name in [other.name for other in entries]:
            reader.fail(f"{section} {entry.name} occurs twice", "Give each entry a different name.")
        entries.append(entry)
    return tuple(entries)


def _entry(
    reader: TomlReader, space: SearchSpace, section: str, table: Mapping[str, Any]
) -> Published:
    name = reader.name(table, section)
    where = f"{section} {name}"
    own = _OWN if section == "variant" else ()
    reader.only(table, (*_WORDS, *own, *space.keys), where)
    of = _with_stem_and_head(reader, space, table, where) if own else space
    classes = reader.count(table, "classes", where) if "classes" in table else space.classes
    columns = {key: _column(reader, space, where, table, key) for key in space.keys}
    architecture = from_columns(columns, space.name, space.keys, len(space.stages))
    try:
        checked = of.assemble(architecture) if own else of.check(architecture)
    except ArchitectureError as error:
        raise SpaceError(
            f"{reader.file}: {where}: {error.cause}", "Widen the choices, or correct the entry."
        ) from error
    return Published(
        name,
        reader.line(table, "title", where) if "title" in table else name,
        checked,
        _numbers(reader, where, table, "published"),
        _numbers(reader, where, table, "counted"),
        of,
        _input(reader, table, where) if "input" in table else space.deployment,
        classes,
    )


def _with_stem_and_head(
    reader: TomlReader, space: SearchSpace, table: Mapping[str, Any], where: str
) -> SearchSpace:
    """Return the space with the stem and the head of one variant."""
    changes: dict[str, Any] = {}
    if "stem" in table:
        changes["stem_width"] = reader.count(table, "stem", where)
    if "head" in table:
        changes["head_width"] = reader.count(table, "head", where)
    return replace(space, **changes) if changes else space


def _input(reader: TomlReader, table: Mapping[str, Any], where: str) -> Shape:
    text = reader.get(table, "input", str, where)
    try:
        return parse_input(text)
    except SpaceError as error:
        reader.fail(f"{where}: input = {quote_value(text)}", error.remedy)


def _column(
    reader: TomlReader, space: SearchSpace, where: str, table: Mapping[str, Any], key: str
) -> list[Any]:
    given: Any = table.get(key)
    column: list[Any] = given if isinstance(given, list) else [given] * len(space.stages)
    if given is None or len(column) != len(space.stages):
        reader.fail(
            f"{where}: {key} " + ("is missing" if given is None else f"= {quote_value(given)}"),
            f"Give one value, or a list of {len(space.stages)}.",
        )
    rule = space.rules[key]
    for value in column:
        if not rule.allows(value):
            reader.fail(f"{where}: {key} = {quote_value(value)}", f"Give {rule.expected}.")
    return column


def _numbers(reader: TomlReader, where: str, table: Mapping[str, Any], key: str) -> dict[str, Any]:
    numbers = reader.get(table, key, dict, where) if key in table else {}
    for name, value in numbers.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (isinstance(value, str) or (number and math.isfinite(value))):
            reader.fail(f"{where}: {name} = {quote_value(value)}", "Give a number or a text.")
    return dict(numbers)
