"""A study as text on the screen: the columns and rows of its trials, and its settings."""

from collections.abc import Sequence
from typing import Any

from nas.cli import output
from nas.metrics import LATENCY
from nas.results import (
    StudyResults,
    confirmed_lines,
    figures_text,
    study_settings,
    taught_networks,
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
    """Return the settings of a study as pairs of texts, with each line of its recipe."""
    found = []
    for name, text in study_settings(spec):
        found.append((name.lower(), text))
        if name == "Recipe":
            body = (line.partition("#")[0].strip() for line in spec.recipe.splitlines())
            found += [("", f"  {line}") for line in body if line]
    return found
