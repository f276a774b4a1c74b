"""`nas show`: a study, one trial of it, and every trial as CSV, on terminals of several widths."""

import csv
import io
import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nas import open_study
from nas.cli import output
from nas.feasible import feasible_space
from nas.results import StudyResults, front_record
from nas.store import open_store
from nas.study.spec import StudySpec
from nas.study.study import Study
from nas.study.trial import Trial, TrialState
from nas.workflows import list_studies
from tests.classified import with_metrics
from tests.cli.runner import Shell
from tests.members import TRICKY
from tests.messages import carries
from tests.studies import WalkSampler, measurement, run_all, small_spec


@pytest.fixture
def found(nas: Shell) -> StudyResults:
    """Return what a search of the space `small` has found and stored in nas.db, one test score."""
    spec = small_spec(num_trials=16, confirm=2, seeds=3, recipe="# digits\nepochs = 4")
    with open_store("nas.db") as store:
        store.create_study(spec, {"nas": "0.1"})
        run_all(Study(spec, store, WalkSampler(spec)))
        best = StudyResults(spec, store.trials("study")).best
        store.record_report("study", best.number, "test", {"top1_error": 0.2, "images": 50.0})
        return StudyResults(spec, store.trials("study"), store.reports("study"))


def enter(spec: StudySpec, num: Any) -> None:
    """Enter a study of `num` complete candidates, of every space in turn, the later the worse."""
    parts = [feasible_space(own, spec.budget) for own in spec.cost_models().values()]
    rng = np.random.default_rng(0)
    with open_store("nas.db") as store:
        store.create_study(spec, {"nas": "0.1"})
        with store.together(spec.name):
            for number in range(num):
                part = parts[number % len(parts)]
                architecture = part.sample(rng)
                trial = Trial(number, architecture, part.cost(architecture),
                              TrialState.COMPLETE, seed=number, attempt=1)  # fmt: skip
                curve = [measurement(trial, epoch, spec) for epoch in (1, 2, 4)]
                curve = [with_metrics(one, top1_error=0.1 + number / 10_000) for one in curve]
                store.insert_trial(spec.name, replace(trial, measurements=tuple(curve)))


