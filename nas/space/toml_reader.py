"""TomlReader: read values from a parsed TOML document; errors name the location of the mistake."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from nas.errors import SpaceError
from nas.space.layers import Shape
from nas.suggestion import did_you_mean

MAX_WIDTH = 65_536
_MAX_SIDE = 8_192
_KINDS = {str: "text", int: "an integer", dict: "a table", list: "a list"}


class TomlReader:
    """Reads one parsed document; errors of `fail` name the file."""

    def __init__(self, file: str, document: Mapping[str, Any], text: str) -> None:
        self.file, self.document, self.text = file, document, text

    def fail(self, cause: str, remedy: str) -> NoReturn:
        """Raise the error of this file: `cause` is the mistake, `remedy` the correction."""
        raise SpaceError(f"{self.file}: {cause}.", remedy)

    def only(self, table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
        """Refuse keys of `table` that are not among `keys`."""
        unknown = sorted(set(table) - set(keys))
        if unknown:
            near = did_you_mean(str(unknown[0]), keys)
            self.fail(
                f"{where}: unknown key {quote_value(unknown[0])}", f"{near}Use {', '.join(keys)}."
            )

    def get(self, table: Mapping[str, Any], key: str, kind: type, where: str = "top level") -> Any:
        """Return `table[key]`, which must exist and be of `kind`."""
        value = table.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            found = (
                "is missing" if value is None else f"= {quote_value(value)} is not {_KINDS[kind]}"
            )
            self.fail(f"{where}: {key} {found}", f"Give {key} as {_KINDS[kind]}.")
        return value

    def section(self, key: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
        """Return the table `key` of the document; keys other than `keys` are refused."""
        table: Mapping[str, Any] = self.get(self.document, key, dict)
        self.only(table, keys, key)
        return table

    def optional(self, key: str, kind: type) -> Any:
        """Return `document[key]`, which must be of `kind`; an empty value if it is missing."""
        return self.get(self.document, key, kind) if key in self.document else kind()

    def name(self, table: Mapping[str, Any], where: str) -> str:
        """Return the `name` of `table`, which must be valid in file names and command lines."""
        name: str = self.get(table, "name", str, where)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            self.fail(
                f"{where}: name = {quote_value(name)}",
                "Use up to 64 lower-case letters, digits, '-', '_' and '.'.",
            )
        return name

    def line(self, table: Mapping[str, Any], key: str, where: str) -> str:
        """Return `table[key]` as one line of text."""
        text: str = self.get(table, key, str, where)
        if not text.strip() or not text.isprintable():
            self.fail(f"{where}: {key} = {quote_value(text)}", f"Give {key} as one line of text.")
        return text

    def count(self, table: Mapping[str, Any], key: str, where: str) -> int:
        """Return `table[key]`, an integer of 1 or more."""
        value: int = self.get(table, key, int, where)
        if not 1 <= value <= MAX_WIDTH:
            self.fail(
                f"{where}: {key} = {quote_value(value)}", f"Give an integer from 1 to {MAX_WIDTH}."
            )
        return value

    def stride(self, given: Any, where: str) -> int:
        """Return `given`, which must be 1 or 2."""
        if type(given) is not int or given not in (1, 2):
            self.fail(f"{where}: stride = {quote_value(given)}", "Give stride 1 or 2.")
        return given

    def input(self, text: str) -> Shape:
        """Return the deployment's input size."""
        try:
            return parse_input(text)
        except SpaceError as error:
            self.fail(f"deployment: input = {quote_value(text)}", error.remedy)


def parse_input(text: str) -> Shape:
    """Read an input size such as `3x224x224`: channels, height, width.

    Raises:
        SpaceError: the text is not such a size.
    """
    match = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})x([0-9]{1,4})", text.strip())
    sizes = tuple(map(int, match.groups())) if match else (0,)
    if not match or 0 in sizes or max(sizes) > _MAX_SIDE:
        raise SpaceError(
            f"{quote_value(text)} is not an input size.",
            f"Write channels x height x width, each at most {_MAX_SIDE}: 3x224x224.",
        )
    return Shape(*sizes)


def quote_value(value: object) -> str:
    """Return a value for a message: on one line, shortened if it is long."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a huge number"
    return text if len(text) <= 80 else f"{text[:77]}..."
