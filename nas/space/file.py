"""Read a space file: from TOML to a checked SearchSpace.

A list is a choice; a single value is fixed. Errors name the file, the stage, the key and the value.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, cast, get_args

from nas.errors import SpaceError
from nas.space.architecture import Value, format_value
from nas.space.blocks import BLOCK_KINDS, BlockKind
from nas.space.blocks.kind import COMMON, ChoiceRule
from nas.space.complementary import PairedKind, Required
from nas.space.dead_values import dead_value
from nas.space.known_networks import read_entries
from nas.space.search_space import SearchSpace
from nas.space.stage import Choice, Stage
from nas.space.toml_reader import TomlReader, parse_input, quote_value
from nas.suggestion import did_you_mean
from nas.text_file import read_text

_MAX_STAGES = 32
_MAX_VALUES = 128
_MAX_COMBINATIONS = 20_000
_SECTIONS = (
    "schema", "name", "block", "title", "complementary", "deployment", "stem", "head", "adaptation",
    "choices", "stage", "published", "variant",
)  # fmt: skip
_STEM = ("width", "stride", "kernel", "pool")


__all__ = ["builtin_names", "load_space", "parse_input", "read_space"]


def builtin_names() -> list[str]:
    """Return the names of the spaces that ship with the package."""
    files = resources.files("nas.search_spaces").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".toml"))


def load_space(name_or_path: str) -> SearchSpace:
    """Return the built-in space of this name, or the space in this TOML file.

    Raises:
        SpaceError: there is no such space, or its file is malformed or allows no network.
    """
    if name_or_path in builtin_names():
        file = resources.files("nas.search_spaces") / f"{name_or_path}.toml"
        return read_space(file.read_text(encoding="utf-8"), f"{name_or_path}.toml")
    path = Path(name_or_path)
    if path.suffix != ".toml" or not _is_file(path):
        near = did_you_mean(name_or_path, builtin_names())
        raise SpaceError(
            f"there is no space {name_or_path!r}.",
            f"{near}Write one of {', '.join(builtin_names())}, or the path of a .toml file.",
        )
    return read_space(read_text(path, SpaceError), path.name)


def _is_file(path: Path) -> bool:
    """Tell whether `path` is a file; False for an invalid name."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_space(text: str, file: str) -> SearchSpace:
    """Return the space written in `text`; `file` names it in messages.

    Raises:
        SpaceError: the text is not TOML, or its content is malformed or allows no network.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also for huge numbers and deep nesting
        raise SpaceError(f"{file} is not valid TOML: {error}.", "Correct that line.") from error
    return _Reader(file, document, text).read()


class _Reader(TomlReader):
    """Turns one parsed document into a space."""

    def read(self) -> SearchSpace:
        self.only(self.document, _SECTIONS, "top level")
        schema = self.get(self.document, "schema", int)
        if schema != 1:
            self.fail(f"schema = {quote_value(schema)}", "This version reads schema = 1.")
        kind = self.block_kind()
        deployment = self.section("deployment", ("input", "classes"))
        stem, head = self.section("stem", _STEM), self.section("head", ("width",))
        stem_stride = self.stride(stem.get("stride"), "stem")
        stem_pool = self.get(stem, "pool", bool, "stem") if "pool" in stem else False
        stages = self.stages(kind)
        space = SearchSpace(
            name=self.name(self.document, "top level"),
            title=self.line(self.document, "title", "top level"),
            kind=kind,
            deployment=self.input(self.get(deployment, "input", str, "deployment")),
            classes=self.count(deployment, "classes", "deployment"),
            stem_width=self.count(stem, "width", "stem"),
            stem_stride=stem_stride,
            stem_kernel=self.kernel(stem),
            stem_pool=stem_pool,
            head_width=0 if head.get("width") == 0 else self.count(head, "width", "head"),
            drop_strides=self.drop_strides(stem_stride, stem_pool, stages),
            stages=stages,
            published=(),
            variants=(),
            source=self.text,
            complementary=self.complementary(kind),
        )
        self.check_values(space)
        published = read_entries(self, space, "published")
        return replace(space, published=published, variants=read_entries(self, space, "variant"))

    def complementary(self, kind: BlockKind) -> Required | None:
        required = self.document.get("complementary")
        if required is None:
            return None
        if not isinstance(kind, PairedKind):
            self.fail(
                f"complementary: the block {kind.name} has no pairs of group convolutions",
                "Remove the line: it is for blocks with two group convolutions.",
            )
        if required not in get_args(Required):
            self.fail(f"complementary = {quote_value(required)}", 'Write "strict" or "loose".')
        return cast(Required, required)

    def kernel(self, stem: Mapping[str, Any]) -> int:
        kernel: int = self.get(stem, "kernel", int, "stem") if "kernel" in stem else 3
        if kernel not in (1, 3, 5, 7):
            self.fail(f"stem: kernel = {quote_value(kernel)}", "Give kernel 1, 3, 5 or 7.")
        return kernel

    def block_kind(self) -> BlockKind:
        name = self.get(self.document, "block", str)
        try:
            return BLOCK_KINDS.load(name)
        except SpaceError as error:
            self.fail(error.cause.removesuffix("."), error.remedy)

    def stages(self, kind: BlockKind) -> tuple[Stage, ...]:
        tables = self.get(self.document, "stage", list)
        if not 1 <= len(tables) <= _MAX_STAGES:
            self.fail(f"{len(tables)} stages", f"Give 1 to {_MAX_STAGES} [[stage]] tables.")
        rules = {**COMMON, **kind.rules}
        shared = self.optional("choices", dict)
        self.only(shared, rules, "choices")
        stages = tuple(self.stage(rules, shared, table, i) for i, table in enumerate(tables))
        names = [stage.name for stage in stages]
        for name in names:
            if names.count(name) > 1:
                self.fail(f"two stages have the name {name!r}", "Give each stage a different name.")
        return stages

    def stage(
        self, rules: Mapping[str, ChoiceRule], shared: Mapping[str, Any], table: Any, index: int
    ) -> Stage:
        name = f"stage{index + 1}"
        if not isinstance(table, dict):
            self.fail(
                f"stage {name}: {quote_value(table)} is not a table", "Begin it with [[stage]]."
            )
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
                f"{where}: {combinations:,} combinations of values without depth are too many",
                f"List fewer values: at most {_MAX_COMBINATIONS:,} combinations in a stage.",
            )
        return stage

    def stage_name(self, given: Any, place: str) -> str:
        # The number at the end distinguishes the name from stem, head and attributes of modules.
        if not isinstance(given, str) or not re.fullmatch(r"[a-z][a-z_]{0,30}[0-9]{1,3}", given):
            self.fail(
                f"{place}: name = {quote_value(given)}",
                "Use lower-case letters and '_' with a number at the end, such as stage3.",
            )
        return given

    def values(self, where: str, key: str, rule: ChoiceRule, given: Any) -> tuple[Value, ...]:
        values = given if isinstance(given, list) else [given]
        if given is None or not values:
            self.fail(f"{where}: {key} is missing", f"Give {rule.meaning}: {rule.expected}.")
        for value in values:
            if not rule.allows(value):
                self.fail(f"{where}: {key} = {quote_value(value)}", f"Give {rule.expected}.")
        if len(values) > _MAX_VALUES:
            self.fail(f"{where}: {key} lists {len(values)} values", f"List at most {_MAX_VALUES}.")
        for value in values:
            if values.count(value) > 1:
                self.fail(
                    f"{where}: {key} lists {quote_value(value)} twice", "List each value once."
                )
        return tuple(values)

    def drop_strides(
        self, stem_stride: int, stem_pool: bool, stages: tuple[Stage, ...]
    ) -> tuple[str, ...]:
        names = ["stem"] if stem_stride > 1 else []
        names += ["pool"] if stem_pool else []
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
                    f"adaptation: drop_strides names {quote_value(name)}, {fault}",
                    f"Name each of {', '.join(names) or 'none'} at most once.",
                )
        return tuple(dropped)

    def check_values(self, space: SearchSpace) -> None:
        """Refuse values that no network can have, such as a group count that divides no width."""
        dead = dead_value(space)
        if dead:
            value = format_value(dead.value)
            self.fail(
                f"stage {dead.stage}: {dead.key} = {value} can never be built ({dead.cause})",
                f"Remove {value} from {dead.key}, or add values that fit it.",
            )
