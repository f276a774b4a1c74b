"""The text form and the identity of an architecture."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from nas.errors import ArchitectureError
from nas.space.architecture import Architecture, parse
from nas.space.search_space import SearchSpace
from tests.members import members, space_named, spaces, written_members
from tests.messages import carries

IGCV3 = space_named("igcv3")
GOOD = {
    "depth": "1-4-6-8-6-6-1",
    "width": "16-24-32-64-96-160-320",
    "expansion": "1-6-6-6-6-6-6",
    "g1": "2",
    "g2": "2",
    "relu": "depthwise",
    "permute2": "no",
}


def text(**changed: str | None) -> str:
    columns = {**GOOD, **changed}
    return ",".join(f"{key}={value}" for key, value in columns.items() if value is not None)


@settings(max_examples=60, deadline=None)
@given(st.data(), spaces)
def test_the_text_form_of_a_member_reads_back_to_it(data: DataObject, space: SearchSpace) -> None:
    member = data.draw(members(space))
    assert space.parse(member.text) == member
    assert space.parse(member.text).arch_id == member.arch_id


@settings(max_examples=60, deadline=None)
@given(st.data(), spaces)
def test_a_member_written_with_dead_choices_reads_as_its_canonical_form(
    data: DataObject, space: SearchSpace
) -> None:
    written = data.draw(written_members(space))
    assert space.parse(written.text) == space.canonical(written)


def test_igcv3_d_is_written_briefly() -> None:
    member = IGCV3.parse("igcv3-d-1.0")
    assert member.text == text()
    assert str(member) == member.text


def test_a_stage_of_depth_0_shows_its_missing_values() -> None:
    member = IGCV3.parse(text(depth="0-4-6-8-6-6-1"))
    assert member.column("width") == (None, 24, 32, 64, 96, 160, 320)
    assert "width=_-24-32-64-96-160-320" in member.text
    assert "g1=2," in member.text
    assert IGCV3.parse(member.text) == member


def test_spaces_around_parts_and_values_do_not_matter() -> None:
    spaced = text().replace(",", " , ").replace("-", " - ")
    assert IGCV3.parse(f" {spaced} ") == IGCV3.parse("igcv3-d-1.0")


def test_the_identity_is_twelve_hexadecimal_digits_that_never_change() -> None:
    identities = {entry.name: entry.architecture.arch_id for entry in IGCV3.published}
    assert identities["igcv3-d-1.0"] == parse(text(), "igcv3", IGCV3.keys, 7).arch_id
    assert len(set(identities.values())) == 3
    for identity in identities.values():
        assert len(identity) == 12
        assert int(identity, 16) >= 0


def test_the_same_choices_in_another_space_are_another_architecture() -> None:
    here, there = (parse(text(), name, IGCV3.keys, 7) for name in ("igcv3", "other"))
    assert here.arch_id != there.arch_id


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"g1": None}, "g1"),
        ({"g1": ""}, "g1 … ''"),
        ({"g1": "2-2"}, "g1 … 2 … 7 stages"),
        ({"g1": "-2"}, "g1 … ''"),
        ({"g1": "²"}, "g1 … '²'"),
        ({"g1": "++3"}, "g1 … '++3'"),
        ({"g1": "2.0"}, "g1 … '2.0'"),
        ({"g1": "9" * 5000}, "g1"),
        ({"g1": "yes"}, "g1=yes … (1, 2, 4, 8)"),
        ({"g1": "16"}, "g1=16"),
        ({"g1": "_"}, "g1=_"),
        ({"depth": "yes"}, "depth=yes"),
        ({"depth": "no"}, "depth=no"),
        ({"depth": "1-0-6-8-6-6-1"}, "depth=0"),
        ({"permute2": "0"}, "permute2=0 … (no)"),
        ({"relu": "last+first"}, "relu=last+first"),
        ({"depth": "1", "width": "16-24-40-64-96-160-320", "g2": "1-1-1-1-1-1-3"}, "g2=3"),
    ],
)
def test_a_bad_value_is_refused_with_its_key(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        IGCV3.parse(text(**changed))
    assert carries(caught.value.cause, said)
    assert caught.value.remedy


@pytest.mark.parametrize("bad", ["", "igcv3", "depth", "=1", "depth=1,,", "a=1", "depth=1,depth=1"])
def test_what_is_no_text_form_is_refused(bad: str) -> None:
    with pytest.raises(ArchitectureError):
        IGCV3.parse(bad)


@settings(max_examples=100, deadline=None)
@example("0-\n0")
@given(st.text(alphabet="depthwi=1234567890-_+,g12 nosy²\n'\x00", max_size=60))
def test_no_text_breaks_the_reader(noise: str) -> None:
    for bad in (noise, f"{text()},{noise}", text(g1=noise)):
        try:
            member = IGCV3.parse(bad)
        except ArchitectureError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either way is right
        else:
            assert IGCV3.contains(member)


@given(data=st.data())
def test_an_unread_architecture_is_the_one_that_is_read(data: DataObject) -> None:
    whole = data.draw(members(IGCV3))
    read: list[str] = []

    def late() -> Architecture:
        read.append(whole.text)
        return IGCV3.recorded(whole.text)

    def unread() -> Architecture:
        return Architecture.unread(whole.space, whole.keys, whole.arch_id, late)

    first = unread()
    assert (first.space, first.keys, first.arch_id) == (whole.space, whole.keys, whole.arch_id)
    assert read == []
    assert first.column("depth") == whole.column("depth")
    assert first.stages == whole.stages
    assert read == [whole.text]  # once
    for same in (unread(), pickle.loads(pickle.dumps(unread())), copy.deepcopy(unread())):
        assert (same, hash(same), str(same), same.arch_id) == (
            whole, hash(whole), whole.text, whole.arch_id
        )  # fmt: skip
    with pytest.raises(AttributeError, match="no such_thing"):
        first.such_thing  # noqa: B018
