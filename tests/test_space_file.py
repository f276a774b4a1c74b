"""Space files: what loads, and that every mistake is named with its place and its remedy."""

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from nas.errors import SpaceError
from nas.space.dead_values import dead_value
from nas.space.file import builtin_names, load_space, parse_input, read_space
from nas.space.layers import Shape
from tests.members import SMALL, TRICKY, space_named
from tests.messages import carries

IGCV3_TEXT = space_named("igcv3").source
GUIDE = Path(__file__).parents[1] / "docs" / "spaces.md"


def toml(value: object) -> str:
    """Write a document with strings, numbers, lists and tables as TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool | float) else str(value)


def written(document: dict[str, object]) -> str:
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in document.items())


def refused(text: str) -> SpaceError:
    with pytest.raises(SpaceError) as caught:
        read_space(text, "my.toml")
    assert caught.value.cause.startswith("my.toml")
    for line in (caught.value.cause, caught.value.remedy):
        assert line
        assert "\n" not in line
        assert len(line) < 400
    return caught.value


def changed(text: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def test_the_built_in_space_holds_the_published_architectures() -> None:
    assert "igcv3" in builtin_names()
    space = load_space("igcv3")
    assert [entry.name for entry in space.published] == [
        "igcv3-d-1.0",
        "igcv3-w",
        "mobilenetv2-1.0",
    ]
    assert space.deployment == Shape(3, 224, 224)
    assert space.published[0].architecture.column("depth") == (1, 4, 6, 8, 6, 6, 1)
    assert space.published[0].numbers["madds"] == "318M"
    assert max(map(int, space.stages[3].values("depth"))) > 8


def test_a_file_of_the_user_loads_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SMALL, encoding="utf-8-sig")
    assert load_space(str(path)).name == "small"
    assert load_space(str(path)).space_hash == space_named("small").space_hash


def test_a_written_document_reads_like_the_file_itself() -> None:
    again = read_space(written(tomllib.loads(SMALL)), "small.toml")
    assert again.stages == space_named("small").stages
    assert again.published == space_named("small").published


@pytest.mark.parametrize(
    "name", ["nothing", "nothing.toml", "/", "", "a" * 5000 + ".toml", "a\0b.toml", "../igcv3"]
)
def test_a_space_that_is_not_there_names_those_that_are(name: str) -> None:
    with pytest.raises(SpaceError) as caught:
        load_space(name)
    assert "igcv3" in caught.value.remedy or "cannot be read" in caught.value.cause


def test_a_directory_or_bytes_are_no_space(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    for name in ("folder.toml", "bytes.toml"):
        with pytest.raises(SpaceError):
            load_space(str(tmp_path / name))


@pytest.mark.parametrize(
    "text", ["schema = 1\nname = \nblock", "a = [\n" * 3000, f"a = {'9' * 5000}", "a = 1\na = 2"]
)
def test_what_is_no_toml_is_refused(text: Any) -> None:
    assert "is not valid TOML" in refused(text).cause


def test_a_toml_mistake_is_told_with_its_line() -> None:
    assert "line 2" in refused("schema = 1\nname = igcv3").cause


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (('schema = 1\n', ""), "schema"),
        (('schema = 1\n', "schema = 2\n"), "schema = 2"),
        (('schema = 1\n', "schema = true\n"), "schema = True … integer"),
        (('schema = 1\n', "schema = 1\nshema = 1\n"), "'shema'"),
        (('name = "small"', 'name = "Small Space"'), "name = 'Small Space'"),
        (('block = "igcv3"', 'block = "resnet"'), "'resnet'"),
        (('title = "A', 'title = "A\\n'), "title = 'A\\n"),
        (('input = "3x32x32"', 'input = "32"'), "deployment … input = '32'"),
        (('input = "3x32x32"', 'input = "3x0x32"'), "deployment … input = '3x0x32'"),
        (('input = "3x32x32"', 'input = "3x32x9999"'), "deployment … input = '3x32x9999'"),
        (("classes = 10", "classes = 0"), "deployment … classes = 0"),
        (("classes = 10", "classes = 10.0"), "classes = 10.0 … integer"),
        (("[deployment]", "[deployment]\nsize = 3"), "deployment … 'size'"),
        (("[stem]\nwidth = 8", "[stem]\nwidth = nan"), "stem … width = nan … integer"),
        (("[stem]\nwidth = 8", "[stem]\nwidth = 0x" + "f" * 9000), "stem … width"),
        (("stride = 2\n[head]", "stride = 3\n[head]"), "stem … stride = 3"),
        (("width = 24\n\n[choices]", "width = [24]\n\n[choices]"), "head … width = [24]"),
        (("g1 = [1, 2]", "g3 = 1\ng1 = [1, 2]"), "choices … 'g3'"),
        (("g1 = [1, 2]", "stride = 2\ng1 = [1, 2]"), "choices … 'stride'"),
        (("g1 = [1, 2]", "g1 = []"), "stage1 … g1"),
        (("g1 = [1, 2]\n", ""), "stage1 … g1"),
        (("g1 = [1, 2]", "g1 = [1, 2, 1]"), "stage1 … g1 … 1 twice"),
        (("g1 = [1, 2]", "g1 = [1, 2.0]"), "stage1 … g1 = 2.0"),
        (("g1 = [1, 2]", "g1 = [1, [2]]"), "stage1 … g1 = [2]"),
        (("g1 = [1, 2]", "g1 = {a = 1}"), "stage1 … g1 = {'a': 1}"),
        (("g1 = [1, 2]", "g1 = 1979-05-27"), "stage1 … g1 = datetime.date"),
        (("g1 = [1, 2]", f"g1 = {[*range(1, 200)]}"), "stage1 … g1 … 199"),
        (("depth = [1, 2, 3]", "depth = 65"), "depth = 65"),
        (("depth = [1, 2, 3]", "depth = true"), "depth = True"),
        (("permute2 = false", "permute2 = 0"), "permute2 = 0"),
        (('relu = ["depthwise"', 'relu = ["everywhere"'), "relu = 'everywhere'"),
        (("expansion = [1, 2, 4]", "expansion = nan"), "expansion = nan"),
        (("width = [16, 24]", "width = [16, 70000]"), "stage2 … width = 70000"),
        (("stride = 2\nwidth = [16, 24]", 'stride = "2"\nwidth = [16, 24]'), "stride = '2'"),
        (("stride = 2\nwidth = [16, 24]", "stride = 2.0\nwidth = 16"), "stage2 … stride = 2.0"),
        (("stride = 2\nwidth = [16, 24]", "stride = 2\ndepth = [0, 1]\nwidth = 16"), "depth = 0"),
        (("width = [16, 24]", 'width = [16, 24]\nname = "stem"'), "stage2 … name = 'stem'"),
        (("width = [16, 24]", 'width = [16, 24]\nname = "a.b1"'), "stage2 … name = 'a.b1'"),
        (("width = [16, 24]", 'width = [16, 24]\nname = "stage1"'), "'stage1'"),
        (("width = [16, 24]", "width = [16, 24]\nkernel = 3"), "stage2 … 'kernel'"),
        (("depth = 1\nwidth = [8", "depth = 9\nwidth = [8"), "small-plain … 'stage1'"),
        (("depth = 1\nwidth = [8", "depth = []\nwidth = [8"), "small-plain … depth = []"),
        (("depth = 1\nwidth = [8", "depth = true\nwidth = [8"), "small-plain … depth = True"),
        (("depth = 1\nwidth = [8", "width = [8"), "small-plain … depth"),
        (("[8, 16, 32]", "[8, 16]"), "small-plain … width = [8, 16]"),
        (('"small-deep"', '"small-plain"'), "small-plain … twice"),
        (('"small-deep"', "7"), "published … name = 7"),
        (('"small-deep"', '"small-deep"\ntop1 = 1'), "small-deep … 'top1'"),
        (('"small-deep"', '"small-deep"\ntitle = 1'), "small-deep … title = 1"),
        (('"small-deep"', '"small-deep"\npublished = 3'), "small-deep … published = 3"),
        (('"small-deep"', '"small-deep"\npublished = {top1 = [1]}'), "small-deep … top1 = [1]"),
        (("[choices]", "[adaptation]\ndrop_stride = []\n[choices]"), "'drop_stride'"),
        (("[choices]", "[adaptation]\ndrop_strides = 3\n[choices]"), "drop_strides = 3"),
        (("[choices]", '[adaptation]\ndrop_strides = ["stage1"]\n[choices]'), "stage1 … stride"),
        (("[choices]", "[adaptation]\ndrop_strides = [[]]\n[choices]"), "[] … stride"),
        (("[choices]", '[adaptation]\ndrop_strides = ["stem", "stem"]\n[choices]'), "stem … twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_value(edit: tuple[str, Any], said: str) -> None:
    read_space(SMALL, "my.toml")
    assert carries(refused(changed(SMALL, edit)).cause, said)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("choices", [1], "choices = [1] … table"),
        ("adaptation", "x", "adaptation = 'x' … table"),
        ("published", {"a": 1}, "published = {'a': 1} … list"),
        ("published", [1], "published … 1 … table"),
        ("stage", {}, "stage = {} … list"),
        ("stage", [], "0 stages"),
        ("stage", [{}] * 33, "33 stages"),
        ("stage", [3], "stage1 … 3 … table"),
        ("deployment", 3, "deployment = 3 … table"),
    ],
)
def test_a_section_of_the_wrong_kind_is_refused(key: str, value: Any, said: str) -> None:
    assert carries(refused(written({**tomllib.loads(SMALL), key: value})).cause, said)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (
            [("g2 = [1, 2]", "g2 = [1, 7]")],
            "stage1 … g2 = 7 … g2=7",
        ),
        ([("g2 = [1, 2]", "g2 = 7")], "stage2 … g2 = 7 … g2=7"),
        ([("g1 = [1, 2]", "g1 = [1, 64]")], "stage2 … g1 = 64"),
        ([("g1 = [1, 2]", "g1 = [2]"), ("[8, 16]", "[8, 9]")], "width = 9"),
        ([("[16, 24]", "[16, 15]"), ("g2 = [1, 2]", "g2 = 2")], "stage2 … width = 15"),
    ],
)
def test_a_value_that_no_network_can_have_is_refused_when_the_file_is_read(
    edits: list[tuple[str, str]], said: str
) -> None:
    assert carries(refused(changed(SMALL, *edits)).cause, said)


def test_a_width_that_no_later_stage_can_read_is_refused() -> None:
    text = changed(SMALL, ("width = [24, 32, 40]", "width = [24, 48]\ng1 = 16"))
    error = refused(text)
    assert carries(error.cause, "stage2 … width = 24 … later stage")


def test_a_depth_that_never_fits_is_refused() -> None:
    # the first block reads 8 channels, its repeat would read 12: 8 divides only the first
    text = changed(SMALL, ("depth = [0, 1]\nwidth = [8, 16]\nexpansion = [0, 1]",
                           "depth = [1, 3]\nwidth = 12\ng1 = 8\nexpansion = 1"))  # fmt: skip
    text = text.split("[[published]]")[0]
    assert carries(refused(text).cause, "stage1 … depth = 3 … g1=8")
    read_space(text.replace("depth = [1, 3]", "depth = 1"), "my.toml")


def test_too_many_combinations_are_refused_rather_than_waited_for() -> None:
    many = ", ".join(map(str, range(8, 808, 8)))
    text = changed(SMALL, ("width = [24, 32, 40]", f"width = [{many}]\ng1 = [{many}]"))
    assert "too many" in refused(text).cause


def test_every_value_of_the_spaces_at_hand_can_be_used() -> None:
    for name in ("igcv3", "tricky", "small"):
        assert dead_value(space_named(name)) is None


def test_strides_are_dropped_from_the_stem_on_unless_told_otherwise() -> None:
    assert space_named("small").drop_strides == ("stem", "stage2", "stage3")
    assert space_named("tricky").drop_strides == ("middle2",)
    text = changed(SMALL, ("[choices]", '[adaptation]\ndrop_strides = ["stage3"]\n[choices]'))
    assert read_space(text, "my.toml").drop_strides == ("stage3",)


@pytest.mark.parametrize(
    ("text", "shape"), [("3x224x224", (3, 224, 224)), (" 1x8x16 ", (1, 8, 16))]
)
def test_an_input_size_reads_as_channels_height_width(
    text: str, shape: tuple[int, int, int]
) -> None:
    assert parse_input(text) == shape
    assert str(parse_input(text)) == text.strip()


@pytest.mark.parametrize(
    "text",
    ["", "224", "3x224", "3x224x224x1", "0x8x8", "3x8x-8", "3 x 8 x 8", "3x8x99999", "axbxc"],
)
def test_what_is_no_input_size_is_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="is not an input size"):
        parse_input(text)


def test_the_example_of_the_guide_loads_and_is_all_of_its_keys() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    space = read_space(text.split("```toml\n")[1].split("```")[0], "my.toml")
    assert len(space.published) == 1
    assert space.parse(space.published[0].name).column("depth") == (1, 2, 4, 2)
    for key in ("schema", "deployment", "drop_strides", *space.keys):
        assert f"`{key}`" in text


# ---- every value of a good file exchanged for anything: it loads, or it is a SpaceError ----

scalars = st.one_of(
    st.integers(-3, 70),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.text(max_size=8),
    st.sampled_from(["stage2", "stem", "none", "first+last", "3x8x8", "small", "igcv3", "a\nb"]),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a document."""
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [*([path] if path else []), *(p for k, v in children for p in places(v, (*path, k)))]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([SMALL, TRICKY]), values)
def test_any_value_in_any_place_loads_or_is_a_space_error(
    data: DataObject, text: Any, value: Any
) -> None:
    document = copy.deepcopy(tomllib.loads(text))
    *parents, last = data.draw(st.sampled_from(places(document)))
    node = document
    for key in parents:
        node = node[key]
    node[last] = value
    try:
        space = read_space(written(document), "my.toml")
    except SpaceError as error:
        assert error.cause.startswith("my.toml")  # noqa: PT017 - either way is right
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert dead_value(space) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(IGCV3_TEXT)), st.text(max_size=4), st.integers(0, 30))
def test_a_damaged_file_loads_or_is_a_space_error(at: int, inserted: str, removed: int) -> None:
    text = IGCV3_TEXT[:at] + inserted + IGCV3_TEXT[at + removed :]
    try:
        read_space(text, "my.toml")
    except SpaceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either way is right
