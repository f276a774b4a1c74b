"""Read a space file: TOML in, a checked SearchSpace out, every mistake with its place.

A list is a choice, a single value is fixed. Errors name the file, the stage, the key and the value.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from nas.architecture import Value, from_columns
from nas.blocks import BLOCK_KINDS, BlockKind
from nas.blocks.base import ChoiceRule, is_count, is_count_or_zero
from nas.errors import ArchitectureError, SpaceError
from nas.layers import Shape
from nas.space import Choice, Published, SearchSpace, Stage

_MAX_STAGES = 32
_MAX_DEPTH = 64
_MAX_WIDTH = 65_536
_SECTIONS = {
    "schema": int, "name": str, "block": str, "title": str, "deployment": dict, "stem": dict,
    "head": dict, "adaptation": dict, "choices": dict, "stage": list, "published": list,
}  # fmt: skip
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
    if path.suffix != ".toml" or not path.is_file():
        raise SpaceError(
            f"there is no space {name_or_path!r}.",
            f"Write one of {', '.join(builtin_names())}, or the path of a .toml file.",
        )
    try:
        return read_space(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise SpaceError(f"{path} cannot be read: {error}.", "Give a UTF-8 text file.") from error


def read_space(text: str, file: str) -> SearchSpace:
    """Return the space written in `text`; `file` names it in messages.

    Raises:
        SpaceError: the text is no TOML, or its content is malformed or can never work.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpaceError(f"{file} is not valid TOML: {error}.", "Mend that line.") from error
    return _Reader(file, document, text).read()


