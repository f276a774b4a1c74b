"""Read a space file: TOML in, a checked SearchSpace out, every mistake with its place.

A list is a choice, a single value is fixed. Errors name the file, the stage, the key and the value.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from nas.architecture import Value, from_columns, show
from nas.blocks import BLOCK_KINDS, BlockKind
from nas.blocks.base import ChoiceRule, is_count, is_count_or_zero
from nas.errors import ArchitectureError, SpaceError
from nas.layers import Shape
from nas.reachable import dead_value
from nas.space import Choice, Published, SearchSpace, Stage

_MAX_STAGES = 32
_MAX_DEPTH = 64
_MAX_WIDTH = 65_536
_MAX_SIDE = 8_192
_MAX_VALUES = 128
_MAX_COMBINATIONS = 20_000
_SECTIONS = (
    "schema", "name", "block", "title", "deployment", "stem", "head", "adaptation", "choices",
    "stage", "published",
)  # fmt: skip
_KINDS = {str: "text", int: "an integer", dict: "a table", list: "a list"}
_COMMON: dict[str, ChoiceRule] = {
    "depth": ChoiceRule(
        "blocks in the stage",
        lambda value: is_count_or_zero(value) and int(value) <= _MAX_DEPTH,
        f"an integer from 0 to {_MAX_DEPTH}",
    ),
    "width": ChoiceRule(
        "output channels",
        lambda value: is_count(value) and int(value) <= _MAX_WIDTH,
        f"an integer from 1 to {_MAX_WIDTH}",
    ),
}


def builtin_names() -> list[str]:
    """Return the names of the spaces that ship with the package."""
    files = resources.files("search_spaces").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".toml"))


def load_space(name_or_path: str) -> SearchSpace:
    """Return the built-in space of that name, or the one in that TOML file.

    Raises:
        SpaceError: there is no such space, or its file is malformed or can never work.
    """
    if name_or_path in builtin_names():
        file = resources.files("search_spaces") / f"{name_or_path}.toml"
        return read_space(file.read_text(encoding="utf-8"), f"{name_or_path}.toml")
    path = Path(name_or_path)
    try:
        if path.suffix != ".toml" or not path.is_file():
            raise SpaceError(
                f"there is no space {name_or_path!r}.",
                f"Write one of {', '.join(builtin_names())}, or the path of a .toml file.",
            )
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise SpaceError(f"{path} cannot be read: {error}.", "Give a UTF-8 text file.") from error
    return read_space(text, path.name)


def read_space(text: str, file: str) -> SearchSpace:
    """Return the space written in `text`; `file` names it in messages.

    Raises:
        SpaceError: the text is no TOML, or its content is malformed or can never work.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers and nesting beyond all measure
        raise SpaceError(f"{file} is not valid TOML: {error}.", "Mend that line.") from error
    return _Reader(file, document, text).read()


def parse_input(text: str) -> Shape:
    """Read an input size such as `3x224x224`: channels, height, width.

    Raises:
        SpaceError: the text is no such size.
    """
    match = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})x([0-9]{1,4})", text.strip())
    sizes = tuple(map(int, match.groups())) if match else (0,)
    if not match or 0 in sizes or max(sizes) > _MAX_SIDE:
        raise SpaceError(
            f"{_shown(text)} is no input size.",
            f"Write channels x height x width, {_MAX_SIDE} at most each: 3x224x224.",
        )
    return Shape(*sizes)


