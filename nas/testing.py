"""Checks for the tests of other packages: do their parts meet the requirements of the port?

Each function raises an AssertionError that names the violated requirement.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from nas.cost import CostModel, parse_budgets, total_cost
from nas.exports import FORMATS, ExportRequest, export_network
from nas.feasible import Feasible, feasible_space
from nas.samplers import learns_from_others, make_sampler
from nas.space import (
    Architecture,
    Head,
    SearchSpace,
    Shape,
    StageKind,
    adapt,
    load_space,
    lower,
)
from nas.study import Ladder, Measurement, Sampler, Trial, TrialState, borrow, objective
from nas.training import build, fvcore_cost

_RESERVED = {"depth", "width", "name", "stride"}
_GOALS = (objective("top1_error"), objective("madds"))
_CYCLE = (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED)


def check_block_kind(space: SearchSpace, draws: int = 5, seed: int = 0) -> None:
    """Check the block kind of `space` on `draws` random members.

    At least one member must be buildable at the deployment input.
    """
    clash = _RESERVED & set(space.kind.rules)
    assert not clash, f"the rules use reserved names: {clash}"
    rng = np.random.default_rng(seed)
    costs = CostModel(space)
    feasible = feasible_space(costs, ())
    for _ in range(draws):
        drawn = feasible.sample(rng)
        assert drawn is not None, "the space has no member"
        assert space.canonical(drawn) == drawn, f"the canonical form of {drawn} is not stable"
        assert space.parse(drawn.text) == drawn, f"the text of {drawn} reads as another network"
        layers = lower(space, drawn)
        assert layers == lower(space, drawn), f"two calls give different layers of {drawn}"
        if isinstance(space.kind, StageKind):
            _check_stages(space, drawn)
        counted, referee = total_cost(layers), fvcore_cost(layers, space.deployment)
        assert counted == referee, f"{drawn} costs {counted}, by fvcore {referee}"
        assert costs.cost(drawn) == counted, f"the cost of {drawn} depends on more than its stages"
        logits = build(layers).eval()(torch.zeros(2, *space.deployment))
        assert logits.shape == (2, space.classes), f"logits of {drawn}: {tuple(logits.shape)}"


def _check_stages(space: SearchSpace, architecture: Architecture) -> None:
    """Check that each stage ends with its width, and divides the side by its stride."""
    layers = lower(space, architecture)
    strides = adapt(space, space.deployment).stages
    before = next(layer.shape for layer in reversed(layers) if layer.name.startswith("stem."))
    for index, (stage, stride) in enumerate(zip(space.stages, strides, strict=True)):
        choices = architecture.choices(index)
        if not choices["depth"]:
            continue
        own = [layer.shape for layer in layers if layer.name.startswith(f"{stage.name}.")]
        side = (math.ceil(before.height / stride), math.ceil(before.width / stride))
        found = own[-1]
        assert found == Shape(int(choices["width"] or 0), *side), (
            f"{stage.name} of {architecture} ends with {found}"
        )
        before = found


def check_sampler(name: str, trials: int = 12, space: str = "mobilenetv1") -> None:
    """Check the sampler `name` in a search of a built-in `space`, without training.

    A sampler that can learn from earlier studies is also checked with borrowed trials of one.
    """
    costs = CostModel(load_space(space))
    feasible = feasible_space(costs, parse_budgets(["100M-flops"]))
    _check_search(name, feasible, trials, ())
    if learns_from_others(name):
        earlier = _search(name, feasible_space(costs, parse_budgets(["200M-flops"])), trials, ())
        lent = [("earlier", trial) for trial in earlier if trial.measurements]
        borrowed, _ = borrow(lent, Ladder((1, 3, 9), 3), _GOALS, feasible)
        _check_search(name, feasible, trials, borrowed)


def _check_search(name: str, feasible: Feasible, trials: int, borrowed: Sequence[Trial]) -> None:
    first, second = (_search(name, feasible, trials, borrowed) for _ in range(2))
    assert [t.arch_id for t in first] == [t.arch_id for t in second], "two equal searches differ"
    for trial in first:
        assert feasible.admits(trial.architecture), f"{trial.architecture} is over the budget"
    sampler = _make(name, feasible)
    again = sampler.propose([*borrowed, *first[:-1]], trials - 1, _draws(trials - 1))
    assert again == first[-1].architecture, "a new sampler continues with another architecture"
    complete = {trial.number for trial in first if trial.state is TrialState.COMPLETE}
    expected = sampler.expected_losses([*borrowed, *first])
    assert set(expected) <= complete, "it estimates a loss of a trial that is not complete"
    assert all(map(math.isfinite, expected.values())), "it estimates a loss that is not finite"


def _search(name: str, feasible: Feasible, trials: int, borrowed: Sequence[Trial]) -> list[Trial]:
    """Return a history in which the error falls with the cost."""
    sampler, history = _make(name, feasible), list[Trial]()
    for number in range(trials):
        proposed = sampler.propose([*borrowed, *history], number, _draws(number))
        assert proposed is not None, f"it proposes nothing at trial {number}"
        cost, state = feasible.cost(proposed), _CYCLE[number % len(_CYCLE)]
        error = 0.9 * (cost.madds / 1e7) ** -0.3
        last = Measurement(9, 2, {"top1_error": error, "loss": 3 * error}, 1.0, 10.0)
        measured = () if state is TrialState.FAILED else (last,)
        history.append(Trial(number, proposed, cost, state, number, measurements=measured))
    return history


def _make(name: str, feasible: Feasible) -> Sampler:
    return make_sampler(name, feasible, _GOALS)


def _draws(number: int) -> np.random.Generator:
    return np.random.default_rng([0, number])


def check_export_format(name: str, directory: Path, head: Head | None = None) -> None:
    """Check the export format `name`: write a small network to `directory`, and replace it.

    The network has the classifier of its space, or `head` if the format needs another one.
    """
    space, side = load_space("mobilenetv1"), Shape(3, 32, 32)
    architecture = feasible_space(CostModel(space), ()).smallest("madds")
    request = ExportRequest(
        name, space, architecture, side, 10, head=head, deployment=side, deployment_classes=10
    )
    for force in (False, True):
        files = export_network(request, directory, force, [name])
        assert len(files) > 1, "it writes no file"
        assert all(file.is_file() for file in files), "it returns a file that does not exist"
        written = {path for path in directory.resolve().rglob("*") if path.is_file()}
        assert written == set(files), f"it does not return {written - set(files)}"
    card = json.loads((directory / "card.json").read_text(encoding="utf-8"))
    unknown = [lib for lib in FORMATS.load(name).libraries if card["versions"][lib] == "unknown"]
    assert not unknown, f"{unknown} are not names of installed packages"
