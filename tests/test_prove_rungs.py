"""Proof mode on learning curves: trials stop at rungs as in a study, and epochs are counted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import NasError
from nas.prove.simulate import Cluster
from nas.prove.table import ACCURACY, Table, TableSpace
from nas.samplers import make_sampler
from nas.study.judging import Judging
from nas.study.rungs import Decision, Ladder
from nas.study.trial import Measurement, TrialState
from nas.workflows import ProveRequest
from nas.workflows.prove_run import prove
from tests import tables
from tests.messages import carries
from tests.test_prove import Planned

EPOCHS = range(1, 10)
RUNGS = (1, 3, 9)


def write(path: Path, broken: int | None = None) -> Path:
    """Write the toy table with curves of nine epochs that rise to the accuracy."""
    header = [*tables.HEADER]
    header += [f"acc_s{seed}_e{epoch}" for seed in (0, 1) for epoch in EPOCHS]
    header += [f"train_loss_e{epoch}" for epoch in EPOCHS]
    rng = np.random.default_rng(1)
    lines = []
    for number, row in enumerate(tables.rows()):
        curves = [
            float(row[5 + seed]) * (1 - 0.5 * 0.7**epoch) - rng.random()
            for seed in (0, 1)
            for epoch in EPOCHS
        ]
        losses = [f"{3 * 0.8**epoch + rng.random() / 10:.3f}" for epoch in EPOCHS]
        if number == broken:
            losses[1] = "nan"
        lines.append([*row, *(f"{value:.3f}" for value in curves), *losses])
    return tables.write(path, lines, header)


@pytest.fixture
def space(tmp_path: Path) -> TableSpace:
    table = Table.read(write(tmp_path / "toy.csv"))
    return TableSpace(table, [table.ceiling("200K-flops")])


def rule(space: TableSpace, rungs: tuple[int, ...] = RUNGS) -> Judging:
    return Judging(
        Ladder(rungs, 3),
        (ACCURACY, space.table.goal("flops")),
        space.budget[0] if space.budget else None,
    )


def played(space: TableSpace, indices: Any, workers: int = 1, **more: Any) -> Cluster:
    judging = more.pop("judging", None) or rule(space)
    cluster = Cluster(space, Planned(space, indices), 3, workers, len(indices), judging)
    list(cluster.run())
    return cluster


def test_trials_stop_where_the_rule_of_the_studies_stops_them(space: TableSpace) -> None:
    indices = space.feasible[::2].tolist()
    cluster = played(space, indices)
    judging, earlier = rule(space), []
    for trial in cluster.trials:
        earlier.append(trial)
        reached = [m for m in trial.measurements if m.rung is not None]
        *before, last = reached
        assert [m.epoch for m in trial.measurements] == list(range(1, last.epoch + 1))
        for measured in before:
            assert judging.decide(earlier, trial, measured) is Decision.CONTINUE
        if trial.state is TrialState.STOPPED:
            assert judging.decide(earlier, trial, last) is Decision.STOP
        else:
            assert (trial.state, last.epoch) == (TrialState.COMPLETE, 9)
    states = [trial.state for trial in cluster.trials]
    assert states.count(TrialState.STOPPED) > len(indices) / 3
    assert cluster.spent == sum(trial.last.epoch for trial in cluster.trials)


def test_a_trial_shows_the_curve_of_one_training(space: TableSpace) -> None:
    cluster = played(space, space.feasible[:8].tolist())
    drawn = set()
    for network, trial in zip(cluster.networks, cluster.trials, strict=True):
        curves = [space.table.curve(network, which) for which in (0, 1)]
        first = [curve[1]["top1_error"] for curve in curves]
        which = first.index(trial.measurements[0].metrics["top1_error"])
        drawn.add(which)
        for measured in trial.measurements:
            assert measured.metrics == {"top1_error": curves[which][measured.epoch]["top1_error"]}
            assert measured.train_loss == curves[which][measured.epoch]["train_loss"]
    assert drawn == {0, 1}


def test_the_clock_runs_by_epochs(space: TableSpace) -> None:
    indices = space.feasible[:12].tolist()
    whole, stopped = played(space, indices, judging=rule(space, (9,))), played(space, indices)
    assert whole.spent == 9 * len(indices)
    hours = [trial.seconds / 3600 for trial in whole.trials]
    counts = space.table.counts[indices, 0] / space.table.counts[space.feasible, 0].mean()
    assert hours == pytest.approx(counts)
    assert whole.clock == pytest.approx(sum(trial.seconds for trial in whole.trials))
    for one, other in zip(whole.trials, stopped.trials, strict=True):
        assert other.seconds == pytest.approx(one.seconds * other.last.epoch / 9)


def test_running_trials_show_no_measurement_to_a_sampler(space: TableSpace) -> None:
    planned = Planned(space, space.feasible[:20].tolist())
    list(Cluster(space, planned, 3, 4, 20, rule(space)).run())
    for history in planned.shown:
        for trial in history:
            assert bool(trial.measurements) == trial.state.finished


def test_a_diverged_training_fails_as_in_a_study(tmp_path: Path) -> None:
    table = Table.read(write(tmp_path / "toy.csv", broken=0))
    space = TableSpace(table, [])
    cluster = played(space, [0, 1, 2])
    assert (cluster.trials[0].state, cluster.trials[0].fail_reason) == (TrialState.FAILED, "nan")
    assert [measured.epoch for measured in cluster.trials[0].measurements] == [1]
    assert cluster.trials[1].state is TrialState.COMPLETE


def request(path: Path, **changes: Any) -> ProveRequest:
    base: dict[str, Any] = {"table": path, "budgets": ("200K-flops",), "samplers": ("random",),
                            "seeds": 2, "jobs": 1}  # fmt: skip
    return ProveRequest(**base | changes)


def test_runs_are_scored_at_equal_epochs(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.csv")
    given = request(path, rungs=("1,3,9", "9"), epochs=(18, 50), samplers=("random", "predictor"))
    result = prove(given)
    labels = ["random@1/3/9", "random@9", "predictor@1/3/9", "predictor@9"]
    assert list(result.runs) == labels
    for runs in result.runs.values():
        for run in runs:
            assert [score.after for score in run.scores] == [18, 50]
            assert all(0 <= score.after - score.epochs < 9 for score in run.scores)
    whole = [run.scores[1].trainings for run in result.runs["random@9"]]
    stopped = [run.scores[1].trainings for run in result.runs["random@1/3/9"]]
    assert whole == [5, 5]
    assert min(stopped) >= 10
    assert "| random@1/3/9 |" in result.markdown()
    assert result.verdict is not None
    assert result.verdict.sampler == "random@1/3/9"
    assert prove(request(path, rungs=("1,3,9", "9"), ours="random")).judged == "random@1/3/9"


def test_both_judges_are_compared_in_one_call(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.csv")
    result = prove(request(path, judge=("inferred", "error"), epochs=(200,), rungs=("1,3,9", "9")))
    labels = ["random@1/3/9:inferred", "random@1/3/9", "random@9"]
    assert list(result.runs) == labels
    assert result.verdict is not None
    assert result.verdict.others == tuple(labels[1:])


def test_a_run_with_every_network_keeps_its_score(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.csv")
    run = prove(request(path, epochs=(100_000, 200_000), seeds=1)).runs["random@1/3/9"][0]
    assert run.scores[0].epochs == run.scores[1].epochs < 100_000
    assert run.scores[0].regret == run.scores[1].regret


def test_usual_rungs_are_those_of_a_search_and_of_the_table(tmp_path: Path) -> None:
    path = write(tmp_path / "toy.csv")
    assert list(prove(request(path)).runs) == ["random@1/3/9"]
    assert list(prove(request(path, trainings=(20,))).runs) == ["random@1/3/9"]
    header = "a,acc,acc_e4,acc_e12,acc_e36,acc_e108"
    lines = [f"{n},{90 - n},{50 - n},{60 - n},{70 - n},{80 - n}" for n in range(30)]
    sparse = tmp_path / "sparse.csv"
    sparse.write_text("\n".join([header, *lines]))
    (tmp_path / "sparse.toml").write_text('choices = ["a"]')
    made = prove(request(sparse, budgets=(), epochs=(500,), objectives="single"))
    assert list(made.runs) == ["random:single@12/36/108"]
    [run, _] = made.runs["random:single@12/36/108"]
    assert run.scores[0].epochs <= 500


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rungs": ("1,4,12",)}, "no errors after epoch 12 … 1, 2, 3, …, 9"),
        ({"rungs": ("3,1,9",)}, "do not rise"),
        ({"rungs": ("all",)}, "'all'"),
        ({"rungs": ("9",), "eta": 2}, "eta has no effect"),
        ({"rungs": ("9",), "judge": ("error",)}, "judge has no effect"),
        ({"judge": ("loss",)}, "judge 'loss'"),
        ({"epochs": (5,)}, "after 5 epochs"),
        ({"epochs": (20,), "trainings": (5,)}, "trainings has no effect"),
    ],
)
def test_settings_of_rungs_that_cannot_be(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = write(tmp_path / "toy.csv")
    with pytest.raises(NasError) as caught:
        prove(request(path, **changes))
    assert carries(str(caught.value), said)


@pytest.mark.parametrize(
    "changes", [{"epochs": (20,)}, {"rungs": ("1,3",)}, {"eta": 2}, {"judge": ("error",)}]
)
def test_a_table_without_curves_has_no_rungs(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tables.write(tmp_path / "toy.csv", tables.rows())
    with pytest.raises(NasError, match="no learning curves"):
        prove(request(path, **changes))


def test_a_network_without_a_rung_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arch,a,acc,acc_e1,acc_e3\nx,1,80,50,70\ny,2,81,,71\nz,3,82,52,72\n")
    (tmp_path / "t.toml").write_text('choices = ["a"]')
    with pytest.raises(NasError, match="y was not measured"):
        prove(request(path, budgets=(), objectives="single"))


def test_the_samplers_learn_from_stopped_trials(space: TableSpace) -> None:
    goals = (ACCURACY, space.table.goal("flops"))
    sampler = make_sampler("predictor", space, goals)
    cluster = Cluster(space, sampler, 0, 1, 30, rule(space))
    assert len(set(cluster.run())) == 30
    assert isinstance(cluster.trials[0].last, Measurement)
