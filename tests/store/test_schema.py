"""Schemas: a new one is whole, an old one is upgraded on demand only, a newer one is left alone."""

import contextlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime
from math import nan
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from nas.errors import SchemaError, StoreError
from nas.store import open_store, schema, upgrade
from nas.store.tables import METADATA, VERSION_TABLE
from nas.study.attempts import repeatable
from nas.study.spec import StudySpec
from nas.study.trial import TrialState
from tests.store.rows import EPOCHS, VERSIONS, trial

HEAD = schema.revisions()[-1]
LATER = f"{int(HEAD) + 1:04}"
NEXT = f'''
"""Rebuild the tables that others point to, as an altered column does on SQLite."""

import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{HEAD}"


def upgrade() -> None:
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    for name in ("nas_study", "nas_trial"):
        with op.batch_alter_table(name, recreate=recreate) as table:
            table.add_column(sa.Column("remark", sa.Text(), server_default="none"))
'''


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later version of nas, with one more revision."""
    later = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, later)
    (later / "versions" / f"r{LATER}_next.py").write_text(NEXT)
    monkeypatch.setattr(schema, "MIGRATIONS", later)


def fill(url: str, spec: StudySpec) -> None:
    with open_store(url) as store:
        store.create_study(spec, VERSIONS)
        store.insert_trial("small", trial(spec, measurements=tuple(EPOCHS)))


def make_old(url: str, last: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make an empty database of the revision `last`, by the migrations up to it."""
    old = folder / f"to-{last}"
    shutil.copytree(schema.MIGRATIONS, old)
    for path in (old / "versions").glob("r*.py"):
        if path.name[1:5] > last:
            path.unlink()
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "MIGRATIONS", old)
        open_store(url).close()


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(f"sqlite:///{url}" if "://" not in url else url)


def copy_rows(source: str, target: str) -> None:
    """Copy every row into the empty tables of a PostgreSQL database; times are in UTC."""
    tables, there, here = sa.MetaData(), engine_of(source), engine_of(target)
    tables.reflect(there)
    with there.connect() as old, here.begin() as new:
        for table in tables.sorted_tables:
            rows = [
                {
                    key: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
                    for key, value in row.items()
                }
                for row in old.execute(sa.select(table)).mappings()
                if table.name != VERSION_TABLE
            ]
            if rows:
                new.execute(sa.insert(table), rows)
            if rows and "id" in table.columns:  # the next row gets the next number
                place = (
                    f"pg_get_serial_sequence('{table.name}', 'id'), {max(r['id'] for r in rows)}"
                )
                new.execute(sa.text(f"SELECT setval({place})"))
    there.dispose()
    here.dispose()


def execute(url: str, statement: str) -> None:
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_the_migrations_make_the_tables_that_the_store_uses(store_url: str) -> None:
    open_store(store_url).close()
    engine = engine_of(store_url)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
        inspector = sa.inspect(connection)
        for table in METADATA.sorted_tables:
            assert {check["name"] for check in inspector.get_check_constraints(table.name)} == {
                check.name for check in table.constraints if isinstance(check, sa.CheckConstraint)
            }
    engine.dispose()


def test_the_revisions_are_one_line_in_the_order_of_their_files() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    walked = [script.revision for script in scripts.walk_revisions()]
    assert walked[::-1] == schema.revisions()
    assert scripts.get_heads() == schema.revisions()[-1:]


