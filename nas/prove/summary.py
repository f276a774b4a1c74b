"""Summary: medians and quartiles of the scores of many runs, the verdict, and their texts."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from nas.prove.runs import SearchRun
from nas.prove.scores import RunScore
from nas.stats import CONFIDENCE, Interval, bootstrap, least_p_of_pairs, mean

# The gain of the first of two scores over the second.
_GAINS: dict[str, Callable[[RunScore, RunScore], float]] = {
    "regret": lambda mine, theirs: theirs.regret - mine.regret,
    "HV": lambda mine, theirs: mine.volume - theirs.volume,
}


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
class SummaryRow:
    """The scores of one sampler `after` a number of trainings or epochs, over `seeds` runs.

    The fields are those of `RunScore`. `trainings`, `extra`, `seconds` and `epochs` are medians.
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
    after: int
    epochs: int


@dataclass(frozen=True)
class Asks:
    """The time of one sampler for a proposal, in real seconds."""

    sampler: str
    median: float
    p95: float


@dataclass(frozen=True)
class Contrast:
    """The gain of one sampler over `other` in one score: the mean over pairs of runs.

    The runs of a pair have the same seed, and therefore the same training of each network. `gain`
    has the unit of the score and is positive if the sampler is better; its 95 % interval is a
    bootstrap over the pairs (`nas.stats.resampling.bootstrap`). `enough` is False if the pairs are
    too few to show any difference.
    """

    score: str
    after: int
    other: str
    pairs: int
    gain: Interval
    enough: bool

    @property
    def verdict(self) -> str:
        """The result as text."""
        if not self.enough:
            return f"no difference seen: {self.pairs} seeds are too few to show one"
        if self.gain.low <= 0 <= self.gain.high:
            return "no difference seen"
        return "better" if self.gain.value > 0 else "worse"

    @property
    def shown(self) -> str:
        """The gain with its interval, `+0.041 [-0.020, +0.080]`."""
        return f"{self.gain.value:+.3f} [{self.gain.low:+.3f}, {self.gain.high:+.3f}]"


@dataclass(frozen=True)
class SamplerVerdict:
    """The comparison of `sampler` with all others, in both scores, at all scored times."""

    sampler: str
    contrasts: tuple[Contrast, ...]

    @property
    def others(self) -> tuple[str, ...]:
        """The samplers in the comparison."""
        return tuple(dict.fromkeys(contrast.other for contrast in self.contrasts))

    def __str__(self) -> str:
        """Return the verdict in one line."""
        found = [contrast.verdict for contrast in self.contrasts]
        better, worse = found.count("better"), found.count("worse")
        pairs = sorted({contrast.pairs for contrast in self.contrasts})
        seeds = " to ".join(dict.fromkeys(map(str, (pairs[0], pairs[-1]))))
        return (
            f"{self.sampler} against {', '.join(self.others)}, paired over {seeds} seeds: "
            f"better in {better} of {len(found)} comparisons, worse in {worse}, "
            f"no difference seen in {len(found) - better - worse}"
        )


def summarise(runs: Mapping[str, Sequence[SearchRun]]) -> list[SummaryRow]:
    """Return one row for each sampler and number of trainings or epochs."""
    return [
        _row(label, [run.scores[place] for run in made])
        for label, made in runs.items()
        for place in range(len(made[0].scores))
    ]


def ask_times(runs: Mapping[str, Sequence[SearchRun]]) -> list[Asks]:
    """Return the proposal times of each sampler."""
    found = []
    for label, made in runs.items():
        asks = [seconds for run in made for seconds in run.asks]
        found.append(Asks(label, float(np.median(asks)), float(np.quantile(asks, 0.95))))
    return found


def verdict(
    runs: Mapping[str, Sequence[SearchRun]], ours: str, rng: np.random.Generator
) -> SamplerVerdict | None:
    """Compare `ours` with each other sampler by pairs of runs; None if there are no pairs.

    The intervals are not adjusted for multiple comparisons.
    """
    own = {run.seed: run for run in runs.get(ours, ())}
    contrasts = [
        _contrast(name, other, pairs, rng)
        for other, made in runs.items()
        if other != ours and (paired := [run for run in made if run.seed in own])
        for pairs in zip(
            *(zip(own[run.seed].scores, run.scores, strict=True) for run in paired), strict=True
        )
        for name in _GAINS
    ]
    return SamplerVerdict(ours, tuple(contrasts)) if contrasts else None


