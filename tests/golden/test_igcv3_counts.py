"""Golden counts of the IGCV3 family: closed form, module and table agree to the last digit."""

import tomllib
from pathlib import Path

import pytest

from nas.architecture import Architecture, from_columns
from nas.cost import CostModel, total_cost
from nas.layers import Activation, Add, BatchNorm, Conv, Layer, Shuffle
from nas.lowering import lower
from nas.space import SearchSpace
from nas.space_file import load_space, parse_input
from nas.train import referee

GOLDEN = tomllib.loads((Path(__file__).parent / "igcv3_counts.toml").read_text())["golden"]
SPACE = load_space("igcv3")


def ids(entry: dict) -> str:
    return f"{entry['name']}-{entry['input']}-{entry['classes']}"


def network(entry: dict) -> Architecture:
    """Build the architecture of an entry; its widths need not be among the choices of the space."""
    columns = {
        key: entry[key] if isinstance(entry[key], list) else [entry[key]] * 7
        for key in ("depth", "width", "expansion", "g1", "g2", "relu")
    }
    columns["permute2"] = [False] * 7
    return SPACE.canonical(from_columns(columns, SPACE.name, SPACE.keys, 7))


def space_of(entry: dict) -> SearchSpace:
    """The igcv3 space with the stem and head of an entry, which a width multiplier may scale."""
    fields = {name: getattr(SPACE, name) for name in SearchSpace.__dataclass_fields__}
    return SearchSpace(
        **{**fields, **{k: entry[k] for k in ("stem_width", "head_width") if k in entry}}
    )


@pytest.mark.parametrize("entry", GOLDEN, ids=ids)
def test_closed_form_gives_the_golden_count(entry):
    space, shape = space_of(entry), parse_input(entry["input"])
    cost = CostModel(space, shape, entry["classes"]).cost(network(entry))
    assert (cost.params, cost.madds) == (entry["params"], entry["madds"])
    assert cost == total_cost(lower(space, network(entry), shape, entry["classes"]))


@pytest.mark.parametrize("entry", [e for e in GOLDEN if "32x32" in e["input"]][::4], ids=ids)
def test_fvcore_gives_the_golden_count(entry):
    shape = parse_input(entry["input"])
    counted = referee.count(lower(SPACE, network(entry), shape, entry["classes"]))
    assert (counted.params, counted.madds) == (entry["params"], entry["madds"])


def test_table_covers_the_group_grid_and_the_published_networks():
    named = {entry["name"] for entry in GOLDEN}
    assert {
        f"igcv3-d-g{a}-g{b}" for a, b in [(1, 1), (1, 2), (2, 1), (2, 4), (4, 2), (4, 4)]
    } <= named
    assert {published.name for published in SPACE.published} <= named


def test_the_published_entries_are_those_of_the_space():
    for published in SPACE.published:
        entries = [entry for entry in GOLDEN if entry["name"] == published.name]
        assert entries
        assert all(network(entry) == published.architecture for entry in entries)


def kinds(layers: list[Layer], kind: type) -> int:
    return sum(isinstance(layer, kind) for layer in layers)


def test_igcv3_d_has_the_graph_that_its_authors_released():
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"))
    assert kinds(layers, Conv) == 98
    assert kinds(layers, BatchNorm) == 98
    assert kinds(layers, Activation) == 34
    assert kinds(layers, Shuffle) == 32
    assert kinds(layers, Add) == 25


def test_stage_parts_of_igcv3_d():
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"))
    parts = {
        stage: total_cost(layer for layer in layers if layer.name.startswith(f"{stage}."))
        for stage in ("stem", *(f"stage{i}" for i in range(1, 8)), "head")
    }
    assert {stage: (cost.params, cost.madds) for stage, cost in parts.items()} == {
        "stem": (928, 10_838_016),
        "stage1": (1_216, 13_246_464),
        "stage2": (19_344, 60_662_784),
        "stage3": (49_488, 39_099_648),
        "stage4": (219_712, 42_411_264),
        "stage5": (350_784, 65_968_896),
        "stage6": (913_536, 47_679_744),
        "stage7": (243_520, 11_712_960),
        "head": (412_160, 20_070_400),
    }