def test_a_database_of_the_first_schema_keeps_its_trials(
    store_url: str, spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(store_url, "0001", tmp_path, monkeypatch)
    moment = "2026-01-02 03:04:05+00:00" if "://" in store_url else "2026-01-02 03:04:05.000000"
    engine = engine_of(store_url)
    with engine.begin() as connection:
        for statement, values in (
            (
                "INSERT INTO nas_study (id, name, spec, versions, state, created_at, seq) "
                f"VALUES (1, 'small', :spec, '{{}}', 'COMPLETE', '{moment}', 1)",
                {"spec": _spec_of_the_first_schema(spec)},
            ),
            (
                "INSERT INTO nas_trial (id, study_id, number, architecture, arch_id, madds, params,"
                " acts, state, attempt, lost, seed) VALUES (1, 1, 0, :architecture, :arch_id, 5, 6,"
                " 7, 'COMPLETE', 1, 0, 9)",
                {
                    "architecture": f"igcv3:{spec.space.published[0].architecture.text}",
                    "arch_id": spec.space.published[0].architecture.arch_id,
                },
            ),
            (
                "INSERT INTO nas_measurement (trial_id, attempt, epoch, rung, top1_error, loss, "
                "train_loss, seconds) VALUES (1, 1, 1, 0, 0.25, NULL, 1.5, 2.0)",
                {},
            ),
        ):
            connection.execute(sa.text(statement), values)
    engine.dispose()
    assert upgrade(store_url).before == "0001"
    with open_store(store_url) as store:
        assert store.spec("small") == spec
        (kept,) = store.trials("small")
        assert store.borrowed("small") == []
        assert store.studies()[0].best == 0.25
    (measured,) = kept.measurements
    assert measured.metrics == {"top1_error": 0.25, "loss": pytest.approx(nan, nan_ok=True)}
    assert (measured.train_loss, measured.seconds) == (1.5, 2.0)
    assert (kept.architecture, kept.seed) == (spec.space.published[0].architecture, 9)
    assert (kept.proxies, kept.origin, kept.replicate_of, kept.replicate) == (None, None, None, 0)


def test_attempts_of_an_earlier_version_stay_and_their_trials_can_be_repeated(
    store_url: str, spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(store_url, "0009", tmp_path, monkeypatch)
    moment = "2026-01-02 03:04:05+00:00" if "://" in store_url else "2026-01-02 03:04:05.000000"
    published = spec.space.published[0].architecture
    engine = engine_of(store_url)
    with engine.begin() as connection:
        for statement, values in (
            (
                "INSERT INTO nas_study (id, name, spec, versions, state, created_at, seq, uid) "
                f"VALUES (1, 'small', :spec, '{{}}', 'FAILED', '{moment}', 1, 'u')",
                {"spec": spec.to_json()},
            ),
            (
                "INSERT INTO nas_trial (id, study_id, number, architecture, arch_id, madds, params,"
                " acts, state, attempt, lost, seed, fail_reason, fail_detail) VALUES (1, 1, 0, "
                ":architecture, :arch_id, 5, 6, 7, 'FAILED', 2, 1, 9, 'worker_lost', 'lost')",
                {"architecture": f"igcv3:{published.text}", "arch_id": published.arch_id},
            ),
            (
                "INSERT INTO nas_attempt (trial_id, number, worker, started_at, ended_at, outcome) "
                f"VALUES (1, 1, 'host:5', '{moment}', '{moment}', 'LOST'), "
                f"(1, 2, NULL, '{moment}', '{moment}', 'FAILED')",
                {},
            ),
        ):
            connection.execute(sa.text(statement), values)
    engine.dispose()
    assert upgrade(store_url).before == "0009"
    with open_store(store_url) as store:
        rows = [(row.node, row.outcome, row.device, row.reason, row.device_seconds)
                for row in store.attempts("small", 0)]  # fmt: skip
        assert rows == [("host", "LOST", None, None, None), (None, "FAILED", None, None, None)]
        (failed,) = store.trials("small")
        assert (failed.fail_reason, repeatable(failed)) == ("worker_lost", True)
        store.reopen_trial("small", 0, 2)
        assert store.trials("small")[0].state is TrialState.WAITING


def _spec_of_the_first_schema(spec: StudySpec) -> str:
    """Return a specification as it was written then: without reuse, confirmation and scores."""
    fields = json.loads(spec.to_json())
    for name in ("reuse", "confirm", "seeds", "proxies", "block", "metrics", "learnt"):
        fields.pop(name, None)
    return json.dumps(fields)


def test_trainings_of_an_earlier_version_become_studies(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database with trainings as `nas train` wrote them: of two seeds, of one, of a study."""
    path = tmp_path / "nas.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("old_trainings.sql").read_text())
        rows = old.execute("SELECT name, seed, content FROM nas_training ORDER BY id").fetchall()
    if "://" in store_url:
        make_old(store_url, "0006", tmp_path, monkeypatch)
        copy_rows(str(path), store_url)
    done = upgrade(store_url)
    assert (done.before, done.left) == ("0006", 1)  # one is of a space that no study has
    runs = [(name, seed, json.loads(content)) for name, seed, content in rows]
    with open_store(store_url) as store:
        fixed = [one for one in store.studies() if one.fixed]
        names = ["igcv3-d-0_25-os-digits-digits-97675c", "igcv3-d-0_25-os-digits-digits-fe2213",
                 "found-trial-0-digits-digits-31851c"]  # fmt: skip
        assert {one.name for one in fixed} == set(names)
        kept = [trial for name in names for trial in store.trials(name)]
        reports = [store.reports(name)[t.number] for name in names for t in store.trials(name)]
        for (_, seed, content), trial, found in zip(runs, kept, reports, strict=False):
            run, cost = content["run"], content["network"]["cost"]["deployment"]
            assert (trial.seed, trial.seconds) == (seed, run["seconds"])
            assert (trial.cost.madds, trial.cost.params) == (cost["madds"], cost["params"])
            assert [m.metrics["top1_error"] for m in trial.measurements] == [
                row["top1_error"] for row in run["history"]
            ]
            assert trial.weights_path == run["weights"]
            assert found["test"]["top1_error"] == run["test"]["top1_error"]
            assert found["test"]["confusion"] == run["confusion"]
            assert found.get("profile") == run["profile"]
        spec = store.spec(names[0])
        assert (spec.seeds, spec.first_seed, spec.networks[0].name) == (2, 0, "igcv3-d-0.25-os")
        assert spec.fixed[0].space.stem_width == 8  # that of the variant, not of the space
        assert store.spec(names[2]).networks[0].origin == "found#0"
    engine = engine_of(store_url)
    with engine.connect() as connection:
        (left,) = connection.execute(sa.text("SELECT name FROM nas_old_training")).scalars()
        assert left.startswith("lost-")
    engine.dispose()


def test_a_search_that_had_confirmed_too_few_was_exhausted(
    spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "nas.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.executescript(Path(__file__).with_name("old_trainings.sql").read_text())
        fields = {**json.loads(spec.to_json()), "name": "found"}
        old.execute("UPDATE nas_study SET spec = ?", [json.dumps(fields)])
        old.execute("ALTER TABLE nas_study DROP COLUMN exhausted")
        old.execute("UPDATE nas_alembic_version SET version_num = '0005'")
        old.execute(
            "INSERT INTO nas_trial (study_id, number, architecture, arch_id, madds, params, acts, "
            "state, attempt, lost, seed, replicate_of, replicate) SELECT study_id, 1, architecture,"
            " arch_id, madds, params, acts, state, attempt, lost, 1, 0, 1 FROM nas_trial"
        )
        old.commit()
    upgrade(str(path))
    with open_store(str(path)) as store:
        assert store.exhausted("found")


@pytest.mark.usefixtures("next_version")
def test_an_older_schema_is_upgraded_only_when_asked(
    store_url: str, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "revisions", lambda: [HEAD])
        earlier.setattr(schema, "MIGRATIONS", Path(schema.__file__).parent / "migrations")
        fill(store_url, spec)
        with open_store(store_url) as store:
            before = store.trials("small")
    for read_only in (False, True):
        with pytest.raises(SchemaError, match=rf"schema {HEAD}.*needs {LATER}") as older:
            open_store(store_url, read_only=read_only)
        assert older.value.exit_code == 6
        assert "nas db upgrade --db" in older.value.remedy
    done = upgrade(store_url)
    assert (done.before, done.after) == (HEAD, LATER)
    with open_store(store_url) as store:
        assert store.trials("small") == before
        assert store.versions("small") == VERSIONS
        store.record_measurement("small", 0, 1, EPOCHS[0])
    if "://" in store_url:
        assert done.backup is None
    else:
        assert done.backup is not None
        with sqlite3.connect(done.backup) as copy:
            assert copy.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() == (HEAD,)
            assert copy.execute("SELECT count(*) FROM nas_measurement").fetchone() == (3,)
    again = upgrade(store_url)
    assert (again.before, again.after, again.backup) == (LATER, LATER, None)


@pytest.mark.usefixtures("next_version")
def test_an_upgrade_that_fails_changes_nothing(
    store_url: str, spec: StudySpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(schema, "revisions", lambda: [HEAD])
        earlier.setattr(schema, "MIGRATIONS", Path(schema.__file__).parent / "migrations")
        fill(store_url, spec)
    broken = schema.MIGRATIONS / "versions" / f"r{LATER}_next.py"
    broken.write_text(NEXT + '    op.execute("INSERT INTO nowhere VALUES (1)")\n')
    with pytest.raises(StoreError, match="nowhere"):
        upgrade(store_url)
    with pytest.raises(SchemaError, match=f"schema {HEAD}"):
        open_store(store_url)
    broken.write_text(NEXT)
    assert upgrade(store_url).after == LATER


def test_a_newer_schema_is_refused_and_left_alone(store_url: str, spec: StudySpec) -> None:
    fill(store_url, spec)
    execute(store_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for call in (
        lambda: open_store(store_url),
        lambda: open_store(store_url, read_only=True),
        lambda: upgrade(store_url),
    ):
        with pytest.raises(SchemaError, match="schema 9999, newer") as newer:
            call()
        assert "Install" in newer.value.remedy
    execute(store_url, f"UPDATE {VERSION_TABLE} SET version_num = '{HEAD}'")
    with open_store(store_url) as store:
        assert len(store.trials("small")) == 1


def test_an_upgrade_needs_a_database(tmp_path: Path) -> None:
    path = tmp_path / "nas.db"
    with pytest.raises(StoreError, match="there is no file"):
        upgrade(str(path))
    assert not path.exists()
    sqlite3.connect(path).execute("CREATE TABLE mine (x)").connection.close()
    with pytest.raises(StoreError, match="has no studies"):
        upgrade(str(path))


def test_tables_of_other_programs_stay(store_url: str) -> None:
    for statement in (
        "CREATE TABLE alembic_version (version_num TEXT)",
        "INSERT INTO alembic_version VALUES ('v3.2.0.a')",
        "CREATE TABLE studies (x INTEGER)",
    ):
        execute(store_url, statement)
    open_store(store_url).close()
    execute(store_url, "INSERT INTO studies VALUES (1)")
    execute(store_url, "UPDATE alembic_version SET version_num = 'same'")
