"""The command line as a user types it: a whole search, and what it can be asked afterwards."""

import csv
import io
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from plotly.utils import PlotlyJSONEncoder

from nas.dashboards import parts
from nas.dashboards.reader import Reader
from nas.figures import PageTheme
from nas.results.findings import StudyResults
from nas.results.point import PointGroup
from nas.store import open_store
from nas.study.trial import Trial, TrialState
from nas.units import percent
from tests.cli.runner import NAS, Shell, call_here
from tests.integration.searches import STUDY, search_words, stored
from tests.members import TINY

pytestmark = pytest.mark.timeout(240)

LIMIT = 1_500_000


def essence(trials: dict[int, Trial]) -> list[object]:
    """Return what the same seed must give again: all but times and places."""
    return [
        (t.number, t.arch_id, t.reference, t.state, t.cost, t.counted, t.seed,
         [(m.epoch, m.value("top1_error"), m.value("loss")) for m in t.measurements])
        for t in trials.values()
    ]  # fmt: skip


@dataclass(frozen=True)
class Searched:
    """A finished search: where, what it printed, and what it recorded."""

    directory: Path
    database: str
    out: str
    err: str
    trials: dict[int, Trial]


SETTINGS = ("--trials", "5", "--rungs", "1,2", "--seed", "4", "--max-concurrent", "1",
            "--confirm", "2", "--seeds", "2")  # fmt: skip


