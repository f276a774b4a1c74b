"""Runs: every sampler with every seed, in parallel processes, stored in a file.

A run depends only on its sampler, its seed and the setting, so that neither the number of processes
nor an interruption changes a score.
"""

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from nas.cost import Constraint
from nas.errors import NasError
from nas.feasible import Feasible
from nas.prove.scores import Judge, RunScore
from nas.prove.simulate import WHOLE, Cluster
from nas.prove.table import ACCURACY, Table, TableSpace, default_toml
from nas.study import BY_ERROR, Judging, Ladder, Objective, Sampler
from nas.text_file import read_text

MakeSampler: TypeAlias = Callable[[str, Feasible, Sequence[Objective]], Sampler]

# The environment of each process: one thread for arithmetic, which numpy reads at its import, and a
# module path without the working directory.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONSAFEPATH": "1",
}


@dataclass(frozen=True)
class Entry:
    """One sampler and its goals: the accuracy alone, or also the costs of the front.

    `rungs` are the epochs at which trials are judged; empty for a table without learning curves.
    `judge` selects the losses that are compared at a rung, as in `StudySpec`.
    """

    sampler: str
    single: bool
    rungs: tuple[int, ...] = ()
    judge: str = BY_ERROR

    @property
    def label(self) -> str:
        """The name: `tpe`, `tpe:single`, with rungs `tpe@10/30/90`, or `tpe@10/30/90:inferred`."""
        ladder = f"@{'/'.join(map(str, self.rungs))}" if self.rungs else ""
        ladder += f":{self.judge}" if self.judge != BY_ERROR else ""
        return f"{self.sampler}:single{ladder}" if self.single else f"{self.sampler}{ladder}"


