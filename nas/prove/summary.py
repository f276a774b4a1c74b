"""Summary: the scores of many runs as medians and quartiles, the verdict, and the table to keep."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from nas.prove.runs import Run
from nas.prove.scores import Score

_TINY = 1e-9  # medians of the same numbers in another order


@dataclass(frozen=True)
class Spread:
    """The median of one score over the seeds, and its quartiles."""

    median: float
    q1: float
    q3: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of one or more values."""
        low, median, high = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
        return cls(median, low, high)

    def __str__(self) -> str:
        """Return `0.041 [0.020, 0.080]`."""
        return f"{self.median:.3f} [{self.q1:.3f}, {self.q3:.3f}]"


@dataclass(frozen=True)
class Row:
    """One sampler after one number of trainings, over `seeds` runs; the scores as in `Score`.

    `extra` is the median of the additional trainings of the confirmation, `seconds` that of the
    simulated time.
    """

    sampler: str
    trainings: int
    seeds: int
    regret: Spread
    volume: Spread
    returned: Spread
    confirmed: Spread | None
    extra: float
    seconds: float


@dataclass(frozen=True)
class Asks:
    """How long one sampler took to propose, in seconds of real time."""

    sampler: str
    median: float
    p95: float


@dataclass(frozen=True)
class Verdict:
    """Whether `sampler` is better than or equal to all others at every number of trainings.

    `where_not` names score, number and the best of the others, with both medians.
    """

    sampler: str
    others: tuple[str, ...]
    where_not: tuple[str, ...]

    def __str__(self) -> str:
        """Return the verdict in one line."""
        answer = f"no, not at {'; '.join(self.where_not)}" if self.where_not else "yes"
        others = ", ".join(self.others)
        return f"{self.sampler} >= each of {others} in both scores at every number: {answer}"


def summarise(runs: Mapping[str, Sequence[Run]]) -> list[Row]:
    """Return one row for each sampler and number of trainings."""
    return [
        _row(label, [run.scores[place] for run in made])
        for label, made in runs.items()
        for place in range(len(made[0].scores))
    ]


def ask_times(runs: Mapping[str, Sequence[Run]]) -> list[Asks]:
    """Return how long each sampler took to propose."""
    found = []
    for label, made in runs.items():
        asks = [seconds for run in made for seconds in run.asks]
        found.append(Asks(label, float(np.median(asks)), float(np.quantile(asks, 0.95))))
    return found


def verdict(rows: Sequence[Row], ours: str) -> Verdict | None:
    """Compare the medians of `ours` with those of all others; None where there is none to compare.

    Raises:
        KeyError: there is no such sampler among the rows.
    """
    mine = {row.trainings: row for row in rows if row.sampler == ours}
    others = [row for row in rows if row.sampler != ours]
    if not others or not mine:
        return None
    where_not = []
    for count, own in mine.items():
        rivals = [row for row in others if row.trainings == count]
        low = min(rivals, key=lambda row: row.regret.median)
        high = max(rivals, key=lambda row: row.volume.median)
        if low.regret.median < own.regret.median - _TINY:
            where_not.append(_lost("regret", low, own.regret, low.regret))
        if high.volume.median > own.volume.median + _TINY:
            where_not.append(_lost("HV", high, own.volume, high.volume))
    return Verdict(ours, tuple(dict.fromkeys(row.sampler for row in others)), tuple(where_not))


def markdown(rows: Sequence[Row], asks: Sequence[Asks]) -> str:
    """Return two Markdown tables, regret and hypervolume, one row for each sampler."""
    scores = {
        "Regret (points of accuracy)": lambda row: row.regret,
        "Hypervolume of the networks trained (share of the true front's)": lambda row: row.volume,
        "Hypervolume of the front returned": lambda row: row.returned,
        "Regret with confirmation (and the further trainings)": _confirmation,
    }
    parts = []
    for title, score in scores.items():
        if all(score(row) is not None for row in rows):
            parts.append(_grid(title, rows, {id(row): str(score(row)) for row in rows}))
    lines = ["| sampler | ask, median | ask, 95 % |", "|---|---|---|"]
    lines += [f"| {a.sampler} | {1e3 * a.median:.1f} ms | {1e3 * a.p95:.1f} ms |" for a in asks]
    return "\n\n".join([*parts, "\n".join(lines)])


def csv_text(runs: Mapping[str, Sequence[Run]]) -> str:
    """Return every score of every run as CSV, one line for each."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["sampler", "seed", *Score.__dataclass_fields__])
    for label, made in runs.items():
        for run in made:
            for score in run.scores:
                values = asdict(score).values()
                writer.writerow(
                    [label, run.seed, *("" if value is None else value for value in values)]
                )
    return file.getvalue()


def _row(label: str, scores: Sequence[Score]) -> Row:
    confirmed = [score.confirmed for score in scores if score.confirmed is not None]
    return Row(
        sampler=label,
        trainings=scores[0].trainings,
        seeds=len(scores),
        regret=Spread.of([score.regret for score in scores]),
        volume=Spread.of([score.volume for score in scores]),
        returned=Spread.of([score.returned for score in scores]),
        confirmed=Spread.of(confirmed) if confirmed else None,
        extra=float(np.median([score.extra for score in scores])),
        seconds=float(np.median([score.seconds for score in scores])),
    )


def _lost(score: str, row: Row, own: Spread, other: Spread) -> str:
    return f"{score} @{row.trainings} ({own.median:.3f}, {row.sampler} {other.median:.3f})"


def _confirmation(row: Row) -> str | None:
    return None if row.confirmed is None else f"{row.confirmed} +{row.extra:g}"


def _grid(title: str, rows: Sequence[Row], cells: Mapping[int, str]) -> str:
    """Return one Markdown table: a row for each sampler, a column for each number of trainings."""
    counts = list(dict.fromkeys(row.trainings for row in rows))
    lines = [f"| sampler | {' | '.join(f'@{count}' for count in counts)} |"]
    lines.append("|---" * (len(counts) + 1) + "|")
    for label in dict.fromkeys(row.sampler for row in rows):
        own = [cells[id(row)] for row in rows if row.sampler == label]
        lines.append(f"| {label} | {' | '.join(own)} |")
    return f"**{title}**\n\n" + "\n".join(lines)
