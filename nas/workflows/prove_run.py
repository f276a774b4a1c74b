"""Prove: compare samplers on a table of trained networks, in parallel simulated searches."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.cost import Constraint
from nas.errors import BudgetError, NasError, NoEffectError
from nas.prove import Bench, Entry, Kept, ProveResult, Setting, Table, by_label, make_runs
from nas.samplers import make_sampler
from nas.study import BY_ERROR, JUDGES, Ladder, default_rungs
from nas.workflows import events
from nas.workflows.request import Request
from nas.workflows.requests import ETA

CONFIRM = 3
TRAININGS = (20, 50, 100, 200)  # runs are scored after these, without learning curves
WHOLE_TRAININGS = (5, 10, 20, 40)  # with learning curves: after the epochs of these
_MODES = ("single", "multi")


@dataclass(frozen=True, kw_only=True)
class ProveRequest(
    Request, least={"seeds": 1, "workers": 1, "confirm": 1, "jobs": 1, "reference": 0, "eta": 2}
):
    """Samplers to compare on `table`, a CSV with one row for each network.

    `toml` describes its columns; None is the file next to it. `budgets` are ceilings on cost
    columns; `budget_quantile` sets the ceiling on the first cost by the share of the rows instead.
    A sampler NAME:single uses only the accuracy, NAME:multi also the costs of the `front`;
    `objectives` is the default for the others. `front` None is the cost of the first budget. There
    are `seeds` runs for each sampler, on `workers` simulated workers, scored after each number of
    `trainings`, or of `epochs` of all trials together. On a table with learning curves trials are
    judged at `rungs`, such as "10,30,90", and compared by the `judge`, "inferred" or "error"; with
    several, each sampler is run with each of them. One in `eta` passes a rung; None is 3. Empty
    `rungs` are those of a search, and empty `epochs` 5, 10, 20 and 40 whole trainings; without
    curves empty `trainings` are 20, 50, 100 and 200. `reference` is the accuracy of the hypervolume
    in percent; None: 95 % of the feasible networks exceed it. `confirm` networks are retrained with
    the other seeds; None is 3 if the table has several trainings of a network. `ours` is compared
    with the others; None: the first sampler. `jobs` processes run in parallel; None: one for each
    core. `resume` is a file of finished runs.
    """

    table: Path
    toml: Path | None = None
    budgets: tuple[str, ...] = ()
    budget_quantile: float | None = None
    samplers: tuple[str, ...] = ("predictor", "evolution", "random")
    objectives: str = "multi"
    front: tuple[str, ...] | None = None
    seeds: int = 30
    trainings: tuple[int, ...] = ()
    epochs: tuple[int, ...] = ()
    rungs: tuple[str, ...] = ()
    eta: int | None = None
    judge: tuple[str, ...] = ()
    workers: int = 1
    reference: float | None = None
    confirm: int | None = None
    ours: str | None = None
    jobs: int | None = None
    resume: Path | None = None

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if {name.rpartition(":")[2] for name in self.samplers} <= {*_MODES}:
            yield NoEffectError("objectives", "every sampler names its own")
        if len({*self.samplers}) == 1 and len({*self.rungs}) <= 1 and len({*self.judge}) <= 1:
            yield NoEffectError("ours", "there is one sampler, and none to compare it with")
        if self.epochs:
            yield NoEffectError("trainings", "runs are scored after {epochs}")


def prove(request: ProveRequest, on_event: events.Watcher = events.ignore) -> ProveResult:
    """Make the runs that are missing in `resume`, and return the scores of all.

    After an interruption the result has fewer runs than planned, and no verdict.

    Raises:
        NasError: a setting cannot be used, or no network of the table fits the budget.
    """
    table = Table.read(request.table, request.toml)
    if request.confirm is not None and not table.replicated:
        raise NoEffectError("confirm", f"{request.table} has one training of each network")
    _refuse_rungs(table, request)
    budget = _budget(table, request)
    trainings, epochs = _marks(table, request)
    setting = Setting(
        path=request.table,
        toml=request.toml,
        budget=budget,
        front=_front(table, budget, request.front),
        trainings=trainings,
        workers=request.workers,
        reference=request.reference,
        confirm=request.confirm or CONFIRM,
        epochs=epochs,
        eta=(request.eta or ETA) if table.epochs else None,
    )
    bench = Bench(setting, table)
    entries = _entries(request, bench)
    judged = _judged(request.ours, entries)
    on_event(events.BenchReady(bench, request.seeds))
    kept = Kept(setting, request.resume)
    tasks = [(entry, seed) for seed in range(request.seeds) for entry in entries]
    finished = _make(kept, setting, tasks, request.jobs or os.cpu_count() or 1, on_event)
    wanted = {(entry.label, seed) for entry, seed in tasks}
    made = {key: run for key, run in kept.runs.items() if key in wanted}
    runs = by_label(made, [entry.label for entry in entries])
    return ProveResult(bench, runs, len(tasks), judged if finished else None)


def _budget(table: Table, request: ProveRequest) -> tuple[Constraint, ...]:
    if request.budget_quantile is not None:
        if request.budgets:
            raise BudgetError(
                "--budget and --budget-quantile are both given.", "Give one of the two."
            )
        return (table.quantile(request.budget_quantile),)
    budget = tuple(table.ceiling(text) for text in request.budgets)
    if len({part.cost for part in budget}) < len(budget):
        raise BudgetError("two budgets limit the same cost.", "Give each cost one ceiling.")
    return budget


def _front(
    table: Table, budget: Sequence[Constraint], names: tuple[str, ...] | None
) -> tuple[str, ...]:
    """Return the names of the costs on the front."""
    if names is not None:
        return tuple(dict.fromkeys(table.goal(name).name for name in names))
    first = [part.cost for part in budget] + [column.name for column in table.costs]
    return tuple(first[:1])


def _refuse_rungs(table: Table, request: ProveRequest) -> None:
    """Refuse settings of rungs on a table without learning curves."""
    for name in ("epochs", "rungs", "eta", "judge"):
        if getattr(request, name) and not table.epochs:
            raise NoEffectError(
                name,
                f"{request.table} has no learning curves",
                f"Leave {{{name}}} out, or add columns such as acc_e9.",
            )


def _marks(table: Table, request: ProveRequest) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the numbers of trainings or of epochs after which runs are scored."""
    if request.trainings:
        return request.trainings, None
    if not table.epochs:
        return TRAININGS, None
    return (), request.epochs or tuple(table.epochs[-1] * whole for whole in WHOLE_TRAININGS)


