"""Comparison as text: the rows of its tables, its statements, and its general facts."""

from typing import Any

from nas.feasible import BAND
from nas.metrics import Metric
from nas.results.comparison import Comparison, Group, Pair
from nas.results.settings_text import counted_at, study_note, task_line, trained_at
from nas.stats import Interval
from nas.study import StudySpec
from nas.units import plural, si


def pair_columns(comparison: Comparison) -> dict[str, str]:
    """Return the headings of the table of pairs."""
    unit = comparison.metric.difference_unit
    return {
        "pair": "pair",
        "mean": "mean difference" + (f", {unit}" if unit else ""),
        "median": "of medians",
        "p": "p",
        "p_holm": "p (Holm)",
        "distance": "KS distance (p)",
        "verdict": "",
    }


def group_table(comparison: Comparison) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return columns (one for each group) and rows (one for each statistic)."""
    unit = f", {comparison.metric.unit}" if comparison.metric.unit else ""
    heading = f"val {comparison.metric.short}{unit}"
    columns = {"statistic": heading} | {each.name: each.name for each in comparison.groups}
    cells = {group.name: _statistics(group) for group in comparison.groups}
    names = next(iter(cells.values()))
    rows = [
        {"statistic": name} | {group: own[name] for group, own in cells.items()} for name in names
    ]
    return columns, rows


def pair_rows(comparison: Comparison) -> list[dict[str, str]]:
    """Return one row for each pair, under the `pair_columns`."""
    rows = []
    for pair in comparison.pairs:
        distance = f"{pair.distance:.2f} ({_p(pair.p_distance)})" if pair.p_distance else ""
        rows.append(
            {
                "pair": f"{pair.first} - {pair.second}",
                "mean": _shown(pair.metric, pair.mean, sign="+"),
                "median": _shown(pair.metric, pair.median, sign="+") if pair.median else "",
                "p": _p(pair.p),
                "p_holm": _p(pair.p_holm) if len(comparison.pairs) > 1 else "",
                "distance": distance,
                "verdict": pair.verdict,
            }
        )
    return rows


def comparison_statements(spec: StudySpec, comparison: Comparison) -> list[str]:
    """Return one sentence for each pair, with its numbers of networks, seeds and epochs."""
    return [_statement(spec, comparison, pair) for pair in comparison.pairs]


def comparison_facts(spec: StudySpec, comparison: Comparison) -> list[tuple[str, str]]:
    """Return the facts about all numbers of the comparison, as (name, text)."""
    lines = [
        ("study", spec.name),
        ("space", ", ".join(spec.spaces)),
        ("drawn", _drawn(spec, comparison)),
        ("counted at", f"{counted_at(spec)}; conv + linear multiply-adds"),
        *([("trained at", trained_at(spec))] if spec.task_input else []),
        ("trained on", f"{task_line(spec)}, {_epochs(spec)}, no early stopping, 1 seed each"),
        ("intervals", "95 %, bootstrap over the networks; shares at or below: Wilson"),
        ("tests", _tests(comparison)),
    ]
    lines += [("note", note) for note in _notes(spec, comparison)]
    return lines


def comparison_document(spec: StudySpec, comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data; values and differences are those of the metric."""
    return {
        "study": spec.name,
        "spaces": list(spec.spaces),
        "varied": comparison.key,
        "budget": [str(part) for part in spec.budget],
        "task": spec.task,
        "epochs": spec.ladder.max_epochs,
        "limit": spec.limit,
        "seed": spec.seed,
        "planned": comparison.planned,
        "complete": comparison.complete,
        "groups": [_group_document(group) for group in comparison.groups],
        "pairs": [_pair_document(pair) for pair in comparison.pairs],
        "statements": comparison_statements(spec, comparison),
        "notes": _notes(spec, comparison),
    }


def _statistics(group: Group) -> dict[str, str]:
    metric = group.metric
    first, median, third = (_shown(metric, own) for own in group.quartiles)
    below = {
        f"share at or below {metric.factor * level:.4g}": _share(share)
        for level, share in group.below
    }
    mean, least, most = group.madds
    return {
        "networks": str(group.n),
        "mean": _shown(metric, group.mean),
        "lower quartile": first,
        "median": median,
        "upper quartile": third,
        "best": metric.number(group.best),
        **below,
        "madds, mean": si(mean, 3),
        "madds, range": f"{si(least, 3)} to {si(most, 3)}",
    }


