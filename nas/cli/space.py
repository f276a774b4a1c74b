"""`nas space`: what a space allows, and what a budget leaves of it."""

from pathlib import Path
from typing import Any

import click

from nas.cli import effects, options, output
from nas.cli.count import CONVENTION
from nas.cli.histogram import histogram


@click.command()
@click.argument("space_name", default="igcv3", metavar="[NAME]")
@options.budget
@click.option(
    "--band",
    metavar="LOW-HIGH",
    help="Also count architectures that use this share of the first budget, in percent, such as "
    "85-100.",
)
@options.latency
@options.plot("Write the distribution of costs as a self-contained HTML page.")
@options.deployment
@options.as_json
@effects.refuses(*effects.LATENCY)
def space(
    space_name: str,
    budgets: tuple[str, ...],
    band: str | None,
    plot: Path | None,
    input_: str | None,
    classes: int | None,
    strides: str | None,
    json_: bool,
    **latency: Any,
) -> None:
    """Show the choices and published members of the space NAME, and how many fit a budget.

    The number of architectures that fit is given by certain bounds and by an estimate with its 95 %
    interval; if few fit, it is exact.

    \b
    Example:
      nas space igcv3 --budget 300M-flops --plot costs.html
    """
    from dataclasses import replace

    from nas.cli.latency_lines import say_latency_table
    from nas.cli.search import latency_request
    from nas.cost import CostModel, parse_budgets
    from nas.feasible import distribution, feasible_space
    from nas.space import given_strides, load_space, parse_input
    from nas.workflows import asked_device, ignore, latency_tables

    loaded = load_space(space_name)
    budget = parse_budgets(budgets)
    shares = _band(band, bool(budget))
    stated = given_strides([loaded], strides)
    costs = CostModel(loaded, parse_input(input_) if input_ else None, classes, strides=stated)
    tables = latency_tables(
        [costs],
        asked_device(budget),
        latency_request(latency),
        ignore if json_ else say_latency_table,
    )
    costs = replace(costs, table=tables[0]) if tables else costs
    feasible = feasible_space(costs, budget)
    feasible.check()
    count = feasible.count()
    inside = feasible.count(*shares) if shares else None
    spread = distribution(feasible, count, 24)
    if plot:
        _write(feasible, count, plot)
    if json_:
        output.echo_json(_document(feasible, count, (band, inside), spread))
        return
    click.echo(f"{loaded.title}\n")
    _show_choices(loaded)
    if loaded.complementary:
        click.echo(f"every pair of group convolutions is {loaded.complementary}ly complementary")
    _show_published(costs)
    click.echo(
        f"\ncounted at {costs.adaptation.describe()}, {costs.classes} classes: {CONVENTION}\n"
    )
    for line in _findings(feasible, count):
        click.echo(line)
    if inside:
        click.echo(f"{_number(inside, feasible.total)} use {band} % of {budget[0]}")
    click.echo("")
    for line in histogram(spread, output.terminal_width() or 100):
        click.echo(line)
    if plot:
        click.echo(f"\nwrote {plot}")


def _band(text: str | None, limited: bool) -> tuple[float, float] | None:
    """Read `85-100` as shares.

    Raises:
        BudgetError: it is no band, or there is no budget of which it could be a share.
    """
    from nas.errors import BudgetError

    if text is None:
        return None
    remedy = "Write two percentages of the first budget, such as --band 85-100."
    parts = text.replace("%", "").split("-")
    try:
        low, high = (float(part) / 100 for part in parts)
    except ValueError:
        raise BudgetError(f"{text!r} is no band.", remedy) from None
    if not 0 <= low < high <= 1:
        raise BudgetError(f"the band {text!r} does not rise from 0 to at most 100.", remedy)
    if not limited:
        raise BudgetError("a band is a share of a budget, and none is given.", "Add --budget.")
    return low, high


def _document(feasible: Any, count: Any, band: Any, spread: Any) -> dict[str, Any]:
    """Return what `--json` prints; `feasible` keeps its bounds as numbers of any size."""
    space, budget = feasible.space, feasible.budget
    document = {
        "space": space.name,
        "input": str(feasible.costs.adaptation.input),
        "strides": feasible.costs.adaptation.text,
        "size": feasible.total,
        "budget": [str(part) for part in budget],
        "feasible": _counted(count),
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
    if band[1] is not None:
        document["band"] = {"percent": band[0], **_counted(band[1])}
    return document


def _counted(count: Any) -> dict[str, Any]:
    found = {"at_least": count.low, "at_most": count.high, "exact": count.exact}
    if count.estimate is not None:
        found |= {"estimate": count.estimate, "interval_95": list(count.interval)}
    return found


def _findings(feasible: Any, count: Any) -> list[str]:
    """Say how large the space is and how much of it fits, line by line."""
    lines = [f"{output.size(feasible.total)} distinct architectures"]
    if feasible.budget:
        ceilings = ", ".join(map(str, feasible.budget))
        lines.append(f"{_number(count, feasible.total)} fit the budget ({ceilings})")
    if count.estimate is not None:
        low, high = count.interval
        share, digits = output.share(low, high, feasible.total), _digits(low, high)
        estimate, least, most = (f"{x:.{digits}g}" for x in (count.estimate, low, high))
        lines.append(f"estimate {estimate}, 95 % interval {least} to {most} ({share})")
    for part in feasible.budget:
        cost = feasible.cost(feasible.smallest(part.cost))
        lines.append(f"the smallest costs {part.shown(getattr(cost, part.cost))}")
    if feasible.costs.table:
        table = feasible.costs.table
        lines.append(f"latency by a table of {table.device}: {table.accuracy}")
    return lines


def _number(count: Any, total: int) -> str:
    """Return a count in words: the exact integer, or its bounds."""
    share = output.share(count.low, count.high, total)
    if count.exact:
        return f"exactly {count.low:,} ({share})"
    digits = _digits(count.low, count.high)
    return f"{count.low:.{digits}g} to {count.high:.{digits}g} ({share}; bounds)"


def _digits(low: float, high: float) -> int:
    """Return the digits that show the difference of two bounds."""
    return 6 if high < 1.01 * low else 3


def _write(feasible: Any, count: Any, plot: Path) -> None:
    from nas.feasible import distribution
    from nas.figures import write_costs_page

    heading = " ".join([feasible.space.name, *map(str, feasible.budget)])
    write_costs_page(distribution(feasible, count, 60), heading, _findings(feasible, count), plot)


def _choices(space: Any) -> list[dict[str, Any]]:
    return [
        {"stage": stage.name, "stride": stage.stride}
        | {choice.key: list(choice.values) for choice in stage.choices}
        for stage in space.stages
    ]


def _published(costs: Any) -> list[dict[str, Any]]:
    return [
        {"name": entry.name, "title": entry.title}
        | {key: getattr(costs.cost(entry.architecture), key) for key in ("params", "madds", "acts")}
        | {"published": dict(entry.numbers)}
        for entry in costs.space.published
    ]


def _show_choices(space: Any) -> None:
    choices = _choices(space)
    shared = [key for key in space.keys if len({str(row[key]) for row in choices}) == 1]
    columns = {key: key for key in choices[0] if key not in shared}
    rows = [{k: _values(v) for k, v in row.items()} for row in choices]
    output.table("", columns, rows, numbers="stride")
    click.echo("\nin every stage")
    for key in shared:
        click.echo(f"  {key:<10} {_values(choices[0][key])}")
    click.echo("")


def _show_published(costs: Any) -> None:
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