class _Reader:
    """Turns one parsed document into a space; `self.fail` knows the file."""

    def __init__(self, file: str, document: Mapping[str, Any], text: str) -> None:
        self.file, self.document, self.text = file, document, text

    def read(self) -> SearchSpace:
        self.only(self.document, _SECTIONS, "top level")
        schema = self.get(self.document, "schema", int)
        if schema != 1:
            self.fail(f"schema = {_shown(schema)}", "This version reads schema = 1.")
        kind = self.block_kind()
        deployment = self.section("deployment", ("input", "classes"))
        stem = self.section("stem", ("width", "stride"))
        head = self.section("head", ("width",))
        stem_stride = self.stride(stem.get("stride"), "stem")
        stages = self.stages(kind)
        space = SearchSpace(
            name=self.name(self.document, "top level"),
            title=self.line(self.document, "title", "top level"),
            kind=kind,
            deployment=self.input(self.get(deployment, "input", str, "deployment")),
            classes=self.count(deployment, "classes", "deployment"),
            stem_width=self.count(stem, "width", "stem"),
            stem_stride=stem_stride,
            head_width=self.count(head, "width", "head"),
            drop_strides=self.drop_strides(stem_stride, stages),
            stages=stages,
            published=(),
            source=self.text,
        )
        self.check_values(space)
        return replace(space, published=self.published(space))

    def fail(self, cause: str, remedy: str) -> NoReturn:
        raise SpaceError(f"{self.file}: {cause}.", remedy)

    def only(self, table: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
        unknown = sorted(set(table) - set(keys))
        if unknown:
            self.fail(f"{where}: unknown key {_shown(unknown[0])}", f"Use {', '.join(keys)}.")

    def get(self, table: Mapping[str, Any], key: str, kind: type, where: str = "top level") -> Any:
        value = table.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            found = "is missing" if value is None else f"= {_shown(value)} is not {_KINDS[kind]}"
            self.fail(f"{where}: {key} {found}", f"Give {key} as {_KINDS[kind]}.")
        return value

    def section(self, key: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self.get(self.document, key, dict)
        self.only(table, keys, key)
        return table

    def optional(self, key: str, kind: type) -> Any:
        return self.get(self.document, key, kind) if key in self.document else kind()

    def name(self, table: Mapping[str, Any], where: str) -> str:
        name: str = self.get(table, "name", str, where)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            self.fail(
                f"{where}: name = {_shown(name)}",
                "Use up to 64 lower-case letters, digits, '-', '_' and '.'.",
            )
        return name

    def line(self, table: Mapping[str, Any], key: str, where: str) -> str:
        text: str = self.get(table, key, str, where)
        if not text.strip() or not text.isprintable():
            self.fail(f"{where}: {key} = {_shown(text)}", f"Give {key} as one line of text.")
        return text

    def count(self, table: Mapping[str, Any], key: str, where: str) -> int:
        value: int = self.get(table, key, int, where)
        if not 1 <= value <= _MAX_WIDTH:
            self.fail(
                f"{where}: {key} = {_shown(value)}", f"Give an integer from 1 to {_MAX_WIDTH}."
            )
        return value

    def stride(self, given: Any, where: str) -> int:
        if type(given) is not int or given not in (1, 2):
            self.fail(f"{where}: stride = {_shown(given)}", "Give stride 1 or 2.")
        return given

    def input(self, text: str) -> Shape:
        try:
            return parse_input(text)
        except SpaceError as error:
            self.fail(f"deployment: input = {_shown(text)}", error.remedy)

    def block_kind(self) -> BlockKind:
        name = self.get(self.document, "block", str)
        if name not in BLOCK_KINDS:
            self.fail(f"block = {_shown(name)} is unknown", f"Use one of {', '.join(BLOCK_KINDS)}.")
        return BLOCK_KINDS[name]

    def stages(self, kind: BlockKind) -> tuple[Stage, ...]:
        tables = self.get(self.document, "stage", list)
        if not 1 <= len(tables) <= _MAX_STAGES:
            self.fail(f"{len(tables)} stages", f"Give 1 to {_MAX_STAGES} [[stage]] tables.")
        rules = {**_COMMON, **kind.rules}
        shared = self.optional("choices", dict)
        self.only(shared, rules, "choices")
        stages = tuple(self.stage(rules, shared, table, i) for i, table in enumerate(tables))
        names = [stage.name for stage in stages]
        for name in names:
            if names.count(name) > 1:
                self.fail(f"two stages have the name {name!r}", "Give each a name of its own.")
        return stages

    def stage(
        self, rules: Mapping[str, ChoiceRule], shared: Mapping[str, Any], table: Any, index: int
    ) -> Stage:
        name = f"stage{index + 1}"
        if not isinstance(table, dict):
            self.fail(f"stage {name}: {_shown(table)} is no table", "Begin it with [[stage]].")
        if "name" in table:
            name = self.stage_name(table["name"], name)
        where = f"stage {name}"
        self.only(table, ("name", "stride", *rules), where)
        stride = self.stride(table.get("stride", 1), where)
        choices = tuple(
            Choice(key, self.values(where, key, rule, table.get(key, shared.get(key))))
            for key, rule in rules.items()
        )
        stage = Stage(name, stride, choices)
        if stride > 1 and 0 in stage.values("depth"):
            self.fail(
                f"{where}: depth = 0 would lose its stride {stride}",
                "Let the depth of a stage with a stride start at 1.",
            )
        combinations = math.prod(len(c.values) for c in choices if c.key != "depth")
        if combinations > _MAX_COMBINATIONS:
            self.fail(
                f"{where}: {combinations:,} combinations of its values, depth aside, are too many",
                f"List fewer values: {_MAX_COMBINATIONS:,} combinations in a stage at most.",
            )
        return stage

    def stage_name(self, given: Any, place: str) -> str:
        # The number at the end keeps the name apart from stem, head and the words of torch.
        if not isinstance(given, str) or not re.fullmatch(r"[a-z][a-z_]{0,30}[0-9]{1,3}", given):
            self.fail(
                f"{place}: name = {_shown(given)}",
                "Use lower-case letters and '_' with a number at the end, such as stage3.",
            )
        return given

    def values(self, where: str, key: str, rule: ChoiceRule, given: Any) -> tuple[Value, ...]:
        values = given if isinstance(given, list) else [given]
        if given is None or not values:
            self.fail(f"{where}: {key} is missing", f"Give {rule.meaning}: {rule.expected}.")
        for value in values:
            if not rule.allows(value):
                self.fail(f"{where}: {key} = {_shown(value)}", f"Give {rule.expected}.")
        if len(values) > _MAX_VALUES:
            self.fail(f"{where}: {key} lists {len(values)} values", f"List {_MAX_VALUES} at most.")
        for value in values:
            if values.count(value) > 1:
                self.fail(f"{where}: {key} lists {_shown(value)} twice", "List each value once.")
        return tuple(values)

    def drop_strides(self, stem_stride: int, stages: tuple[Stage, ...]) -> tuple[str, ...]:
        names = ["stem"] if stem_stride > 1 else []
        names += [stage.name for stage in stages if stage.stride > 1]
        table = self.optional("adaptation", dict)
        self.only(table, ("drop_strides",), "adaptation")
        if "drop_strides" not in table:
            return tuple(names)
        dropped = self.get(table, "drop_strides", list, "adaptation")
        for name in dropped:
            if name not in names or dropped.count(name) > 1:
                fault = "twice" if name in names else "which has no stride"
                self.fail(
                    f"adaptation: drop_strides names {_shown(name)}, {fault}",
                    f"Name each of {', '.join(names) or 'none'} once at most.",
                )
        return tuple(dropped)

    def check_values(self, space: SearchSpace) -> None:
        """Refuse a value that no network can have: a group count that never divides."""
        dead = dead_value(space)
        if dead:
            value = show(dead.value)
            self.fail(
                f"stage {dead.stage}: {dead.key} = {value} can never be built ({dead.cause})",
                f"Take {value} out of {dead.key}, or add values that go with it.",
            )

    def published(self, space: SearchSpace) -> tuple[Published, ...]:
        entries: list[Published] = []
        for table in self.optional("published", list):
            if not isinstance(table, dict):
                self.fail(f"published: {_shown(table)} is no table", "Begin it with [[published]].")
            entry = self.entry(space, table)
            if entry.name in [other.name for other in entries]:
                self.fail(f"published {entry.name} is there twice", "Give each a name of its own.")
            entries.append(entry)
        return tuple(entries)

    def entry(self, space: SearchSpace, table: Mapping[str, Any]) -> Published:
        name = self.name(table, "published")
        where = f"published {name}"
        self.only(table, ("name", "title", "published", *space.keys), where)
        columns = {key: self.column(space, where, table, key) for key in space.keys}
        try:
            member = space.check(from_columns(columns, space.name, space.keys, len(space.stages)))
        except ArchitectureError as error:
            raise SpaceError(
                f"{self.file}: {where}: {error.cause}", "Widen the choices, or mend the entry."
            ) from error
        title = self.line(table, "title", where) if "title" in table else name
        return Published(name, title, member, self.numbers(where, table))

    def column(
        self, space: SearchSpace, where: str, table: Mapping[str, Any], key: str
    ) -> list[Any]:
        given: Any = table.get(key)
        column: list[Any] = given if isinstance(given, list) else [given] * len(space.stages)
        if given is None or len(column) != len(space.stages):
            self.fail(
                f"{where}: {key} " + ("is missing" if given is None else f"= {_shown(given)}"),
                f"Give one value, or a list of {len(space.stages)}.",
            )
        rule = {**_COMMON, **space.kind.rules}[key]
        for value in column:
            if not rule.allows(value):
                self.fail(f"{where}: {key} = {_shown(value)}", f"Give {rule.expected}.")
        return column

    def numbers(self, where: str, table: Mapping[str, Any]) -> dict[str, Any]:
        numbers = self.get(table, "published", dict, where) if "published" in table else {}
        for key, value in numbers.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (isinstance(value, str) or (number and math.isfinite(value))):
                self.fail(f"{where}: {key} = {_shown(value)}", "Give a number or a text.")
        return dict(numbers)


def _shown(value: object) -> str:
    """Return a value for a message: on one line, and not too long for it."""
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a huge number"
    return text if len(text) <= 80 else f"{text[:77]}..."