def rows_of(text: str) -> Any:
    """Return the lines of the table of trials by the number of the trial."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("trial "))
    table = lines[start + 1 : lines.index("", start)] if "" in lines[start:] else lines[start + 1 :]
    return {int(line.split()[0]): line for line in table if line.split()[0].isdigit()}


def test_the_winner_and_the_front_are_marked(nas: Shell, found: StudyResults) -> None:
    rows = rows_of(nas("show", "study").out)
    assert len(rows) == len(found.trials)
    assert "  winner  " in rows[found.best.number]
    marked = {number for number, line in rows.items() if "  front  " in line}
    assert marked == {trial.number for trial in found.front} - {found.best.number}
    references = {trial.number: trial.reference for trial in found.trials if trial.reference}
    assert references
    assert all(f"  {name}  " in rows[number] for number, name in references.items())
    again = next(trial for trial in found.trials if trial.replicate == 1)
    assert f"  seed 2 of trial {again.replicate_of}  " in rows[again.number]
    assert "family" not in nas("show", "study").out
    front = nas("front", "study").out
    assert "  winner  " in rows_of(front)[found.best.number]


def test_a_study_of_several_spaces_names_the_family_of_each_trial(nas: Shell) -> None:
    spec = small_spec(more_spaces=(("tricky", TRICKY),), published=False)
    enter(spec, 4)
    for verb in ("show", "front"):
        out = nas(verb, "study").out
        assert "family" in out
        rows = rows_of(out)
        assert all(f"  {('small', 'tricky')[n % 2]}  " in line for n, line in rows.items())


def test_a_trial_is_shown_by_stage_with_its_cost_its_curve_and_its_seeds(
    nas: Shell, found: StudyResults
) -> None:
    best, spec = found.best, found.spec
    text = nas("show", "study", "--trial", str(best.number)).out
    assert f"{best.number} of study: winner" in text
    assert "strides 2,1,2,2" in text
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line}
    header = lines["stage"]
    assert header[:8] == ["stage", "depth", "width", "exp", "g1", "g2", "relu", "P2"]
    for index, stage in enumerate(spec.space.stages):
        values: dict[str, Any] = dict(best.architecture.choices(index))
        shown = ["–" if value is None else {False: "no"}.get(value, str(value))
                 for value in values.values()]  # fmt: skip
        shown[0] = str(values["depth"])
        assert lines[stage.name][1:8] == shown
    for seed in found.trainings[best.number]:
        assert f"{100 * seed.last.metrics['top1_error']:.2f} %" in text
    assert "20.00 %" in text  # on the test split
    assert f"nas export study --trial {best.number} -o DIR" in text


def test_a_stopped_trial_shows_what_its_curve_lets_infer(nas: Shell) -> None:
    spec = small_spec(rungs=(1, 4), num_trials=24, judge="inferred")
    with open_store("nas.db") as store:
        store.create_study(spec, {"nas": "0.1"})
        run_all(Study(spec, store, WalkSampler(spec)))
        reports = store.reports(spec.name)
    number, inferred = next((n, kinds["inferred"]) for n, kinds in reports.items())
    text = nas("show", "study", "--trial", str(number)).out
    shown = f"{100 * inferred['value']:.2f} % after 4 epochs ({100 * inferred['low']:.2f} % to "
    assert shown in text
    assert "not a measurement" in text
    document = json.loads(nas("show", "study", "--trial", str(number), "--json").out)
    assert document["inferred"] == inferred
    assert [one["epoch"] for one in document["curve"]] == [1]
    assert "by the inferred final objectives" in nas("show", "study").out


def test_the_same_as_json_adds_up(nas: Shell, found: StudyResults) -> None:
    best = found.best
    document = json.loads(nas("show", "study", "--trial", str(best.number), "--json").out)
    for key in ("madds", "params", "acts"):
        assert sum(part[key] for part in document["parts"]) == getattr(best.cost, key)
    stages = [part for part in document["parts"] if "depth" in part]
    assert [part["part"] for part in stages] == [stage.name for stage in found.spec.space.stages]
    assert [part["g1"] for part in stages] == list(best.architecture.column("g1"))
    assert [one["epoch"] for one in document["curve"]] == [1, 2, 3, 4]
    assert [one["rung"] for one in document["curve"]] == [0, 1, None, 2]
    assert [one["seed"] for one in document["trainings"]] == [
        trial.seed for trial in found.trainings[best.number]
    ]
    assert document["trainings"][0]["test"]["top1_error"] == 0.2
    assert document["role"] == "winner"
    assert document["best"]


def test_every_trial_can_be_shown(nas: Shell, found: StudyResults) -> None:
    for trial in found.trials:
        called = nas("show", "study", "--trial", str(trial.number))
        assert called.code == 0, called.err
        assert trial.arch_id in called.out
        if trial.fail_detail:
            assert trial.fail_detail in called.out


def test_python_returns_the_data_that_the_commands_print(nas: Shell, found: StudyResults) -> None:
    study, number = open_study("study"), str(found.best.number)
    returned = {
        ("show", "study"): study.record(),
        ("show", "study", "--trial", number): study.best.details(),
        ("front", "study"): {"study": "study", **front_record(study.results)},
        ("list",): [record for _, record in list_studies()],
    }
    for words, data in returned.items():
        assert json.loads(nas(*words, "--json").out) == json.loads(json.dumps(data, default=str))


def test_a_study_without_a_live_process_is_listed_as_killed(nas: Shell) -> None:
    with open_store("nas.db") as store:
        store.create_study(small_spec(num_trials=4), {"nas": "0.1"})
    (listed,) = json.loads(nas("list", "--json").out)
    assert listed["state"] == "killed"
    assert listed["best_error"] is None
    assert "killed" in nas("list").out


def test_an_unknown_trial_is_refused_with_those_there_are(nas: Shell, found: StudyResults) -> None:
    said = nas.refused("show", "study", "--trial", "999")
    assert carries(said, f"999 … 0 to {len(found.trials) - 1}")


def test_csv_has_each_choice_of_each_stage(nas: Shell, found: StudyResults) -> None:
    rows = list(csv.DictReader(io.StringIO(nas("show", "study", "--csv").out)))
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in found.trials]
    for row, trial in zip(rows, found.trials, strict=True):
        for index, stage in enumerate(found.spec.space.stages):
            for key, value in trial.architecture.choices(index).items():
                assert row[f"{stage.name}.{key}"] == ("" if value is None else str(value))
        assert int(row["madds"]) == trial.cost.madds
        assert row["state"] == trial.state.value
    winner = rows[found.best.number]
    assert winner["best"] == "True"
    assert float(winner["top1_error"]) == found.estimate(found.best.number).mean


@pytest.mark.parametrize(
    "words",
    [["--csv", "--json"], ["--csv", "--trial", "1"], ["--all", "--json"], ["--profile", "--csv"],
     ["--all", "--trial", "0"]],
)  # fmt: skip
def test_options_that_exclude_each_other_are_refused(
    nas: Shell, found: StudyResults, words: list[str]
) -> None:
    assert "cannot be given together" in nas.refused("show", "study", *words)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_longer_than_the_terminal(
    nas: Shell, found: StudyResults, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "terminal_width", lambda: width)
    number = str(found.best.number)
    for words in (["show", "study"], ["front", "study"], ["show", "study", "--trial", number]):
        out = nas(*words).out
        tables = out[: out.find("\ntrial 1 failed")] if "failed" in out else out
        assert max(map(len, tables.splitlines())) <= width, words
        assert "winner" in out
    assert "g1  g2  relu" in out


def test_of_many_trials_the_best_are_shown_and_all_on_demand(nas: Shell) -> None:
    enter(small_spec(published=False, num_trials=250), 250)
    few = nas("show", "study").out
    assert len(rows_of(few)) == 100
    assert set(rows_of(few)) >= set(range(90))  # the first are the best
    assert carries(few, "150 … --all … --csv … --json")
    assert len(rows_of(nas("show", "study", "--all").out)) == 250
    assert len(nas("show", "study", "--csv").out.splitlines()) == 251
    assert len(json.loads(nas("show", "study", "--json").out)["trials"]) == 250


@pytest.mark.parametrize("words", [["show"], ["show", "--all"], ["front"], ["show", "--csv"]])
def test_the_work_grows_no_faster_than_the_number_of_trials(nas: Shell, words: list[str]) -> None:
    def calls(num: Any) -> Any:
        enter(small_spec(name=f"of-{num}", published=False, num_trials=num), num)
        counted = 0

        def count(frame: Any, event: Any, argument: Any) -> None:
            nonlocal counted
            counted += event in ("call", "c_call")

        verb, *options = words
        sys.setprofile(count)
        try:
            called = nas(verb, f"of-{num}", *options)
        finally:
            sys.setprofile(None)
        assert called.code == 0, called.err
        return counted

    calls(50)  # imports
    few, many = calls(100), calls(300)
    assert many < 3.3 * few
