"""The result of a comparison of samplers: setting, scores and verdict, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nas.prove.runs import Bench, SearchRun
from nas.prove.summary import (
    Asks,
    SamplerVerdict,
    SummaryRow,
    ask_times,
    csv_text,
    markdown,
    markdown_verdict,
    summarise,
    verdict,
)
from nas.units import plural


def facts(bench: Bench) -> dict[str, str]:
    """Return the setting as text, by topic."""
    table, setting, judge = bench.table, bench.setting, bench.judge
    title = f"{table.columns.title or table.name}: {len(table):,} distinct networks"
    budget = ", ".join(map(table.shown, setting.budget)) or "none"
    feasible = f"{len(bench.space.feasible):,} networks fit, the best has {judge.best:.3f} %"
    goals = ["accuracy", *(limit.cost for limit in judge.ceilings)]
    corner = [f"{judge.reference:.2f} %", *map(table.shown, judge.ceilings)]
    found = {
        "table": f"{title} in {table.num_rows:,} rows",
        "budget": f"{budget}: {feasible}",
        "front": f"{' and '.join(goals)}: {plural(judge.front_size, 'network')}, "
        f"hypervolume from {' and '.join(corner)}",
        "clock": f"{plural(setting.workers, 'worker')}, {_clock(bench)}",
    }
    if setting.eta:
        found["rungs"] = (
            f"NAME@9/30/90 judges trials after 9, 30 and 90 epochs; one in {setting.eta} continues"
        )
    return found | {"source": table.columns.source} if table.columns.source else found


@dataclass(frozen=True)
class ProveResult:
    """The scores of `runs`, by sampler.

    `judged` is the sampler that is compared with the others; None for no verdict. `planned` is the
    requested number of runs.
    """

    bench: Bench
    runs: Mapping[str, Sequence[SearchRun]]
    planned: int
    judged: str | None = None

    @property
    def made(self) -> int:
        """The number of runs."""
        return sum(map(len, self.runs.values()))

    @cached_property
    def rows(self) -> list[SummaryRow]:
        """One row for each sampler and number of trainings or epochs."""
        return summarise(self.runs)

    @cached_property
    def asks(self) -> list[Asks]:
        """The proposal times of each sampler."""
        return ask_times(self.runs)

    @cached_property
    def verdict(self) -> SamplerVerdict | None:
        """The comparison of the sampler `judged` with each of the others."""
        return verdict(self.runs, self.judged, np.random.default_rng(0)) if self.judged else None

    def csv(self) -> str:
        """Return every score of every run as CSV."""
        return csv_text(self.runs)

    def markdown(self) -> str:
        """Return the result as a Markdown document."""
        lines = [f"- {name}: {text}" for name, text in facts(self.bench).items()]
        seeds = max(map(len, self.runs.values()), default=0)
        unit = self.bench.setting.unit
        lines.append(f"- medians and quartiles over {plural(seeds, 'seed')}; @N: after N {unit}")
        parts = ["\n".join(lines), markdown(self.rows, self.asks)]
        if self.verdict:
            parts.append(markdown_verdict(self.verdict))
        return "\n\n".join(parts) + "\n"

    def document(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "setting": self.bench.setting.fingerprint(),
            "facts": facts(self.bench),
            "notes": self.bench.table.notes,
            "best": self.bench.judge.best,
            "reference": self.bench.judge.reference,
            "rows": [asdict(row) for row in self.rows],
            "asks": [asdict(asks) for asks in self.asks],
            "verdict": _plain(self.verdict) if self.verdict else None,
        }


def _clock(bench: Bench) -> str:
    if bench.table.seconds is not None:
        return f"training times from the column {bench.table.columns.time}"
    first = bench.table.costs[:1]
    return f"training times in proportion to {first[0].column}" if first else "equal training times"


def _plain(verdict: SamplerVerdict) -> dict[str, Any]:
    """Return the verdict as JSON values, with null for infinite bounds."""
    contrasts = [
        {
            **asdict(contrast),
            "gain": contrast.gain.record(),
            "verdict": contrast.verdict,
        }
        for contrast in verdict.contrasts
    ]
    return {"sampler": verdict.sampler, "text": str(verdict), "contrasts": contrasts}