@dataclass(frozen=True)
class Setting:
    """The common setting of all runs: the table, its budget, and how runs are made and scored.

    `front` are the costs of the front in addition to the accuracy. Runs are scored after each
    number of `trainings`, or of `epochs` if given. `reference` is the accuracy of the reference
    point in percent; None for the default of the table. `confirm` networks are retrained with the
    other seeds. One in `eta` trials passes each rung.
    """

    path: Path
    toml: Path | None
    budget: tuple[Constraint, ...]
    front: tuple[str, ...]
    trainings: tuple[int, ...]
    workers: int
    reference: float | None
    confirm: int
    epochs: tuple[int, ...] | None = None
    eta: int | None = None

    @property
    def unit(self) -> str:
        """The unit of `marks`."""
        return "epochs" if self.epochs else "trainings"

    @property
    def marks(self) -> tuple[int, ...]:
        """The numbers of trainings or epochs after which runs are scored."""
        return self.epochs or self.trainings

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings that all runs of one file share, as JSON values."""
        files = [self.path, self.toml or default_toml(self.path)]
        digest = hashlib.sha256(b"".join(f.read_bytes() for f in files if f.exists()))
        fields = asdict(self) | {"table": digest.hexdigest()[:16]}
        fields["budget"] = [f"{part.cost} <= {part.limit}" for part in self.budget]
        del fields["path"], fields["toml"]
        return dict(json.loads(json.dumps(fields)))


@dataclass(frozen=True)
class SearchRun:
    """One run: a score for each number of trainings or epochs, and the seconds of proposals."""

    label: str
    seed: int
    scores: tuple[RunScore, ...]
    asks: tuple[float, ...]

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "SearchRun":
        """Return the run of a line from `to_json`."""
        fields = json.loads(line)
        scores = tuple(RunScore.of(score) for score in fields["scores"])
        return cls(fields["label"], fields["seed"], scores, tuple(fields["asks"]))


class Bench:
    """A table with its budget and its judge, on which a sampler can be run."""

    def __init__(self, setting: Setting, table: Table) -> None:
        """Prepare runs of `setting` on `table`, which was read from the setting's path.

        Raises:
            BudgetError: the budget admits fewer networks than the largest number of trainings.
            NasError: no network within the budget is better than the reference.
        """
        self.setting, self.table = setting, table
        self.space = TableSpace(table, setting.budget)
        self.judge = Judge(self.space, setting.front, setting.reference, setting.confirm)
        feasible, most = len(self.space.feasible), max(setting.trainings, default=0)
        least = min(setting.epochs or (self.full,))
        if least < self.full:
            raise NasError(
                f"no network is trained after {least} epochs: one training has {self.full}.",
                f"Give at least {self.full} --epochs.",
            )
        if feasible < most:
            raise NasError(
                f"{most} trainings are requested, but only {feasible} networks are within the "
                "budget.",
                f"Give at most {feasible} --trainings, or a higher budget.",
            )

    @property
    def full(self) -> int:
        """The epochs of a complete training; 0 for a table without learning curves."""
        return self.table.epochs[-1] if self.table.epochs else 0

    def check_rungs(self, rungs: Sequence[int]) -> None:
        """Check that all networks within the budget were measured at `rungs`.

        Raises:
            NasError: a network was not measured at a rung.
        """
        missing = [epoch for epoch in rungs if epoch not in self.table.epochs]
        if missing:
            raise NasError(
                f"the table has no errors after epoch {missing[0]}.",
                f"Its curves have the epochs {_shortened(self.table.epochs)}.",
            )
        for index in self.space.feasible.tolist():
            if self.table.lacks(index, rungs):
                raise NasError(
                    f"{self.table.title(index)} was not measured at all of the rungs "
                    f"{', '.join(map(str, rungs))}.",
                    "Give other --rungs, or leave its row out of the table.",
                )

    def goals(self, entry: Entry) -> list[Objective]:
        """Return the goals of the sampler of `entry`."""
        costs = [] if entry.single else [self.table.goal(name) for name in self.setting.front]
        return [ACCURACY, *costs]

    def run(self, entry: Entry, seed: int, make: MakeSampler) -> SearchRun:
        """Return one run."""
        goals = self.goals(entry)
        sampler = make(entry.sampler, self.space, goals)
        most = max(self.setting.trainings, default=len(self.space.feasible))
        judging = self._judging(entry, goals)
        cluster = Cluster(self.space, sampler, seed, self.setting.workers, most, judging)
        scored = self._at_epochs(cluster) if self.setting.epochs else self._at_trainings(cluster)
        return SearchRun(entry.label, seed, tuple(scored), tuple(cluster.asks))

    def _judging(self, entry: Entry, goals: Sequence[Objective]) -> Judging:
        if not entry.rungs:
            return WHOLE
        assert self.setting.eta is not None
        ceiling = self.space.budget[0] if self.space.budget else None
        return Judging(Ladder(entry.rungs, self.setting.eta), tuple(goals), ceiling, entry.judge)

    def _at_trainings(self, cluster: Cluster) -> Iterator[RunScore]:
        for done, _ in enumerate(cluster.run(), start=1):
            if done in self.setting.trainings:
                yield self.judge.score(cluster, done)

    def _at_epochs(self, cluster: Cluster) -> Iterator[RunScore]:
        """Yield the score before the step that exceeds each number of epochs.

        If all networks are trained before, the last score is repeated.
        """
        marks = sorted(self.setting.epochs or ())
        while marks and cluster.ready():
            while marks and marks[0] < cluster.ahead:
                yield self.judge.score(cluster, marks.pop(0))
            if marks:
                cluster.step()
        for after in marks:
            yield self.judge.score(cluster, after)


def _shortened(epochs: Sequence[int]) -> str:
    few = [str(epoch) for epoch in epochs]
    return ", ".join(few if len(few) <= 8 else [*few[:3], "…", few[-1]])


class Kept:
    """The finished runs, stored in a file with one line for each, if a path is given."""

    def __init__(self, setting: Setting, path: Path | None) -> None:
        """Read the runs of an earlier call; an incomplete last line is dropped.

        Raises:
            NasError: the file is not a file of runs, or its runs have another setting.
        """
        self._path = path
        self.runs: dict[tuple[str, int], SearchRun] = {}
        head = json.dumps(setting.fingerprint())
        if path and path.exists():
            self._read(path, head)
        self._write([head, *(run.to_json() for run in self.runs.values())])

    def add(self, run: SearchRun) -> None:
        """Store one more run."""
        self.runs[run.label, run.seed] = run
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(run.to_json() + "\n")
        except OSError as error:
            raise _not_stored(self._path, error) from error

    def _read(self, path: Path, head: str) -> None:
        lines = read_text(path).splitlines()
        first = _object(lines[0]) if lines else {}
        ours = json.loads(head)
        differ = [key for key in ours if (first or {}).get(key) != ours[key]]
        if lines and differ:
            remedy = "Give the same table and options again, or another file."
            what = f"have another {differ[0]}" if first else "cannot be read"
            raise NasError(f"the runs in {path} {what}.", remedy)
        for number, line in enumerate(lines[1:], start=2):
            if not _object(line):
                continue
            try:
                run = SearchRun.from_json(line)
            except (KeyError, TypeError) as error:
                raise NasError(
                    f"{path}, line {number} is not a run of nas prove.",
                    "Delete the line: its run will be repeated.",
                ) from error
            self.runs[run.label, run.seed] = run

    def _write(self, lines: Sequence[str]) -> None:
        if self._path is None:
            return
        try:
            part = self._path.with_name(f"{self._path.name}.part")
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            raise _not_stored(self._path, error) from error


def _not_stored(path: Path, error: OSError) -> NasError:
    return NasError(f"the runs cannot be stored in {path}: {error}.", "Give a file to write.")


def _object(line: str) -> dict[str, Any] | None:
    """Return the JSON object in a line; None if it has none."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def make_runs(
    setting: Setting, tasks: Sequence[tuple[Entry, int]], make: MakeSampler, jobs: int
) -> Iterator[SearchRun]:
    """Make one run for each entry and seed, `jobs` at a time, and yield them as they finish.

    Each process uses one thread for arithmetic. The processes end with the caller, also after an
    error or an interruption.
    """
    saved = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ |= _ENVIRONMENT
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(max(1, min(jobs, len(tasks))), context, _prepare, (setting, make))
    try:
        # Only the caller handles Ctrl-C: processes start with SIGINT blocked.
        before_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            waiting = {pool.submit(_run, entry, seed) for entry, seed in tasks}
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before_mask)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise NasError(
            "a process of the runs was killed, perhaps for lack of memory.",
            "Give fewer --jobs; runs in the file of --resume are kept.",
        ) from error
    finally:
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        # The pool's own thread waits for the processes. If a second thread waited for a process, it
        # would get no status, and the process would remain listed as a child.
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in saved.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


_prepared: dict[str, Any] = {}


def _prepare(setting: Setting, make: MakeSampler) -> None:
    """Read the table once in each process."""
    _prepared["bench"] = Bench(setting, Table.read(setting.path, setting.toml))
    _prepared["make"] = make


def _run(entry: Entry, seed: int) -> SearchRun:
    bench: Bench = _prepared["bench"]
    return bench.run(entry, seed, _prepared["make"])


def by_label(
    runs: Mapping[tuple[str, int], SearchRun], labels: Sequence[str]
) -> dict[str, list[SearchRun]]:
    """Return the runs of each sampler by seed, the samplers in the order of `labels`."""
    found = {
        label: [run for (of, _), run in sorted(runs.items(), key=_key) if of == label]
        for label in labels
    }
    return {label: made for label, made in found.items() if made}


def _key(item: tuple[tuple[str, int], SearchRun]) -> tuple[str, int]:
    return item[0]
