"""`nas space`: the choices of a space, the part within a budget, and the costs as bars."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import options, output
from nas.cli.binding import into
from nas.cli.count import CONVENTION
from nas.metrics import cost_metric
from nas.workflows import SPACE, SpaceRequest, SpaceSummary, ignore

if TYPE_CHECKING:
    from nas.cost import CostModel
    from nas.feasible import Count, Distribution
    from nas.space import SearchSpace


@click.command()
@click.argument("space", default=SPACE, metavar="[NAME]")
@options.budget
@click.option(
    "--band",
    metavar="LOW-HIGH",
    help="Also count architectures that use this share of the first budget, in percent, such as "
    "85-100.",
)
@options.latency
@options.deployment
@options.as_json
@into("request", SpaceRequest)
def space(request: SpaceRequest, json_: bool) -> None:
    """Show the choices and published members of the space NAME, and how many fit a budget.

    The number of architectures that fit is given by two guaranteed bounds and an estimate with its
    95 % interval. If few architectures fit, the number is exact.

    \b
    Example:
      nas space igcv3 --budget 300M-flops
    """
    from nas.cli.latency_lines import say_latency_table
    from nas.workflows import summarise_space

    found = summarise_space(request, ignore if json_ else say_latency_table)
    spread, loaded, costs = found.distribution, found.feasible.space, found.costs
    if json_:
        output.echo_json(_document(found, request.band, spread))
        return
    click.echo(f"{loaded.title}\n")
    _show_choices(loaded)
    if loaded.complementary:
        click.echo(f"every pair of group convolutions is {loaded.complementary}ly complementary")
    _show_published(costs)
    click.echo(
        f"\ncounted at {costs.adaptation.describe()}, {costs.classes} classes: {CONVENTION}\n"
    )
    for line in _findings(found):
        click.echo(line)
    if found.inside:
        inside = _number(found.inside, found.feasible.total)
        click.echo(f"{inside} use {request.band} % of {found.feasible.budget[0]}")
    click.echo("")
    for line in histogram(spread, output.terminal_width() or 100):
        click.echo(line)


def _document(found: SpaceSummary, band: str | None, spread: "Distribution") -> dict[str, Any]:
    """Return the data that `--json` prints."""
    feasible, space = found.feasible, found.feasible.space
    document = {
        "space": space.name,
        "input": str(feasible.costs.adaptation.input),
        "strides": feasible.costs.adaptation.text,
        "size": feasible.total,
        "budget": [str(part) for part in feasible.budget],
        "feasible": _counted(found.count),
        "distribution": {
            "cost": spread.cost,
            "edges": spread.edges,
            "whole": spread.whole,
            "feasible": spread.feasible,
            "feasible_is_sampled": spread.sampled,
        },
        "stages": _choices(space),
        "published": _published(feasible.costs),
    }
    if found.inside is not None:
        document["band"] = {"percent": band, **_counted(found.inside)}
    return document


def _counted(count: "Count") -> dict[str, Any]:
    found: dict[str, Any] = {"at_least": count.low, "at_most": count.high, "exact": count.exact}
    if count.estimate is not None and count.interval is not None:
        found |= {"estimate": count.estimate, "interval_95": list(count.interval)}
    return found


def _findings(found: SpaceSummary) -> list[str]:
    """Return the size of the space and of the part within the budget, as lines."""
    feasible, count = found.feasible, found.count
    lines = [f"{output.size(feasible.total)} distinct architectures"]
    if feasible.budget:
        ceilings = ", ".join(map(str, feasible.budget))
        lines.append(f"{_number(count, feasible.total)} fit the budget ({ceilings})")
    if count.estimate is not None and count.interval is not None:
        low, high = count.interval
        share, digits = output.share(low, high, feasible.total), _digits(low, high)
        estimate, least, most = (f"{x:.{digits}g}" for x in (count.estimate, low, high))
        lines.append(f"estimate {estimate}, 95 % interval {least} to {most} ({share})")
    for part in feasible.budget:
        cost = feasible.cost(feasible.smallest(part.cost))
        lines.append(f"the smallest costs {part.shown(getattr(cost, part.cost))}")
    if found.table:
        lines.append(f"latency by a table of {found.table.device}: {found.table.accuracy}")
    return lines


def _number(count: "Count", total: int) -> str:
    """Return a count as text: the exact integer, or its bounds."""
    share = output.share(count.low, count.high, total)
    if count.exact:
        return f"exactly {count.low:,} ({share})"
    digits = _digits(count.low, count.high)
    return f"{count.low:.{digits}g} to {count.high:.{digits}g} ({share}; bounds)"


def _digits(low: float, high: float) -> int:
    """Return the number of digits that show the difference of two bounds."""
    return 6 if high < 1.01 * low else 3


def _choices(space: "SearchSpace") -> list[dict[str, Any]]:
    return [
        {"stage": stage.name, "stride": stage.stride}
        | {choice.key: list(choice.values) for choice in stage.choices}
        for stage in space.stages
    ]


def _published(costs: "CostModel") -> list[dict[str, Any]]:
    return [
        {"name": entry.name, "title": entry.title}
        | {key: getattr(costs.cost(entry.architecture), key) for key in ("params", "madds", "acts")}
        | {"published": dict(entry.numbers)}
        for entry in costs.space.published
    ]


def _show_choices(space: "SearchSpace") -> None:
    choices = _choices(space)
    shared = [key for key in space.keys if len({str(row[key]) for row in choices}) == 1]
    columns = {key: key for key in choices[0] if key not in shared}
    rows = [{k: _values(v) for k, v in row.items()} for row in choices]
    output.table("", columns, rows, numbers="stride")
    click.echo("\nin every stage")
    for key in shared:
        click.echo(f"  {key:<10} {_values(choices[0][key])}")
    click.echo("")


def _show_published(costs: "CostModel") -> None:
    shown = [
        {
            "name": row["name"],
            "params": f"{row['params']:,}",
            "madds": f"{row['madds']:,}",
            "numbers": _numbers(row["published"]),
        }
        for row in _published(costs)
    ]
    columns = {
        "name": "published", "params": "our params", "madds": "our madds",
        "numbers": "as published",
    }  # fmt: skip
    if shown:
        output.table("", columns, shown, numbers="params madds", optional="numbers")


def _values(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    numbers = all(isinstance(item, int) for item in value) and len(value) > 2
    if numbers and value == list(range(value[0], value[-1] + 1)):
        return f"{value[0]}…{value[-1]}"
    return " ".join(str(item).lower() if isinstance(item, bool) else str(item) for item in value)


def _numbers(published: dict[str, Any]) -> str:
    from nas.cli.published import printed_besides

    parts = [f"{published[key]} {key}" for key in ("madds", "params") if key in published]
    source = published.get("source")
    return ", ".join([*parts, *printed_besides(published), *([f"[{source}]"] if source else [])])


_RARE = 1e-4  # rarer intervals at either end are merged into one line


def histogram(spread: "Distribution", width: int) -> list[str]:
    """Return a bar for each interval of a Distribution: full within the budget, light above it.

    The line of the ceiling is between the interval below it and the one above it.
    """
    first, last = _ends(spread)
    rows = []
    for index in range(first, last):
        rows.append((index, index + 1))
    if first:
        rows.insert(0, (0, first))
    if last < len(spread.whole):
        rows.append((last, len(spread.whole)))
    labels = [_label(spread, low, high) for low, high in rows]
    wide = max(map(len, labels))
    room = max(10, min(60, width - wide - 12))
    counts = [(sum(spread.whole[a:b]), sum(spread.feasible[a:b])) for a, b in rows]
    most = max(whole for whole, _ in counts)
    limited = spread.limit is not None
    lines = [f"{spread.cost} of the whole space" + (LEGEND if limited else "")]
    for (_, high), label, (whole, feasible) in zip(rows, labels, counts, strict=True):
        bar = _bar(whole / most * room, feasible / most * room if limited else whole / most * room)
        lines.append(f"{label:>{wide}} {_share(whole / spread.total):>9}  {bar}".rstrip())
        if limited and high < len(spread.whole) and int(spread.edges[high]) == spread.limit:
            limit = cost_metric(spread.cost).show(spread.limit)
            lines.append(f"{'─' * wide} {limit} {'─' * (room - len(limit))}")
    if spread.sampled:
        lines.append("(the part within the budget is estimated from random draws)")
    return lines


LEGEND = ": █ within the budget, ░ above it"


def _ends(spread: "Distribution") -> tuple[int, int]:
    """Return the first and the last interval that is not rare or touches the ceiling."""
    held = [i for i, count in enumerate(spread.whole) if count >= _RARE * spread.total]
    first, last = held[0], held[-1] + 1
    edges = [int(edge) for edge in spread.edges]
    if spread.limit in edges:
        at = edges.index(spread.limit)
        first, last = min(first, max(0, at - 1)), max(last, min(at + 1, len(spread.whole)))
    return first, last


def _label(spread: "Distribution", low: int, high: int) -> str:
    metric = cost_metric(spread.cost)
    ends = [metric.show(spread.edges[end], 3) for end in (low, high)]
    return f"{ends[0]:>5} – {ends[1]:>5}"


def _share(share: float) -> str:
    return f"{100 * share:.2f} %" if share >= 5e-5 or not share else f"{100 * share:.0e} %"


def _bar(whole: float, feasible: float) -> str:
    """Return a bar of `whole` columns; the part within the budget is full, in eighths if alone."""
    full = int(feasible + 1e-9)
    eighths = round(8 * (feasible - full))
    light = max(0, round(whole) - full - (1 if eighths else 0))
    part = " ▏▎▍▌▋▊▉█"[eighths] if eighths else ""
    return "█" * full + part + "░" * light
