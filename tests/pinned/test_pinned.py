"""Behaviour that a change of structure must not change (see observe.py)."""

import json
from pathlib import Path

import pytest

from tests.pinned import observe

PINNED = json.loads(observe.PINNED.read_text(encoding="utf-8"))


def test_costs_of_known_networks() -> None:
    assert observe.costs() == PINNED["costs"]


def test_proposals_of_seeded_samplers(tmp_path: Path) -> None:
    assert observe.proposals(tmp_path) == PINNED["proposals"]


def test_a_stored_study(tmp_path: Path) -> None:
    assert observe.stored(tmp_path) == PINNED["stored"]


@pytest.mark.parametrize(
    "space",
    [
        space if space == "igcv3" else pytest.param(space, marks=pytest.mark.slow)
        for space in observe.EXPORTED
    ],
)
def test_exports(tmp_path: Path, space: str) -> None:
    found, pinned = observe.exported(tmp_path, space), PINNED["exports"][space]
    assert found["source"] == pinned["source"]
    for row, expected in zip(found["outputs"], pinned["outputs"], strict=True):
        assert row == pytest.approx(expected, abs=2e-3)
