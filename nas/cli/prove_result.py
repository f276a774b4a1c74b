"""What `nas prove` shows: the setting, the scores as tables, JSON, Markdown and a page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import click
import numpy as np

from nas.cli import output
from nas.prove import (
    Bench,
    SamplerVerdict,
    SearchRun,
    SummaryRow,
    ask_times,
    csv_text,
    markdown,
    markdown_verdict,
    summarise,
    verdict,
)


def facts(bench: Bench) -> dict[str, str]:
    """Return the setting in words, by what each says."""
    table, setting, judge = bench.table, bench.setting, bench.judge
    title = f"{table.columns.title or table.name}: {len(table):,} distinct networks"
    budget = ", ".join(map(table.shown, setting.budget)) or "none"
    feasible = f"{len(bench.space.feasible):,} networks fit, the best has {judge.best:.3f} %"
    goals = ["accuracy", *(limit.cost for limit in judge.ceilings)]
    corner = [f"{judge.reference:.2f} %", *map(table.shown, judge.ceilings)]
    shown = {
        "table": f"{title} in {table.num_rows:,} rows",
        "budget": f"{budget}: {feasible}",
        "front": f"{' and '.join(goals)}: {output.plural(judge.front_size, 'network')}, "
        f"hypervolume from {' and '.join(corner)}",
        "clock": f"{output.plural(setting.workers, 'worker')}, {_clock(bench)}",
    }
    return shown | {"source": table.columns.source} if table.columns.source else shown


def say_setting(bench: Bench, seeds: int) -> None:
    """Print what is measured, and what was inferred about the table."""
    for name, text in facts(bench).items():
        output.field(name, text)
    for note in bench.table.notes:
        output.field("note", note)
    counts = ", ".join(map(str, bench.setting.trainings))
    output.field("runs", f"{seeds} seeds each, scored after {counts} trainings\n")


class ProveResult:
    """The scores of the runs made, in every form that is asked for."""

    def __init__(
        self, bench: Bench, runs: Mapping[str, Sequence[SearchRun]], judged: str | None
    ) -> None:
        """Summarise `runs`; `judged` is the sampler of the verdict, None for no verdict."""
        self._bench, self._runs = bench, runs
        self._rows, self._asks = summarise(runs), ask_times(runs)
        self._verdict = verdict(runs, judged, np.random.default_rng(0)) if judged else None

    def print(self, json_: bool) -> None:
        """Print tables, or JSON."""
        if json_:
            output.echo_json(self._document())
            return
        _print_rows(self._rows)
        for asks in self._asks:
            median, most = 1e3 * asks.median, 1e3 * asks.p95
            output.field("ask", f"{asks.sampler}: median {median:.1f} ms, 95 % {most:.1f} ms")
        if self._verdict:
            _print_contrasts(self._verdict)
            output.field("verdict", str(self._verdict))

    def csv(self) -> str:
        """Return every score of every run as CSV."""
        return csv_text(self._runs)

    def markdown(self) -> str:
        """Return the result as a Markdown document."""
        lines = [f"- {name}: {text}" for name, text in facts(self._bench).items()]
        seeds = max((len(made) for made in self._runs.values()), default=0)
        lines.append(f"- medians and quartiles over {output.plural(seeds, 'seed')}")
        parts = ["\n".join(lines), markdown(self._rows, self._asks)]
        if self._verdict:
            parts.append(markdown_verdict(self._verdict))
        return "\n\n".join(parts) + "\n"

    def plot(self, path: Path) -> None:
        """Write the result as a page.

        Raises:
            ExportError: the file cannot be written.
        """
        from nas.figures import write_prove

        verdict = str(self._verdict) if self._verdict else ""
        write_prove(self._rows, facts(self._bench), verdict, path)

    def _document(self) -> dict[str, Any]:
        bench = self._bench
        return {
            "setting": bench.setting.fingerprint(),
            "facts": facts(bench),
            "notes": bench.table.notes,
            "best": bench.judge.best,
            "reference": bench.judge.reference,
            "rows": [asdict(row) for row in self._rows],
            "asks": [asdict(asks) for asks in self._asks],
            "verdict": _plain(self._verdict) if self._verdict else None,
        }


def _clock(bench: Bench) -> str:
    if bench.table.seconds is not None:
        return f"training times from the column {bench.table.columns.time}"
    first = bench.table.costs[:1]
    return f"training times in proportion to {first[0].column}" if first else "equal training times"


def _print_rows(rows: Sequence[SummaryRow]) -> None:
    columns = {
        "sampler": "sampler", "n": "trainings", "seeds": "seeds", "regret": "regret (points)",
        "volume": "HV share", "returned": "HV returned", "confirmed": "confirmed regret",
        "extra": "extra",
    }  # fmt: skip
    shown = [
        {
            "sampler": row.sampler,
            "n": row.trainings,
            "seeds": row.seeds,
            "regret": row.regret,
            "volume": row.volume,
            "returned": row.returned,
            "confirmed": row.confirmed or "",
            "extra": f"+{row.extra:g}" if row.confirmed else "",
        }
        for row in rows
    ]
    output.table("", columns, shown, "n seeds extra", optional="seeds returned extra confirmed")
    click.echo("")


def _print_contrasts(verdict: SamplerVerdict) -> None:
    columns = {"score": "score", "trainings": "trainings", "other": "against",
               "shown": f"{verdict.sampler} gains (95 %)", "verdict": ""}  # fmt: skip
    rows = [{key: getattr(contrast, key) for key in columns} for contrast in verdict.contrasts]
    click.echo("")
    output.table("", columns, rows, "trainings shown")


def _plain(verdict: SamplerVerdict) -> dict[str, Any]:
    """Return the verdict as JSON holds it: a bound that is infinite is null."""
    contrasts = [
        {
            **asdict(contrast),
            "gain": {
                key: value if isfinite(value) else None
                for key, value in asdict(contrast.gain).items()
            },
            "verdict": contrast.verdict,
        }
        for contrast in verdict.contrasts
    ]
    return {"sampler": verdict.sampler, "text": str(verdict), "contrasts": contrasts}