@pytest.fixture(scope="module")
def plain(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A search as a user types it, from first to last."""
    directory = tmp_path_factory.mktemp("with space")
    (directory / "my space.toml").write_text(TINY)
    done = call_here(directory, *search_words(*SETTINGS))
    assert done.code == 0, done
    database = str(directory / "nas.db")
    return Searched(directory, database, done.out, done.err, stored(database, STUDY))


@pytest.fixture(scope="module")
def again(
    cluster: None, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Searched:
    """The same search with --json, on PostgreSQL where there is one."""
    directory = tmp_path_factory.mktemp("again")
    (directory / "my space.toml").write_text(TINY)
    try:
        database = request.getfixturevalue("postgres").new_url()
    except pytest.skip.Exception:
        database = str(directory / "other.db")
    words = ("--db", database, "--results", "out", "--json", "--format", "weights")
    done = call_here(directory, *search_words(*SETTINGS, *words))
    assert done.code == 0, done
    return Searched(directory, database, done.out, done.err, stored(database, STUDY))


# ---- a whole search ----


def test_a_search_leaves_a_database_a_report_and_an_export(plain: Searched) -> None:
    assert len(plain.trials) == 9  # five candidates, the published one, three further seeds
    assert all(trial.state.finished for trial in plain.trials.values())
    assert all(trial.counted == trial.cost for trial in plain.trials.values())
    assert all(trial.cost.madds <= LIMIT for trial in plain.trials.values() if not trial.reference)
    results = plain.directory / "nas-results" / STUDY
    assert (results / "report.html").stat().st_size > 10**6
    names = {path.name for path in (results / "best").iterdir()}
    assert names == {"network.py", "weights.safetensors", "network.onnx", "card.json"}
    card = json.loads((results / "best" / "card.json").read_text())
    assert card["training"]["task"] == "digits"
    assert set(card["training"]["scores"]) == {"validation", "test"}
    kept = {Path(t.weights_path).name for t in plain.trials.values() if t.has_weights}
    assert {path.name for path in results.glob("trial-*")} == kept


def test_a_search_says_what_it_does_and_what_came_of_it(plain: Searched) -> None:
    lines = plain.out.splitlines()
    assert plain.err == ""
    start = lines[: lines.index("")]
    names = [line[:11].rstrip() for line in start]
    assert names == [
        "study", "space", "counted at", "trained at", "task", "plan", "devices", "page",
    ]  # fmt: skip
    assert f"nas dashboard --study {STUDY}" in start[-1]
    assert sum(" finished, " in line for line in lines) == 9
    assert f"  nas show {STUDY}" in lines
    assert "Pareto front" in plain.out
    assert "example" in plain.out
    assert not any(line != line.rstrip() for line in lines)
    assert "1 epochs" not in plain.out


def test_json_is_the_only_output_and_agrees_with_the_store(again: Searched) -> None:
    document = json.loads(again.out)
    assert again.err == ""
    with open_store(again.database, read_only=True) as store:
        found = StudyResults(store.spec(STUDY), list(again.trials.values()), store.reports(STUDY))
    for group in ("front", "unconfirmed"):
        members = [trial.number for trial in getattr(found, group)]
        assert [row["trial"] for row in document[group]] == members
    assert document["best"]["trial"] == found.best.number
    (published,) = document["published"]
    assert published["name"] == "example"
    for row in (document["best"], published):
        assert (row["seeds"], row["test_seeds"], row["test_images"]) == (2, 2, 359)
    assert len(document["best"]["test_errors"]) == 2
    assert list(found.verdicts) == document["verdicts"] != []
    assert len(document["confirmed"]) == 2
    for path in (document["report"], *document["export"]):
        assert (again.directory / path).is_file()


def test_one_seed_and_one_worker_give_the_same_study(plain: Searched, again: Searched) -> None:
    assert essence(plain.trials) == essence(again.trials)
    shown = [call_here(s.directory, "front", STUDY, "--json", "--db", s.database).out
             for s in (plain, again)]  # fmt: skip
    fronts = [json.loads(text)["front"] for text in shown]
    for rows in fronts:
        for row in rows:
            assert row.pop("seconds") > 0
    assert fronts[0] == fronts[1] != []


def test_the_best_are_trained_again_and_the_winner_has_the_best_mean(plain: Searched) -> None:
    further = [trial for trial in plain.trials.values() if trial.replicate_of is not None]
    assert [trial.number for trial in further] == [6, 7, 8]
    example = next(trial for trial in plain.trials.values() if trial.reference)
    assert further.pop().replicate_of == example.number
    assert all(trial.state is TrialState.COMPLETE for trial in further)
    means = {
        trial.replicate_of: (plain.trials[trial.replicate_of].value("top1_error"),
                             trial.value("top1_error"))
        for trial in further
    }  # fmt: skip
    for number, (first, second) in means.items():
        assert plain.trials[number].seed != further[0].seed
        mean = f"{50 * (first + second):.2f} %"
        if sum(means[number]) == min(map(sum, means.values())):
            assert f"\nbest        trial {number}: " in plain.out
            table = plain.out.partition("\nthe best")[2]
            assert re.search(rf"the best +{number} +{mean} +± ", table)
    assert f"(seed 2 of trial {further[0].replicate_of}) complete" in plain.out


def test_another_search_reuses_what_was_measured(plain: Searched) -> None:
    more = ["--study", "second", "--results", "second", "--no-learn", "--format", "weights"]
    words = search_words(*SETTINGS, *more)
    done = call_here(plain.directory, *words)
    assert (done.code, done.err) == (0, "")
    trials = stored(plain.database, "second")
    references = {n for n, t in plain.trials.items() if t.reference}
    complete = [n for n, t in plain.trials.items() if t.state is TrialState.COMPLETE
                and (t.has_weights or {n, t.replicate_of} & references)]  # fmt: skip
    assert [n for n, t in trials.items() if t.origin] == complete
    assert [t.arch_id for t in trials.values()] == [t.arch_id for t in plain.trials.values()]
    for number in complete:
        assert trials[number].measurements == plain.trials[number].measurements
        assert trials[number].origin == f"{STUDY}/{number}"
    assert f"trials, {len(complete)} of them reused" in done.out
    shown = call_here(plain.directory, "show", "second").out
    assert shown.count(f"reused from {STUDY}#") == len(complete)
    best = plain.directory / "second" / "second" / "best"
    assert {path.name for path in best.iterdir()} == {"weights.safetensors", "card.json"}
    assert "learnt beforehand" not in done.out + shown


def test_a_search_of_seconds_learns_from_another_under_any_budget(
    cluster: None, plain: Searched
) -> None:
    words = ["search", "--space", "my space.toml", "--budget", "1M-flops", "--time", "4s",
             "--rungs", "1,2", "--seed", "4", "--max-concurrent", "1", "--confirm", "1",
             "--seeds", "2", "--no-published", "--format", "weights"]  # fmt: skip
    learning = ["--learn-from", STUDY, "--study", "third", "--results", "third"]
    done = call_here(plain.directory, *words, *learning)
    assert (done.code, done.err) == (0, "")
    searched = [t for t in plain.trials.values() if t.replicate_of is None]
    assert f"learnt beforehand: {len(searched)} trainings of {STUDY}\n" in done.out
    shown = call_here(plain.directory, "show", "third").out
    assert re.search(rf"\nlearnt +{len(searched)} trainings of {STUDY}\n", shown)
    record = json.loads(call_here(plain.directory, "show", "third", "--json").out)
    assert record["study"]["learnt"] == [
        {"study": STUDY, "trainings": len(searched), "of": len(searched)}
    ]
    trials = stored(plain.database, "third")
    candidates = [trial for trial in trials.values() if trial.candidate]
    assert candidates
    assert all(trial.cost.madds <= 1_000_000 for trial in candidates)

    # it ends by itself, confirms its best network, and stays ended
    assert "started within 4.0 s" in " ".join(done.out.split())
    assert "trials      started within 4" in shown
    assert len(trials) == len(candidates) + 1
    assert all(trial.state is not TrialState.FAILED for trial in trials.values())
    assert f"{len(trials)}/{len(trials)} finished" in done.out
    again = call_here(plain.directory, "resume", "third", "--json", "--results", "third")
    assert again.code == 0, again
    assert stored(plain.database, "third") == trials


def test_a_study_without_a_comparable_training_is_refused_with_what_differs(
    cluster: None, plain: Searched
) -> None:
    words = search_words("--trials", "5", "--rungs", "1,3", "--seed", "5", "--learn-from", STUDY)
    done = call_here(plain.directory, *words)
    differ = "epochs: 3, not 2; seed: 5, not 4"
    assert (done.code, f"nothing can be learnt from {STUDY}: {differ}" in done.err) == (2, True)
    done = call_here(plain.directory, *search_words("--learn-from", "nobody"))
    assert (done.code, "there is no study 'nobody'" in done.err) == (4, True)


@pytest.mark.postgres
def test_postgresql_holds_the_same_study(postgres: object, again: Searched) -> None:
    assert again.database.startswith("postgresql+psycopg://")
    listed = call_here(again.directory, "list", "--json", "--db", again.database)
    assert (listed.code, listed.err) == (0, "")
    assert [row["study"] for row in json.loads(listed.out)] == [STUDY]


# ---- what a finished study can be asked ----


@pytest.fixture
def nas(
    plain: Searched, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """The command line in the directory of the plain search."""
    monkeypatch.chdir(plain.directory)
    monkeypatch.delenv("NAS_DB", raising=False)
    return Shell(monkeypatch, capsys)


def test_list_show_and_front_agree(nas: Shell, plain: Searched) -> None:
    listed = json.loads(nas("list", "--json").out)[0]
    assert (listed["study"], listed["state"]) == (STUDY, "complete")
    assert sum(listed["trials"].values()) == 9
    shown = json.loads(nas("show", STUDY, "--json").out)
    assert [row["arch_id"] for row in shown["trials"]] == [t.arch_id for t in plain.trials.values()]
    assert shown["study"]["seed"] == 4
    fronts = json.loads(nas("front", STUDY, "--json").out)
    rows = [*fronts["front"], *fronts["unconfirmed"]]
    table = list(csv.DictReader(io.StringIO(nas("front", STUDY, "--csv").out)))
    assert [int(row["trial"]) for row in table] == [row["trial"] for row in rows]
    assert [float(row["top1_error"]) for row in table] == [row["top1_error"] for row in rows]
    for words in (["list"], ["show", STUDY], ["front", STUDY]):
        text = nas(*words)
        assert text.code == 0
        assert STUDY in text.out or "recipe" in text.out


def test_winner_front_and_errors_are_the_same_wherever_they_are_shown(
    nas: Shell, plain: Searched, tmp_path: Path
) -> None:
    with open_store(plain.database, read_only=True) as store:
        snapshot = Reader(store).snapshot(STUDY)
        found = StudyResults(store.spec(STUDY), store.trials(STUDY), store.reports(STUDY))
    best = found.best
    assert best is not None
    validation, test = found.estimate(best.number), found.test(best.number)
    assert validation is not None
    assert test is not None
    assert (validation.n, test.n, test.images) == (2, 2, 359)
    members = {"front": [t.number for t in found.front],
               "unconfirmed": [t.number for t in found.unconfirmed]}  # fmt: skip

    # the end of the search, and the terminal's table of the front
    front_table = nas("front", STUDY).out
    ends = plain.out.partition("Pareto front")[2]
    for text in (front_table.partition("Pareto front")[2], ends):
        lines = text.partition("\n\n")[0].splitlines()[2:]
        assert [int(line.split()[0]) for line in lines] == members["front"]
    shown = f"{percent(validation.mean)} +{re.escape(validation.spread)} "
    assert re.search(rf"\n *{best.number} +winner +{shown}", front_table)
    tested = re.escape(f"{percent(test.mean)} {test.spread}")
    assert re.search(rf"the best +{best.number} +{shown} +2 +{tested} ", ends)
    assert f"test error  {found.verdicts[0]}" in ends.replace("\n            ", " ")

    # JSON and CSV
    document = json.loads(nas("front", STUDY, "--json").out)
    table = list(csv.DictReader(io.StringIO(nas("front", STUDY, "--csv").out)))
    for standing, numbers in members.items():
        assert [row["trial"] for row in document[standing]] == numbers
        assert [int(r["trial"]) for r in table if r["standing"] == standing] == numbers
    row = next(row for row in table if row["best"] == "True")
    for one in (row, document["best"]):
        assert int(one["trial"]) == best.number
        assert float(one["top1_error"]) == validation.mean
        assert float(one["top1_error_low"]) == validation.low
        assert float(one["test_top1_error"]) == test.mean
        assert float(one["test_top1_error_high"]) == test.high
        assert (int(one["seeds"]), int(one["test_seeds"])) == (2, 2)
        assert float(one["observed_top1_error"]) == best.value("top1_error")

    # the card of the export
    card = json.loads((plain.directory / "nas-results" / STUDY / "best" / "card.json").read_text())
    assert card["trial"] == best.number
    for split, own in (("validation", validation), ("test", test)):
        score = card["training"]["scores"][split]
        assert (score["top1_error"], score["low"], score["high"]) == (own.mean, own.low, own.high)
        assert score["seeds"] == 2
    weights = card["training"]["exported_weights"]
    assert weights["validation"]["top1_error"] == best.value("top1_error")
    assert weights["test"]["top1_error"] == found.test_values(best.number)[0]

    # the report, and the page of the dashboard
    page = (plain.directory / "nas-results" / STUDY / "report.html").read_text()
    order = {"header": None, "descending": False, "page": 0}
    live = [parts.counters(snapshot.view), parts.trials(snapshot.view, order),
            parts.detail(snapshot, snapshot.view.point(best.number), "nas.db", PageTheme(), False),
            snapshot.view.summary]  # fmt: skip
    dashboard = json.dumps(live, cls=PlotlyJSONEncoder, ensure_ascii=False)
    for text in (page, dashboard):
        assert str(validation) in text
        assert str(test) in text
        assert f"{len(found.front)} on the front, best {validation} at " in text
        assert f"(trial {best.number}), test error {test};" in text
    for line in found.verdicts:
        assert line in page
    groups = {
        group: [p.number for p in snapshot.view.group(PointGroup(group))] for group in members
    }
    assert groups == members
    for group, numbers in members.items():
        assert re.findall(rf'id="trial-(\d+)" class="{group}"', page) == list(map(str, numbers))


def test_report_refuses_to_overwrite(nas: Shell, tmp_path: Path) -> None:
    page = tmp_path / "a page.html"
    assert nas("report", STUDY, "-o", str(page)).code == 0
    page.write_text("mine")
    assert "--force" in nas.refused("report", STUDY, "-o", str(page))
    assert page.read_text() == "mine"
    assert nas("report", STUDY, "-o", str(page), "--force").code == 0
    assert "plotly" in page.read_text().lower()


def test_export_takes_the_best_a_trial_or_an_architecture(
    nas: Shell, plain: Searched, tmp_path: Path
) -> None:
    complete = [n for n, t in plain.trials.items() if t.has_weights]
    choices = {
        "best": [STUDY, "--best"],
        "trial": [STUDY, "--trial", str(complete[-1])],
        "arch": ["--space", "my space.toml", "--arch", "example", "--input", "3x32x32"],
    }
    cards = {}
    for name, words in choices.items():
        done = nas("export", *words, "-o", str(tmp_path / name), "--json")
        assert done.code == 0, done.err
        files = {Path(path).name: Path(path) for path in json.loads(done.out)["files"]}
        assert all(path.stat().st_size > 0 for path in files.values())
        cards[name] = json.loads(files["card.json"].read_text())
    assert cards["trial"]["trial"] == complete[-1]
    assert cards["best"]["trained"]
    assert not cards["arch"]["trained"]
    assert "--force" in nas.refused("export", STUDY, "--best", "-o", str(tmp_path / "best"))
    removed = str(next(n for n, t in plain.trials.items() if t.weights_removed_at))
    error = nas.refused("export", STUDY, "--trial", removed, "-o", str(tmp_path / "x"))
    assert f"nas train {STUDY} --trial {removed}" in error
    assert "removed after the study" in nas("show", STUDY, "--trial", removed).out
    error = nas.refused("train", "--space", "my space.toml", "--arch", "example",
                        "--from", f"{STUDY}#{removed}")  # fmt: skip
    assert "were removed" in error


def test_a_stopped_trial_has_nothing_to_export(nas: Shell, plain: Searched, tmp_path: Path) -> None:
    stopped = [n for n, t in plain.trials.items() if t.state is TrialState.STOPPED]
    error = nas.refused("export", STUDY, "--trial", str(stopped[0]), "-o", str(tmp_path / "x"))
    assert "is stopped" in error
    assert not (tmp_path / "x").exists()
    assert "no trial 99" in nas.refused("export", STUDY, "--trial", "99", "-o", str(tmp_path / "x"))


def test_a_closed_pipe_is_no_fault(plain: Searched) -> None:
    command = f"'{NAS}' show {STUDY} | head -1"
    piped = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=plain.directory, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert piped.stdout.startswith("space ")
    assert piped.stderr == ""
