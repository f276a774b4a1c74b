"""Proof mode: the simulated cluster, the scores against brute force, the runs and their file."""

import itertools
import json
import math
import multiprocessing
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import BudgetError, NasError
from nas.prove.runs import Bench, Entry, Kept, SearchRun, Setting, by_label, make_runs
from nas.prove.scores import Judge, RunScore
from nas.prove.simulate import PROPOSALS, Cluster
from nas.prove.summary import ask_times, csv_text, markdown, markdown_verdict, summarise, verdict
from nas.prove.table import Table, TableSpace
from nas.samplers import make_sampler
from nas.space.architecture import Architecture
from nas.stats.pareto import non_dominated
from nas.study.trial import Trial, TrialState
from tests import tables
from tests.messages import carries

LIMIT = "200K-flops"


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table.read(tables.write(tmp_path / "toy.csv", tables.rows()))


@pytest.fixture
def space(table: Table) -> TableSpace:
    return TableSpace(table, [table.ceiling(LIMIT)])


def setting(tmp_path: Path, **changes: Any) -> Setting:
    path = tmp_path / "toy.csv"
    budget = (Table.read(path).ceiling(LIMIT),)
    base = Setting(path, None, budget, ("madds",), (5, 12), 1, 72.0, 3)
    return replace(base, **changes)


class Planned:
    """Proposes the networks of a list, one for each number, and keeps what it was shown."""

    def __init__(self, space: TableSpace, indices: Any) -> None:
        self._architectures: list[Architecture] = [
            space.table.architectures[index] for index in indices
        ]
        self.shown: list[Any] = []

    def propose(
        self, history: Sequence[Trial], number: int, rng: np.random.Generator
    ) -> Architecture | None:
        self.shown.append(history)
        return self._architectures[min(number, len(self._architectures) - 1)]

    def expected_losses(self, history: Sequence[Trial]) -> dict[int, float]:
        done = [trial for trial in history if trial.state is TrialState.COMPLETE]
        return {trial.number: trial.value("top1_error") for trial in done}


class Silent(Planned):
    """Knows of no network."""

    def propose(self, history: Sequence[Trial], number: int, rng: np.random.Generator) -> None:
        return None


def ended(cluster: Any) -> Any:
    return [(cluster.clock, network) for network in cluster.run()]


# the cluster


def test_only_distinct_feasible_networks_are_trained(space: TableSpace) -> None:
    stubborn = Planned(space, [int(space.feasible[0])])
    cluster = Cluster(space, stubborn, seed=1, workers=1, most=20)
    networks = [network for _, network in ended(cluster)]
    assert len(set(networks)) == 20
    assert set(networks) <= set(space.feasible.tolist())
    assert len(stubborn.shown) == 1 + 19 * PROPOSALS
    assert len(cluster.asks) == 20


def test_all_feasible_networks_are_found_without_a_sampler(space: TableSpace) -> None:
    cluster = Cluster(space, Silent(space, []), seed=1, workers=3, most=10**6)
    assert {network for _, network in ended(cluster)} == set(space.feasible.tolist())


def test_network_over_the_budget_never_trains(space: TableSpace) -> None:
    over = next(i for i, a in enumerate(space.table.architectures) if not space.admits(a))
    with pytest.raises(BudgetError, match="over the budget"):
        ended(Cluster(space, Planned(space, [over]), seed=1, workers=1, most=1))