def _contrast(
    name: str, other: str, pairs: Sequence[tuple[RunScore, RunScore]], rng: np.random.Generator
) -> Contrast:
    gains = np.array([_GAINS[name](mine, theirs) for mine, theirs in pairs])
    gain = bootstrap(gains, mean, rng)
    enough = least_p_of_pairs(len(pairs)) < 1 - CONFIDENCE
    return Contrast(name, pairs[0][0].after, other, len(pairs), gain, enough)


def markdown(rows: Sequence[SummaryRow], asks: Sequence[Asks]) -> str:
    """Return the scores and the proposal times as Markdown tables, one row for each sampler."""
    scores = {
        "Regret (points of accuracy)": lambda row: row.regret,
        "Hypervolume of the networks trained (share of the true front's)": lambda row: row.volume,
        "Hypervolume of the front returned": lambda row: row.returned,
        "Regret with confirmation (and its trainings)": _confirmation,
    }
    parts = []
    for title, score in scores.items():
        if all(score(row) is not None for row in rows):
            parts.append(_grid(title, rows, {id(row): str(score(row)) for row in rows}))
    lines = ["| sampler | ask, median | ask, 95 % |", "|---|---|---|"]
    lines += [f"| {a.sampler} | {1e3 * a.median:.1f} ms | {1e3 * a.p95:.1f} ms |" for a in asks]
    return "\n\n".join([*parts, "\n".join(lines)])


def markdown_verdict(verdict: SamplerVerdict) -> str:
    """Return the verdict and its comparisons as Markdown."""
    lines = [f"Verdict: {verdict}.", "", f"| score | against | {verdict.sampler} gains (95 %) | |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {c.score} @{c.after} | {c.other} | {c.shown} | {c.verdict} |" for c in verdict.contrasts
    ]
    return "\n".join(lines)


def csv_text(runs: Mapping[str, Sequence[SearchRun]]) -> str:
    """Return every score of every run as CSV, one line for each score."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["sampler", "seed", *RunScore.__dataclass_fields__])
    for label, made in runs.items():
        for run in made:
            for score in run.scores:
                values = asdict(score).values()
                writer.writerow(
                    [label, run.seed, *("" if value is None else value for value in values)]
                )
    return file.getvalue()


def _row(label: str, scores: Sequence[RunScore]) -> SummaryRow:
    confirmed = [score.confirmed for score in scores if score.confirmed is not None]
    return SummaryRow(
        sampler=label,
        trainings=round(np.median([score.trainings for score in scores])),
        seeds=len(scores),
        regret=Spread.of([score.regret for score in scores]),
        volume=Spread.of([score.volume for score in scores]),
        returned=Spread.of([score.returned for score in scores]),
        confirmed=Spread.of(confirmed) if confirmed else None,
        extra=float(np.median([score.extra for score in scores])),
        seconds=float(np.median([score.seconds for score in scores])),
        after=scores[0].after,
        epochs=round(np.median([score.epochs for score in scores])),
    )


def _confirmation(row: SummaryRow) -> str | None:
    return None if row.confirmed is None else f"{row.confirmed} +{row.extra:g}"


def _grid(title: str, rows: Sequence[SummaryRow], cells: Mapping[int, str]) -> str:
    """Return one Markdown table: a row for each sampler, a column for each scored time."""
    counts = list(dict.fromkeys(row.after for row in rows))
    lines = [f"| sampler | {' | '.join(f'@{count}' for count in counts)} |"]
    lines.append("|---" * (len(counts) + 1) + "|")
    for label in dict.fromkeys(row.sampler for row in rows):
        own = [cells[id(row)] for row in rows if row.sampler == label]
        lines.append(f"| {label} | {' | '.join(own)} |")
    return f"**{title}**\n\n" + "\n".join(lines)
