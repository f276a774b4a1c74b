"""Golden counts of the IGCV3 family: closed form, module and table agree to the last digit."""

from dataclasses import replace

import pytest

from nas.cost.model import CostModel, total_cost
from nas.space.architecture import from_columns
from nas.space.file import load_space
from nas.space.layers import Activation, Add, BatchNorm, Conv, Layer, Shuffle
from nas.space.lowering import lower
from nas.space.search_space import Published
from nas.training.network import fvcore_count as referee

SPACE = load_space("igcv3")
ENTRIES = (*SPACE.published, *SPACE.variants)
GOLDEN = [entry for entry in ENTRIES if entry.counted]
MOBILENETS = load_space("mobilenetv2")


def ids(entry: Published) -> str:
    return entry.name


def counts(entry: Published) -> tuple[object, object]:
    return entry.counted["params"], entry.counted["madds"]


@pytest.mark.parametrize("entry", GOLDEN, ids=ids)
def test_closed_form_gives_the_golden_count(entry: Published) -> None:
    cost = CostModel(entry.space, entry.input, entry.classes).cost(entry.architecture)
    assert (cost.params, cost.madds) == counts(entry)
    assert cost == total_cost(lower(entry.space, entry.architecture, entry.input, entry.classes))


@pytest.mark.parametrize("entry", [e for e in GOLDEN if e.classes < 1000][::4], ids=ids)
def test_fvcore_gives_the_golden_count(entry: Published) -> None:
    counted = referee.fvcore_cost(
        lower(entry.space, entry.architecture, entry.input, entry.classes)
    )
    assert (counted.params, counted.madds) == counts(entry)


@pytest.mark.parametrize("entry", [*MOBILENETS.published, *MOBILENETS.variants], ids=ids)
def test_one_group_and_its_relus_make_mobilenet_v2(entry: Published) -> None:
    """The blocks of IGCV3 hold MobileNetV2's: the counts are those of the other family."""
    columns = {key: entry.architecture.column(key) for key in ("depth", "width", "expansion")}
    ones, relus = (1,) * 7, ("first+depthwise",) * 7
    columns |= {"g1": ones, "g2": ones, "relu": relus, "permute2": (False,) * 7}
    architecture = SPACE.canonical(from_columns(columns, SPACE.name, SPACE.keys, 7))
    space = replace(SPACE, stem_width=entry.space.stem_width, head_width=entry.space.head_width)
    cost = CostModel(space, entry.input, entry.classes).cost(architecture)
    assert (cost.params, cost.madds) == counts(entry)


def test_table_covers_the_group_grid_the_relus_and_both_widths() -> None:
    named = {entry.name for entry in GOLDEN}
    pairs = [(1, 1), (1, 2), (2, 1), (2, 4), (4, 2), (4, 4), (2, 8), (8, 2), (8, 8)]
    assert {f"igcv3-d-g{a}-g{b}{at}" for a, b in pairs for at in ("", "-cifar10")} <= named
    assert {"igcv3-d-1.0", "igcv3-d-1.0-cifar10", "igcv3-d-1.0-cifar100"} <= named
    assert {"igcv3-w", "igcv3-w-cifar10", "igcv3-w-cifar100"} <= named
    assert {entry.name for entry in SPACE.published} <= named
    relus = {entry.architecture.column("relu")[1] for entry in GOLDEN if "relu" in entry.name}
    assert relus | {"depthwise"} == {"first", "first+depthwise", "depthwise"}


@pytest.mark.parametrize(("name", "madds"), [("0.7", "210M"), ("1.4", "610M")])
def test_the_width_multipliers_show_the_published_number_and_the_rule(
    name: str, madds: str
) -> None:
    entry = SPACE.known(f"igcv3-d-{name}-os")
    assert entry.numbers["madds"] == madds
    assert "rounding unpublished" in str(entry.numbers["source"])
    os_rule = [int(float(name) * c) for c in (16, 24, 32, 64, 96, 160, 320)]
    assert list(entry.architecture.column("width")) == [c + c % 2 for c in os_rule]


def test_what_is_reconstructed_says_so() -> None:
    for name in ("1244321", "1346441"):
        entry = SPACE.known(f"igcv3-d-reps-{name}-cifar10")
        assert "reconstruction" in entry.title
        assert "unpublished" in str(entry.numbers["source"])


def kinds(layers: list[Layer], kind: type) -> int:
    return sum(isinstance(layer, kind) for layer in layers)


def test_igcv3_d_has_the_graph_that_its_authors_released() -> None:
    layers = lower(SPACE, SPACE.parse("igcv3-d-1.0"))
    assert kinds(layers, Conv) == 98
    assert kinds(layers, BatchNorm) == 98
    assert kinds(layers, Activation) == 34
    assert kinds(layers, Shuffle) == 32
    assert kinds(layers, Add) == 25


def test_stage_parts_of_igcv3_d() -> None:
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