def _statement(spec: StudySpec, comparison: Comparison, pair: Pair) -> str:
    holm = f", {_p(pair.p_holm)} after Holm" if len(comparison.pairs) > 1 else ""
    test = "flipped signs" if comparison.key else "permutation within cost strata"
    return (
        f"{pair.first} against {pair.second}: {pair.verdict}. Mean difference "
        f"{_shown(pair.metric, pair.mean, sign='+')} {_of(pair.metric)}, p = {_p(pair.p)}{holm} "
        f"({test}); n = {pair.n}{' pairs' if comparison.key else ' each'}, 1 seed each, "
        f"{spec.task}, {_epochs(spec)}."
    )


def _drawn(spec: StudySpec, comparison: Comparison) -> str:
    ceilings = " and ".join(map(str, spec.budget))
    if comparison.key is None:
        return (
            f"in turn from each space, uniformly within the same strata of cost, {100 * BAND:.0f} "
            f"to 100 % of {spec.budget[0]}" + (f", within {ceilings}" if spec.budget[1:] else "")
        )
    return (
        f"base architectures uniformly from those whose every variant fits {ceilings}; each was "
        f"trained with every value of {comparison.key}, in all stages that allow them, from the "
        "same seed"
    )


def _tests(comparison: Comparison) -> str:
    if comparison.key is None:
        return "two-sided, labels permuted within cost strata, of the means and of the KS distance"
    return "two-sided, signs of the paired differences flipped"


def _notes(spec: StudySpec, comparison: Comparison) -> list[str]:
    notes = []
    if comparison.key and len({group.madds for group in comparison.groups}) > 1:
        notes.append(
            f"The cost changes with {comparison.key}, see the madds: the effect is shown with all "
            "other choices kept, not at equal cost.",
        )
    failed = {group.name: group.failed for group in comparison.groups if group.failed}
    if failed:
        told = ", ".join(f"{count} of {name}" for name, count in failed.items())
        left_out = "their pairs are" if comparison.key else "they are"
        notes.append(f"Failed networks: {told}; {left_out} excluded.")
    missing = sum(group.missing for group in comparison.groups)
    if missing:
        notes.append(f"{missing} of {comparison.planned} networks are not measured.")
    notes.append(f"The best {comparison.metric.short} improves with n, and has no interval.")
    notes += filter(None, [study_note(spec)])
    return notes


def _group_document(group: Group) -> dict[str, Any]:
    mean, least, most = group.madds
    names = ("lower_quartile", "median", "upper_quartile")
    return {
        "name": group.name,
        "n": group.n,
        "failed": group.failed,
        "missing": group.missing,
        "mean": group.mean.record(),
        **{name: own.record() for name, own in zip(names, group.quartiles, strict=True)},
        "best": group.best,
        "below": [{"threshold": level, **share.record()} for level, share in group.below],
        "madds": {"mean": mean, "min": least, "max": most},
        "band": group.reach,
        "errors": list(group.errors),
    }


def _pair_document(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "n": pair.n,
        "mean_difference": pair.mean.record(),
        "median_difference": pair.median.record() if pair.median else None,
        "p": pair.p,
        "p_holm": pair.p_holm,
        "ks_distance": pair.distance,
        "ks_p": pair.p_distance,
        "significant": pair.significant,
        "verdict": pair.verdict,
    }


def _shown(metric: Metric, interval: Interval, sign: str = "") -> str:
    parts = (metric.factor * part for part in (interval.value, interval.low, interval.high))
    value, low, high = (f"{part:{sign}{metric.digits}}" for part in parts)
    return f"{value} ({low} to {high})"


def _share(interval: Interval) -> str:
    value, low, high = (100 * part for part in (interval.value, interval.low, interval.high))
    return f"{value:.0f} ({low:.0f} to {high:.0f})"


def _of(metric: Metric) -> str:
    """Return the unit of a difference with the metric, such as `points of error`."""
    unit = metric.difference_unit
    return f"{unit} of {metric.short}" if unit else f"of {metric.short}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def _epochs(spec: StudySpec) -> str:
    return plural(spec.ladder.max_epochs, "epoch")