def test_workers_train_side_by_side_on_the_clock_of_the_table(tmp_path: Path) -> None:
    lines = ["a,b,acc,train_seconds", "1,1,50,10", "2,1,60,4", "1,2,70,5", "2,2,80,100"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    (tmp_path / "t.toml").write_text('choices = ["a", "b"]\n')
    table = Table.read(tmp_path / "t.csv")
    assert any("train_seconds" in note for note in table.notes)
    planned = Planned(TableSpace(table, []), [0, 1, 2, 3])
    cluster = Cluster(TableSpace(table, []), planned, seed=0, workers=2, most=4)
    # Worker A trains 0 until 10; worker B trains 1 until 4 and 2 until 9, then 3 until 109.
    assert ended(cluster) == [(4, 1), (9, 2), (10, 0), (109, 3)]
    states = [[trial.state.value[0] for trial in history] for history in planned.shown]
    assert states == [[], ["W"], ["W", "C"], ["W", "C", "C"]]
    assert planned.shown[1][0].value("top1_error") is None
    assert planned.shown[2][1].value("top1_error") == pytest.approx(0.4)


def test_without_a_column_of_times_the_first_cost_is_the_clock(space: TableSpace) -> None:
    indices = space.feasible[:2].tolist()
    counts = space.table.counts[:, 0]
    times = [clock for clock, _ in ended(Cluster(space, Planned(space, indices), 0, 1, 2))]
    hours = counts[indices] / counts[space.feasible].mean()
    assert times == pytest.approx(3600 * np.cumsum(hours))


def test_noise_is_one_training_and_the_same_for_every_sampler(space: TableSpace) -> None:
    observed = []
    for order in (space.feasible, space.feasible[::-1]):
        cluster = Cluster(space, Planned(space, order.tolist()), 3, 1, len(order))
        ended(cluster)
        observed.append(
            {
                n: t.value("top1_error")
                for n, t in zip(cluster.networks, cluster.trials, strict=True)
            }
        )
    assert observed[0] == observed[1]
    drawn = set()
    for network, error in observed[0].items():
        trainings = [1 - accuracy / 100 for accuracy in space.table.trainings(network)]
        assert error in trainings
        drawn.add(trainings.index(error))
    assert drawn == {0, 1}


# scores


def brute_volume(points: Any, corner: Any) -> Any:
    """Add up the cells of the grid that the points lay over their box."""
    errors = np.unique([*points[:, 0], corner[0]])
    costs = np.unique([*points[:, 1], corner[1]])
    total = 0.0
    for left, right in itertools.pairwise(errors):
        for low, high in itertools.pairwise(costs):
            inside = right <= corner[0] and high <= corner[1]
            if inside and ((points[:, 0] <= left) & (points[:, 1] <= low)).any():
                total += (right - left) * (high - low)
    return total


def test_scores_equal_brute_force(space: TableSpace) -> None:
    table = space.table
    judge = Judge(space, ["madds"], 74.0, confirm=3)
    corner = (-74.0, 200_000.0)
    points = np.column_stack([-table.accuracy, table.counts[:, 0]]).astype(float)
    full = brute_volume(points[space.feasible], corner)
    assert judge.full == pytest.approx(full)
    assert judge.best == max(table.accuracy[i] for i in space.feasible)
    order = np.random.default_rng(5).permutation(space.feasible).tolist()
    cluster = Cluster(space, Planned(space, order), 3, 1, 15)
    for done, _ in enumerate(cluster.run(), start=1):
        score = judge.score(cluster, done)
        trained = order[:done]
        errors = [trial.value("top1_error") for trial in cluster.trials[:done]]
        ranked = sorted(range(done), key=lambda i: errors[i])
        assert score.trainings == done
        assert score.regret == pytest.approx(judge.best - table.accuracy[trained[ranked[0]]])
        assert score.volume == pytest.approx(brute_volume(points[trained], corner) / full)
        seen = np.column_stack([errors, table.counts[trained, 0]])
        front = np.array(trained)[non_dominated(seen)]
        assert score.returned == pytest.approx(brute_volume(points[front], corner) / full)
        top = [trained[i] for i in ranked[:3]]
        assert score.confirmed == pytest.approx(judge.best - max(table.accuracy[i] for i in top))
        assert score.extra == len(top)
    assert score.seconds == cluster.clock


def test_whoever_trains_everything_has_the_whole_front(space: TableSpace) -> None:
    cluster = Cluster(space, Silent(space, []), 0, 4, 10**6)
    ended(cluster)
    score = Judge(space, ["madds", "latency_ms"], None, 1).score(cluster, 1)
    assert score.volume == pytest.approx(1)
    assert 0 <= score.regret < 1


def test_table_with_one_training_each_needs_no_confirmation(tmp_path: Path) -> None:
    lines = [[*row[:6], *row[7:]] for row in tables.rows()]
    header = [name.replace("acc_s0", "acc") for name in tables.HEADER if name != "acc_s1"]
    table = Table.read(tables.write(tmp_path / "one.csv", lines, header))
    space = TableSpace(table, [table.ceiling(LIMIT)])
    cluster = Cluster(space, Silent(space, []), 0, 1, 10**6)
    ended(cluster)
    score = Judge(space, ["madds"], None, 3).score(cluster, 1)
    assert (score.confirmed, score.extra, score.regret) == (None, 0, 0)


def test_reference_above_every_network_is_refused(space: TableSpace) -> None:
    with pytest.raises(NasError, match="lower --reference"):
        Judge(space, ["madds"], 99.0, 3)


# runs


def scores(run: Any) -> tuple[Any, Any, Any]:
    return (run.label, run.seed, run.scores)


def test_runs_are_the_same_however_many_processes(tmp_path: Path, table: Table) -> None:
    made = setting(tmp_path, workers=3)
    tasks = [
        (Entry("random", False), 0),
        (Entry("evolution", True), 0),
        (Entry("random", False), 1),
    ]
    bench = Bench(made, table)
    expected = sorted(scores(bench.run(entry, seed, make_sampler)) for entry, seed in tasks)
    found = sorted(scores(run) for run in make_runs(made, tasks, make_sampler, 2))
    assert found == expected
    assert expected[1][2] != expected[2][2]


def test_more_trainings_than_networks_are_refused(tmp_path: Path, table: Table) -> None:
    fit = sum(tables.flops(choice) <= 200_000 for choice in tables.combinations())
    Bench(setting(tmp_path, trainings=(5, fit)), table)
    with pytest.raises(NasError, match=f"only {fit} networks"):
        Bench(setting(tmp_path, trainings=(5, fit + 1)), table)


def test_goals_of_entries(tmp_path: Path, table: Table) -> None:
    bench = Bench(setting(tmp_path, front=("madds", "latency_ms")), table)
    assert [g.name for g in bench.goals(Entry("x", True))] == ["top1_error"]
    assert [g.name for g in bench.goals(Entry("x", False))] == ["top1_error", "madds", "latency_ms"]


def fake(label: Any, seed: int, regret: Any, volume: Any, seconds: float = 0.01) -> SearchRun:
    score = RunScore(5, regret, volume, volume, regret / 2, 6, 100.0, 5, 0)
    return SearchRun(label, seed, (score,), (seconds,) * 3)


def test_kept_runs_are_read_again_and_a_line_cut_off_is_dropped(
    tmp_path: Path, table: Table
) -> None:
    path = tmp_path / "runs.jsonl"
    kept = Kept(setting(tmp_path), path)
    first, second = fake("a", 0, 0.1, 0.9), fake("a", 1, 0.2, 0.8)
    kept.add(first)
    kept.add(second)
    assert Kept(setting(tmp_path), path).runs == {("a", 0): first, ("a", 1): second}
    path.write_text(path.read_text()[:-20])
    again = Kept(setting(tmp_path), path)
    assert again.runs == {("a", 0): first}
    again.add(second)
    assert Kept(setting(tmp_path), path).runs == {("a", 0): first, ("a", 1): second}


def test_kept_runs_of_another_setting_are_refused_and_left_alone(
    tmp_path: Path, table: Table
) -> None:
    path = tmp_path / "runs.jsonl"
    Kept(setting(tmp_path), path).add(fake("a", 0, 0.1, 0.9))
    before = path.read_text()
    with pytest.raises(NasError, match="another workers"):
        Kept(setting(tmp_path, workers=2), path)
    changed = setting(tmp_path)
    (tmp_path / "toy.csv").write_text((tmp_path / "toy.csv").read_text().replace("net-0", "net-x"))
    with pytest.raises(NasError, match="another table"):
        Kept(changed, path)
    assert path.read_text() == before
    (tmp_path / "letter.txt").write_text("dear reader\n")
    with pytest.raises(NasError, match="cannot be read"):
        Kept(changed, tmp_path / "letter.txt")
    assert (tmp_path / "letter.txt").read_text() == "dear reader\n"


def test_runs_end_with_their_caller(tmp_path: Path, table: Table) -> None:
    before = set(multiprocessing.active_children())
    tasks = [(Entry("random", False), seed) for seed in range(6)]
    made = make_runs(setting(tmp_path), tasks, make_sampler, 1)
    next(made)
    made.close()  # type: ignore[attr-defined]  # a generator
    assert set(multiprocessing.active_children()) == before


# summary


def summary() -> Any:
    runs = [fake("ours", s, r, v) for s, r, v in ((0, 0.1, 0.9), (1, 0.3, 0.8), (2, 0.2, 0.95))]
    runs += [fake("b", 0, 0.2, 0.7, 0.5), fake("b", 1, 0.2, 0.7, 0.5)]
    runs += [fake("c", 0, 0.1, 0.99)]
    return by_label({(run.label, run.seed): run for run in runs}, ["ours", "b", "c", "d"])


def test_summary_holds_medians_and_quartiles() -> None:
    row = summarise(summary())[0]
    assert (row.sampler, row.trainings, row.seeds) == ("ours", 5, 3)
    assert (row.regret.median, row.volume.median) == (0.2, 0.9)
    assert (row.regret.q1, row.regret.q3) == (pytest.approx(0.15), pytest.approx(0.25))
    assert row.confirmed is not None
    assert row.confirmed.median == pytest.approx(0.1)
    assert [asks.sampler for asks in ask_times(summary())] == ["ours", "b", "c"]
    assert ask_times(summary())[1].p95 == 0.5


def judged(runs: Any) -> Any:
    return verdict(runs, "ours", np.random.default_rng(0))


def test_verdict_pairs_the_runs_of_a_seed_and_few_seeds_show_nothing() -> None:
    found = judged(summary())
    assert found.others == ("b", "c")
    regret, volume, *of_c = found.contrasts
    assert (regret.score, regret.after, regret.other, regret.pairs) == ("regret", 5, "b", 2)
    assert regret.gain.value == pytest.approx((0.1 - 0.1) / 2)
    assert volume.gain.value == pytest.approx((0.2 + 0.1) / 2)
    assert of_c[0].gain.high == math.inf  # a single pair says nothing
    for contrast in found.contrasts:
        assert contrast.verdict.startswith("no difference seen: ")
    assert "paired over 1 to 2 seeds" in str(found)
    assert carries(str(found), "0 of 4 … 0 … 4")
    assert judged({"ours": summary()["ours"]}) is None


def test_verdict_is_better_worse_or_no_difference_by_the_paired_interval() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (3, 20))
    runs = {
        "ours": [fake("ours", s, 1 + noise[0, s], 0.5 + noise[1, s]) for s in range(20)],
        # the seed's own luck is far larger than the difference: only pairs show it
        "near": [fake("near", s, 1.05 + noise[0, s], 0.5 + noise[2, s]) for s in range(20)],
        "far": [fake("far", s, 0.5 + noise[2, s], 0.9 + noise[0, s]) for s in range(20)],
    }
    found = judged(runs)
    words = {(c.other, c.score): c.verdict for c in found.contrasts}
    assert words == {
        ("near", "regret"): "better", ("near", "HV"): "no difference seen",
        ("far", "regret"): "worse", ("far", "HV"): "worse",
    }  # fmt: skip
    assert all(c.gain.low <= c.gain.value <= c.gain.high for c in found.contrasts)
    assert judged(runs) == found
    assert "| regret @5 | near | +0.050 [" in markdown_verdict(found)


def test_tables_of_the_result() -> None:
    text = markdown(summarise(summary()), ask_times(summary()))
    assert "| ours | 0.200 [0.150, 0.250] |" in text
    assert "| b | 500.0 ms | 500.0 ms |" in text
    lines = csv_text(summary()).splitlines()
    assert (
        lines[0]
        == "sampler,seed,trainings,regret,volume,returned,confirmed,extra,seconds,after,epochs"
    )
    assert len(lines) == 7
    assert lines[1] == "ours,0,5,0.1,0.9,0.9,0.05,6,100.0,5,0"


def test_a_run_survives_its_line() -> None:
    run = fake("ours", 0, 0.1, 1 / 3)
    assert SearchRun.from_json(run.to_json()) == run
    assert "\n" not in run.to_json()
    assert json.loads(run.to_json())["label"] == "ours"
