"""Studies that share a folder, move, get another name, or go; through the verbs."""

import io
import json
import shutil
from pathlib import Path

import pytest

from nas.space import file as space_file
from nas.store import open_store
from tests.cli.runner import Shell
from tests.messages import carries
from tests.trained import quick_spec, train_study

RESULTS = Path("nas-results")
WEIGHTS = ("--format", "weights")  # the quickest export


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def one_trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained study; what it records of the place of its files is not true here."""
    made, place = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("trained") / "copy"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        train_study(made / "nas.db", made / RESULTS, quick_spec())
    made.rename(place)
    return place


@pytest.fixture
def trained(one_trial: Path, tmp_path: Path) -> None:
    """A trained study in the working directory."""
    shutil.copytree(one_trial, tmp_path, dirs_exist_ok=True)


def weights_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("trial-*.safetensors"))


def test_two_studies_of_one_name_in_one_folder_keep_their_files(nas: Shell, tmp_path: Path) -> None:
    for database, seed in (("a.db", 1), ("b.db", 2)):
        train_study(Path(database), RESULTS, quick_spec(seed=seed))
    with open_store("b.db", read_only=True) as store:
        other = f"study-{store.uid('study')[:8]}"
    assert {path.name for path in RESULTS.iterdir()} == {"study", other}
    first = nas("resume", "study", *WEIGHTS, "--db", "a.db")
    second = nas("resume", "study", *WEIGHTS, "--db", "b.db")
    assert (first.code, second.code) == (0, 0), (first, second)
    assert carries(second.out, f"nas-results/{other} … nas-results/study")
    cards = [json.loads((RESULTS / n / "best/card.json").read_text()) for n in ("study", other)]
    assert [card["training"]["study_seed"] for card in cards] == [1, 2]
    for name in ("study", other):
        assert (RESULTS / name / "report.html").is_file()


def test_no_score_is_recorded_of_weights_that_are_not_the_trials(trained: None, nas: Shell) -> None:
    (own,) = weights_in(RESULTS / "study")
    kept = own.read_bytes()
    train_study(Path("other.db"), Path("other"), quick_spec(rungs=(2,)))
    (foreign,) = weights_in(Path("other/study"))
    shutil.copy(foreign, own)
    done = nas("resume", "study", *WEIGHTS)
    assert done.code == 2
    assert carries(done.err, f"trial 0 is not tested … {own.name}")
    assert "Pareto front" in done.out
    assert (RESULTS / "study" / "report.html").is_file()
    assert not (RESULTS / "study" / "best").exists()
    with open_store("nas.db", read_only=True) as store:
        assert not any("test" in kinds for kinds in store.reports("study").values())
    assert carries(nas.refused("export", "study", "--best", "-o", "out"), own.name)
    own.write_bytes(kept)
    assert nas("resume", "study", *WEIGHTS).code == 0
    with open_store("nas.db", read_only=True) as store:
        assert "test" in store.reports("study")[0]


def test_a_study_can_be_moved(trained: None, nas: Shell) -> None:
    (own,) = weights_in(RESULTS / "study")
    assert f"{own.absolute()}\n" in nas("show", "study", "--trial", "0").out
    RESULTS.rename("elsewhere")
    assert f"study/{own.name} (missing)" in nas("show", "study", "--trial", "0").out
    gone = nas.refused("export", "study", "--best", "-o", "out")
    assert "--results DIR" in gone
    assert nas("resume", "study", *WEIGHTS, "--results", "elsewhere").code == 0
    assert Path("elsewhere/study/best/card.json").is_file()
    Path("elsewhere").rename("farther")
    assert nas("export", "study", "--best", *WEIGHTS, "-o", "out", "--results", "farther").code == 0
    assert not RESULTS.exists()
    assert nas("report", "study", "-o", "report.html").code == 0


def test_a_renamed_study_is_found_with_all_that_it_has(trained: None, nas: Shell) -> None:
    (RESULTS / "study" / "report.html").write_text("kept")
    train_study(Path("nas.db"), RESULTS, quick_spec(name="second", reuse=True))
    done = nas("rename", "study", "first-try")
    assert done.code == 0, done.err
    assert "first-try" in done.out
    assert not (RESULTS / "study").exists()
    assert (RESULTS / "first-try" / "report.html").read_text() == "kept"
    exported = nas("export", "second", "--best", *WEIGHTS, "-o", "out-2")
    assert exported.code == 0  # whose weights it reuses
    assert nas("resume", "first-try", *WEIGHTS).code == 0
    assert nas("show", "study").code == 4
    assert json.loads(nas("show", "first-try", "--json").out)["study"]["name"] == "first-try"
    assert "first-try" in nas("show", "second").out
    assert "already a study first-try" in nas.refused("rename", "second", "first-try", code=4)
    assert (RESULTS / "second").is_dir()
    assert "is not a valid name" in nas.refused("rename", "second", "Not a name")


def test_a_deleted_study_leaves_nothing_but_what_others_reuse(
    trained: None, nas: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    train_study(Path("nas.db"), RESULTS, quick_spec(name="second", reuse=True))
    unasked = nas.refused("delete", "study")
    assert "--yes" in unasked
    with open_store("nas.db") as store, store.acquire("study"):
        assert "run by process" in nas.refused("delete", "study", "--yes", code=5)
    assert len(weights_in(RESULTS / "study")) == 1
    done = nas("delete", "study", "--yes")
    assert done.code == 0, done.err
    assert carries(done.out, "1 file")
    assert nas("export", "second", "--best", *WEIGHTS, "-o", "out").code == 0
    assert [row["study"] for row in json.loads(nas("list", "--json").out)] == ["second"]
    train_study(Path("other.db"), RESULTS, quick_spec(name="third"))
    size = json.loads(nas("list", "--json", "--db", "other.db").out)[0]["bytes"]
    assert size > 1000
    gone = nas("delete", "third", "--yes", "--db", "other.db")
    assert (gone.code, "kB freed" in gone.out) == (0, True)
    assert not (RESULTS / "third").exists()


def test_a_list_of_many_studies_reads_no_space_file(
    nas: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store("nas.db") as store:
        for number in range(30):
            store.create_study(quick_spec(name=f"study-{number}"), {"nas": "0"})

    def read(*_: object) -> None:
        raise AssertionError("a space file was read")

    monkeypatch.setattr("nas.study.spec.read_space", read)
    monkeypatch.setattr(space_file, "read_space", read)
    listed = nas("list", "--json")
    assert listed.code == 0, listed.err
    assert {row["space"] for row in json.loads(listed.out)} == {"small"}