def _entries(request: ProveRequest, bench: Bench) -> list[Entry]:
    """Return the samplers with each ladder; each is created once, to refuse wrong names early."""
    found = []
    ladders = _ladders(request, bench)
    for name in request.samplers:
        plain, _, last = name.rpartition(":")
        mode = last if plain and last in _MODES else ""
        single = (mode or request.objectives) == "single"
        entries = [Entry(plain if mode else name, single, rungs, judge) for rungs, judge in ladders]
        make_sampler(entries[0].sampler, bench.space, bench.goals(entries[0]))
        found += entries
    return list(dict.fromkeys(found))


def _ladders(request: ProveRequest, bench: Bench) -> list[tuple[tuple[int, ...], str]]:
    """Return the rungs and judges to compare; no rungs on a table without learning curves."""
    epochs = bench.table.epochs
    if not epochs:
        return [((), BY_ERROR)]
    found = [_rungs(text) for text in request.rungs] or [_nearest(epochs)]
    for rungs in found:
        Ladder(rungs, request.eta or ETA)  # refuses rungs that do not rise
        bench.check_rungs(rungs)
    for name in ("eta", "judge"):
        if getattr(request, name) and all(len(rungs) == 1 for rungs in found):
            raise NoEffectError(name, "nothing is judged before the only rung")
    for judge in request.judge:
        if judge not in JUDGES:
            raise NasError(f"judge {judge!r} is unknown.", f"Use {', '.join(JUDGES)}.")
    judges = request.judge or (BY_ERROR,)
    return [(rungs, judge if len(rungs) > 1 else BY_ERROR) for rungs in found for judge in judges]


def _rungs(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise NasError(f"the rungs {text!r} are not integers.", "Write them as 10,30,90.")
    return tuple(map(int, parts))


def _nearest(epochs: Sequence[int]) -> tuple[int, ...]:
    """Return the rungs of a search up to the last of `epochs`, at epochs that were measured."""
    wanted = default_rungs(epochs[-1])
    return tuple(sorted({min(epochs, key=lambda e: (abs(e - rung), e)) for rung in wanted}))


def _judged(ours: str | None, entries: Sequence[Entry]) -> str:
    """Return the label of the entry that is compared with the others."""
    labels = [entry.label for entry in entries]
    if ours is None or ours in labels:
        return ours or labels[0]
    for label in labels:
        if label.partition("@")[0] == ours:
            return label
    raise NasError(f"--ours {ours} is not among the samplers.", f"Give one of {', '.join(labels)}.")


def _make(
    kept: Kept,
    setting: Setting,
    tasks: Sequence[tuple[Entry, int]],
    jobs: int,
    on_event: events.Watcher,
) -> bool:
    """Make the missing runs; return False if Ctrl-C ended it early."""
    missing = [task for task in tasks if (task[0].label, task[1]) not in kept.runs]
    done = len(tasks) - len(missing)
    if not missing:
        return True
    on_event(events.RunsMade(done, len(tasks)))
    try:
        for run in make_runs(setting, missing, make_sampler, jobs):
            kept.add(run)
            done += 1
            on_event(events.RunsMade(done, len(tasks)))
    except KeyboardInterrupt:
        return False
    return True
