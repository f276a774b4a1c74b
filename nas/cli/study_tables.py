"""A study as text on the screen: the columns and rows of its trials, and its settings."""

from collections.abc import Sequence
from typing import Any

from nas.cli import output
from nas.metrics import LATENCY
from nas.results import (
    StudyResults,
    candidates_text,
    confirmation_text,
    confirmed_lines,
    counted_at,
    figures_text,
    judged_by,
    learnt_text,
    networks_text,
    task_line,
    taught_networks,
    trained_at,
    trial_record,
    trial_role,
)
from nas.study import StudySpec, Trial
from nas.units import si

NUMBERS = "trial value spread seeds observed test madds params latency epochs"
OPTIONAL = "shape arch_id params observed epochs test seeds spread state"
_OF_SEVERAL = ("spread", "seeds", "observed")


def print_trials(
    found: StudyResults, title: str, trials: Sequence[Trial], without: Sequence[str] = ()
) -> None:
    """Print a table of trials, with every column that applies except those in `without`."""
    headings = columns(found, without, bool(found.spec.latency))
    output.table(title, headings, shown(trials, found), NUMBERS, OPTIONAL)


def print_figures(found: StudyResults) -> None:
    """Print both errors of each taught network, and those that confirm a short schedule."""
    for number in taught_networks(found):
        if text := figures_text(found, number):
            name = found.spec.network_name(found.own(number)[0])
            output.paragraph(f"\n{name}: {text}")
    for label, text in confirmed_lines(found):
        output.paragraph(f"\n{label}: {text}")


def columns(
    found: StudyResults, without: Sequence[str] = (), latency: bool = False
) -> dict[str, str]:
    """Return the columns of a table of trials; seed columns only if there are several seeds."""
    several = bool((found.seeds > 1).any())
    short = found.metric.short
    all_columns = {
        "trial": "trial", "role": "", "family": "family", "value": f"val {short}",
        "spread": "95 %", "seeds": "seeds", "observed": "in the search", "test": f"test {short}",
        "madds": "madds", "params": "params", "latency": LATENCY.short, "epochs": "epochs",
        "state": "state", "arch_id": "arch_id", "shape": "blocks x width of each stage",
    }  # fmt: skip
    hidden = (
        *without,
        *(() if several else _OF_SEVERAL),
        *(("observed",) if found.spec.networks else ()),
        *(() if latency else ("latency",)),
        *(() if len(found.spec.spaces) > 1 else ("family",)),
    )
    return {key: heading for key, heading in all_columns.items() if key not in hidden}


def shown(trials: Sequence[Trial], found: StudyResults) -> list[dict[str, Any]]:
    """Return trials as rows for the screen, under the `columns`."""
    rows, metric = [], found.metric
    for trial in trials:
        row = trial_record(trial, found)
        row["value"] = metric.show(row[metric.column])
        own, test = found.estimate(trial.number), found.test(trial.number)
        row["seeds"] = str(own.n) if own else ""
        row["spread"] = own.spread if own else ""
        row["observed"] = metric.show(trial.value(metric.name)) if own and own.n > 1 else ""
        row["test"] = f"{metric.show(test.mean)} {test.spread}".rstrip() if test else ""
        row["madds"], row["params"] = si(trial.cost.madds), si(trial.cost.params)
        row["latency"] = LATENCY.show(trial.cost.latency)
        row["state"] = state(trial)
        row["role"] = trial_role(trial, found)
        row["shape"] = " ".join(map(_stage, *map(trial.architecture.column, ("depth", "width"))))
        rows.append(row)
    return rows


def state(trial: Trial) -> str:
    """Return the state as text, with the reason of a failure or the origin of a result."""
    word = trial.state.value.lower()
    if trial.origin:
        return f"{word}, reused from {trial.reused}"
    return f"{word} ({trial.fail_reason})" if trial.fail_reason else word


def _stage(depth: object, width: object) -> str:
    return f"{depth}x{width}" if depth else "-"


def settings(spec: StudySpec) -> list[tuple[str, str]]:
    """Return the settings of a study, as pairs of texts."""
    search = [
        ("rungs", f"{', '.join(map(str, spec.rungs))} epochs; {judged_by(spec)}"),
        *([("resolutions", spec.ladder.resolutions)] if spec.resolutions else []),
        ("objectives", ", ".join(spec.objectives)),
        ("sampler", f"{spec.sampler}, seed {spec.seed}"),
        ("trials", candidates_text(spec)),
        ("confirmed", confirmed_setting(spec)),
    ]
    return [
        ("space", "; ".join(f"{name} ({space.title})" for name, space in spec.spaces.items())),
        *((key.lower(), line) for key, line in networks_text(spec)),
        *([] if spec.networks else [("budget", ", ".join(map(str, spec.budget)) or "none")]),
        ("counted at", f"{counted_at(spec)} (conv + linear multiply-adds)"),
        *([("trained at", trained_at(spec))] if spec.task_input else []),
        *(
            (f"latency of {name}", f"{table.device}; {table.accuracy}")
            for name, table in spec.latency_tables.items()
        ),
        ("task", task_line(spec)),
        *_recipe(spec.recipe),
        *([("epochs", str(spec.ladder.max_epochs))] if spec.networks else search),
        ("reuse", "results of the same training in this database" if spec.reuse else "none"),
        *([("learnt", learnt_text(spec))] if spec.learnt else []),
    ]


def confirmed_setting(spec: StudySpec) -> str:
    """Return the trainings that confirm the best networks at the end of a study, as text."""
    return confirmation_text(spec) or "nothing: each result is that of one seed"


def _recipe(text: str) -> list[tuple[str, str]]:
    """Return the name of a recipe, then its settings, one per line, without comments."""
    name, _, body = text.partition("\n")
    lines = (line.partition("#")[0].strip() for line in body.splitlines())
    return [("recipe", name.removeprefix("# "))] + [("", f"  {line}") for line in lines if line]