class _Reader:
    """Turns one parsed document into a space; `self.fail` knows the file."""

    def __init__(self, file: str, document: Mapping[str, Any], text: str) -> None:
        self.file, self.document, self.text = file, document, text

    def read(self) -> SearchSpace:
        unknown = sorted(set(self.document) - set(_SECTIONS))
        if unknown:
            self.fail(f"unknown key {unknown[0]!r}", f"Use only {', '.join(_SECTIONS)}.")
        if self.get(self.document, "schema", int) != 1:
            self.fail(f"schema = {self.document['schema']}", "This version reads schema = 1.")
        name = self.get(self.document, "name", str)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name):
            self.fail(f"name = {name!r}", "Use lower-case letters, digits, '-', '_' and '.'.")
        kind = self.block_kind()
        deployment = self.get(self.document, "deployment", dict)
        stem = self.get(self.document, "stem", dict)
        head = self.get(self.document, "head", dict)
        stages = self.stages(kind)
        space = SearchSpace(
            name=name,
            title=self.get(self.document, "title", str),
            kind=kind,
            deployment=self.input(self.get(deployment, "input", str, "deployment")),
            classes=self.count(deployment, "classes", "deployment"),
            stem_width=self.count(stem, "width", "stem"),
            stem_stride=self.count(stem, "stride", "stem"),
            head_width=self.count(head, "width", "head"),
            drop_strides=self.drop_strides(stages),
            stages=stages,
            published=(),
            source=self.text,
        )
        self.check_values(space)
        return self.with_published(space)

    def fail(self, cause: str, remedy: str) -> None:
        raise SpaceError(f"{self.file}: {cause}.", remedy)

    def get(self, table: Mapping[str, Any], key: str, kind: type, where: str = "top level") -> Any:
        value = table.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            wanted = {str: "text", int: "an integer", dict: "a table", list: "a list"}[kind]
            found = "is missing" if value is None else f"= {value!r} is not {wanted}"
            self.fail(f"{where}: {key} {found}", f"Give {key} as {wanted}.")
        return value

    def count(self, table: Mapping[str, Any], key: str, where: str) -> int:
        value: int = self.get(table, key, int, where)
        if not 1 <= value <= _MAX_WIDTH:
            self.fail(f"{where}: {key} = {value}", f"Give an integer from 1 to {_MAX_WIDTH}.")
        return value

    def input(self, text: str) -> Shape:
        try:
            return parse_input(text)
        except SpaceError as error:
            raise SpaceError(f"{self.file}: deployment: {error.cause}", error.remedy) from error

    def block_kind(self) -> BlockKind:
        name = self.get(self.document, "block", str)
        if name not in BLOCK_KINDS:
            self.fail(f"block = {name!r} is unknown", f"Use one of {', '.join(BLOCK_KINDS)}.")
        return BLOCK_KINDS[name]

    def stages(self, kind: BlockKind) -> tuple[Stage, ...]:
        tables = self.get(self.document, "stage", list)
        if not 1 <= len(tables) <= _MAX_STAGES:
            self.fail(f"{len(tables)} stages", f"Give 1 to {_MAX_STAGES} [[stage]] tables.")
        shared = self.document.get("choices", {})
        stages = tuple(self.stage(kind, shared, table, i) for i, table in enumerate(tables))
        if len({stage.name for stage in stages}) < len(stages):
            self.fail("two stages have the same name", "Give each stage a name of its own.")
        return stages

    def stage(
        self, kind: BlockKind, shared: Mapping[str, Any], table: Mapping[str, Any], index: int
    ) -> Stage:
        rules = {**_COMMON, **kind.rules}
        name = str(table.get("name", f"stage{index + 1}"))
        unknown = sorted((set(table) | set(shared)) - set(rules) - {"name", "stride"})
        if unknown:
            self.fail(f"stage {name}: unknown key {unknown[0]!r}", f"Use {', '.join(rules)}.")
        stride = table.get("stride", 1)
        if stride not in (1, 2) or isinstance(stride, bool):
            self.fail(f"stage {name}: stride = {stride!r}", "Give stride 1 or 2.")
        choices = tuple(
            Choice(key, self.values(name, key, rule, table.get(key, shared.get(key))))
            for key, rule in rules.items()
        )
        stage = Stage(name, stride, choices)
        if stride > 1 and 0 in stage.values("depth"):
            self.fail(
                f"stage {name}: depth = 0 would lose its stride {stride}",
                "Let the depth of a stage with a stride start at 1.",
            )
        return stage

    def values(self, stage: str, key: str, rule: ChoiceRule, given: Any) -> tuple[Value, ...]:
        values = given if isinstance(given, list) else [given]
        if given is None or not values:
            self.fail(f"stage {stage}: {key} is missing", f"Give {rule.meaning}: {rule.expected}.")
        for value in values:
            if not rule.allows(value):
                self.fail(f"stage {stage}: {key} = {value!r}", f"Give {rule.expected}.")
        if len(set(values)) < len(values):
            self.fail(f"stage {stage}: {key} = {given} repeats a value", "List each value once.")
        return tuple(values)

    def drop_strides(self, stages: tuple[Stage, ...]) -> tuple[str, ...]:
        names = ["stem", *(stage.name for stage in stages if stage.stride > 1)]
        dropped = self.document.get("adaptation", {}).get("drop_strides", names)
        for name in dropped:
            if name not in names:
                self.fail(
                    f"adaptation: drop_strides names {name!r}, which has no stride",
                    f"Name only {', '.join(names)}.",
                )
        return tuple(dropped)

    def check_values(self, space: SearchSpace) -> None:
        """Refuse a value that no buildable stage can have: the group counts that never divide."""
        reachable = {space.stem_width}
        for stage in space.stages:
            widths = [int(width) for width in stage.values("width")]
            for choice in stage.choices:
                for value in choice.values:
                    cause = self.never_works(space, stage, (choice.key, value), reachable)
                    if cause:
                        self.fail(
                            f"stage {stage.name}: {choice.key} = {value} can never be built "
                            f"({cause})",
                            f"Take {value} out of {choice.key}, or add widths that it divides.",
                        )
            reachable = set(widths) | (reachable if 0 in stage.values("depth") else set())

    def never_works(
        self, space: SearchSpace, stage: Stage, fixed: tuple[str, Value], in_widths: set[int]
    ) -> str | None:
        cause = None
        for in_width in sorted(in_widths):
            for choices in stage_products(space, stage, fixed):
                problem = space.buildable(choices, in_width)
                if problem is None:
                    return None
                if cause is None or problem[0] == fixed[0]:
                    cause = problem[1]
        return cause

    def with_published(self, space: SearchSpace) -> SearchSpace:
        entries = []
        for table in self.document.get("published", []):
            name = self.get(table, "name", str, "published")
            unknown = set(table) - {"name", "title", "published", *space.keys}
            if unknown:
                self.fail(f"published {name}: unknown key {min(unknown)!r}", "Take it out.")
            columns = {key: self.published_column(space, name, table, key) for key in space.keys}
            try:
                member = space.check(
                    from_columns(columns, space.name, space.keys, len(space.stages))
                )
            except ArchitectureError as error:
                raise SpaceError(
                    f"{self.file}: published {name}: {error.cause}",
                    "Widen the choices, or mend the entry.",
                ) from error
            entries.append(
                Published(name, table.get("title", name), member, dict(table.get("published", {})))
            )
        return SearchSpace(**{**vars_of(space), "published": tuple(entries)})

    def published_column(
        self, space: SearchSpace, name: str, table: Mapping[str, Any], key: str
    ) -> list[Any]:
        given = table.get(key)
        column = given if isinstance(given, list) else [given] * len(space.stages)
        if given is None or len(column) != len(space.stages):
            self.fail(
                f"published {name}: {key} = {given!r}",
                f"Give one value, or a list of {len(space.stages)}.",
            )
        return column


def stage_products(
    space: SearchSpace, stage: Stage, fixed: tuple[str, Value]
) -> list[dict[str, Value]]:
    """Return the combinations of one stage that differ in cost, one key held at one value."""
    combinations: list[dict[str, Value]] = [{}]
    for choice in stage.choices:
        rule = space.kind.rules.get(choice.key)
        values = choice.values if rule is None or rule.changes_cost else choice.values[:1]
        if choice.key == "depth":  # only "none", "one" and "more than one" differ here
            values = tuple(dict.fromkeys(min(int(value), 2) for value in values))
        if choice.key == fixed[0]:
            values = (fixed[1],)
        combinations = [{**done, choice.key: value} for done in combinations for value in values]
    return combinations


def vars_of(space: SearchSpace) -> dict[str, Any]:
    """Return the fields of a space by name, for building a changed copy."""
    return {name: getattr(space, name) for name in SearchSpace.__dataclass_fields__}


def parse_input(text: str) -> Shape:
    """Read an input size such as `3x224x224`: channels, height, width.

    Raises:
        SpaceError: the text is no such size.
    """
    match = re.fullmatch(r"(\d{1,4})x(\d{1,5})x(\d{1,5})", text.strip())
    if not match or 0 in (sizes := tuple(map(int, match.groups()))):
        raise SpaceError(
            f"{text!r} is no input size.", "Write channels x height x width: 3x224x224."
        )
    return Shape(*sizes)
