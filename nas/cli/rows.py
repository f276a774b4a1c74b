"""The rows of a study's tables: one shape for the screen, for JSON and for CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

from nas import spec_text
from nas.budget import si, time
from nas.confirm import Confirmed
from nas.spec import StudySpec
from nas.trial import Trial
from nas.units import percent

COLUMNS = {
    "trial": "trial",
    "error": "val error",
    "confirmed": "95 %",
    "seeds": "seeds",
    "observed": "in the search",
    "madds": "madds",
    "params": "params",
    "latency": "latency",
    "epochs": "epochs",
    "state": "state",
    "name": "",
    "arch_id": "arch_id",
    "shape": "blocks x width of each stage",
}
CSV_FIELDS = (
    "trial", "top1_error", "loss", "epochs", "madds", "params", "acts", "fvcore_madds",
    "fvcore_params", "arch_id", "architecture", "seed", "seconds", "origin", "confirmed_top1_error",
    "confirmed_low", "confirmed_high", "confirmed_seeds", "latency_ns",
)  # fmt: skip
NUMBERS = "trial error confirmed seeds observed madds params latency epochs"
OPTIONAL = "arch_id shape params"
Means = Mapping[int, Confirmed]
_OF_MEANS = ("confirmed", "seeds", "observed")


def columns(means: Means, without: Sequence[str] = (), latency: bool = False) -> dict[str, str]:
    """Return the columns of a table of trials; those of confirmed means where there are any."""
    hidden = (*without, *(() if means else _OF_MEANS), *(() if latency else ("latency",)))
    return {key: heading for key, heading in COLUMNS.items() if key not in hidden}


def trial_row(trial: Trial, means: Means | None = None) -> dict[str, Any]:
    """Return one trial as plain data; errors are shares in [0, 1] on the validation split.

    `top1_error` is what its own training gave. Of a trial in `means` the `confirmed_…` hold the
    mean over all its seeds and the 95 % interval.
    """
    last = trial.last
    return {
        "trial": trial.number,
        "name": trial.reference,
        "state": trial.state.value,
        "top1_error": last.top1_error if last else None,
        "loss": last.loss if last else None,
        "epochs": last.epoch if last else 0,
        "madds": trial.cost.madds,
        "params": trial.cost.params,
        "acts": trial.cost.acts,
        "latency_ns": trial.cost.latency or None,
        "fvcore_madds": trial.counted.madds if trial.counted else None,
        "fvcore_params": trial.counted.params if trial.counted else None,
        "arch_id": trial.arch_id,
        "architecture": trial.architecture.text,
        "seed": trial.seed,
        "attempt": trial.attempt,
        "seconds": trial.seconds,
        "fail_reason": trial.fail_reason,
        "origin": trial.origin,
        "replicate_of": trial.replicate_of,
        **_confirmed((means or {}).get(trial.number)),
    }


def _confirmed(found: Confirmed | None) -> dict[str, Any]:
    summary = found.summary("top1_error") if found else None
    reach = summary.reach if summary else None
    return {
        "confirmed_top1_error": summary.mean if summary else None,
        "confirmed_low": summary.mean - reach if summary and reach is not None else None,
        "confirmed_high": summary.mean + reach if summary and reach is not None else None,
        "confirmed_further": found.further("top1_error") if found else None,
        "confirmed_seeds": summary.n if summary else None,
    }


def shown(trials: Sequence[Trial], means: Means | None = None) -> list[dict[str, Any]]:
    """Return trials as rows for the screen, under `COLUMNS`; a mean stands in place of its error.

    With `means` the others of the table are said to have one seed.
    """
    rows = []
    for trial in trials:
        row = trial_row(trial, means)
        state = row["state"].lower()
        row["error"] = percent(row["top1_error"])
        row["seeds"] = "1" if trial.final else ""
        found = (means or {}).get(trial.number)
        if found:
            summary = found.summary("top1_error")
            row["error"], row["observed"] = percent(summary.mean), row["error"]
            row["confirmed"] = f"± {100 * (summary.reach or 0.0):.2f}"
            row["seeds"] = str(summary.n)
        row["madds"], row["params"] = si(trial.cost.madds), si(trial.cost.params)
        row["latency"] = time(trial.cost.latency)
        row["state"] = f"{state} ({trial.fail_reason})" if trial.fail_reason else state
        if trial.origin:
            row["state"] = f"{state}, reused from {trial.origin.replace('/', '#')}"
        row["name"] = trial.reference or further_seed(trial)
        row["shape"] = " ".join(map(_stage, *map(trial.architecture.column, ("depth", "width"))))
        rows.append(row)
    return rows


def further_seed(trial: Trial) -> str:
    """Return which training of which trial this one repeats; empty for any other trial."""
    if trial.replicate_of is None:
        return ""
    return f"seed {trial.replicate + 1} of trial {trial.replicate_of}"


def _stage(depth: object, width: object) -> str:
    return f"{depth}x{width}" if depth else "-"


def settings(spec: StudySpec) -> list[tuple[str, str]]:
    """Return what defines a study, as pairs for the screen."""
    return [
        ("space", "; ".join(f"{name} ({space.title})" for name, space in spec.spaces.items())),
        ("budget", ", ".join(map(str, spec.budget)) or "none"),
        ("counted at", f"{spec_text.counted_at(spec)} (conv + linear multiply-adds)"),
        *([("trained at", spec_text.trained_at(spec))] if spec.task_input else []),
        *(
            (f"latency of {name}", f"{table.device}; {table.accuracy}")
            for name, table in spec.latency_tables.items()
        ),
        ("task", spec_text.task_line(spec)),
        *_recipe(spec.recipe),
        ("rungs", f"{', '.join(map(str, spec.rungs))} epochs; the best 1/{spec.eta} go on"),
        *([("resolutions", spec.ladder.resolutions)] if spec.resolutions else []),
        ("objectives", ", ".join(spec.objectives)),
        ("sampler", f"{spec.sampler}, seed {spec.seed}"),
        ("trials", spec_text.candidates(spec)),
        ("confirmed", confirmation(spec)),
        ("reuse", "results of the same training in this database" if spec.reuse else "none"),
    ]


def confirmation(spec: StudySpec) -> str:
    """Return what is trained again at the end of a study."""
    return spec_text.confirmation(spec) or "nothing: each error is that of one seed"


def _recipe(text: str) -> list[tuple[str, str]]:
    """Return the name of a recipe, then its settings, one to a line, without the comments."""
    name, _, body = text.partition("\n")
    lines = (line.partition("#")[0].strip() for line in body.splitlines())
    return [("recipe", name.removeprefix("# "))] + [("", f"  {line}") for line in lines if line]
