"""`nas compare-spaces`: compare spaces, or values of one choice, by random networks."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options, output
from nas.cli.binding import into, setting, was_typed
from nas.errors import NasError, NoEffectError
from nas.workflows import CompareRequest, RunRequest, SearchRequest

if TYPE_CHECKING:
    from nas.results import Comparison
    from nas.study import StudySpec
    from nas.workflows import StoredStudy

_OF_STORED = ("study", "thresholds", "plot", "db", "quiet", "json_")


def _joined(_ctx: click.Context, _parameter: click.Parameter, names: tuple[str, ...]) -> str | None:
    return ",".join(names) or None


@click.command("compare-spaces")
@click.argument("space", nargs=-1, metavar="[SPACE]...", callback=_joined)
@options.budget
@setting(
    CompareRequest,
    "number",
    "-n",
    "number",
    type=click.IntRange(2),
    help="Number of networks from each space, or of base architectures with --vary.",
)
@click.option(
    "--vary",
    metavar="CHOICE[=VALUE,…]",
    help="Compare the values of one choice of a single space, such as relu, g1 or g1=1,2,4.",
)
@click.option(
    "--study",
    metavar="NAME",
    help="Name of the study; without SPACE, the stored study to print again.  [default: made "
    "from spaces, budget and task]",
)
@options.task
@options.data("Folder with the data of the task.")
@options.limit
@options.task_strides
@options.recipe
@click.option(
    "--epochs", type=click.IntRange(1), help="Epochs of every network.  [default: the recipe's]"
)
@options.seed
@click.option(
    "--below",
    "thresholds",
    type=click.FloatRange(0, 100),
    multiple=True,
    metavar="PERCENT",
    help="Show the share of networks at or below this error; may be given several times.  "
    "[default: the quartiles of all errors]",
)
@options.plot("Write distributions, differences and the table as one page.")
@options.deployment
@options.database
@options.keep
@options.execution
@options.progress
@into("search", SearchRequest)
@into("request", CompareRequest)
def compare_spaces(
    request: CompareRequest,
    run: RunRequest,
    said: options.Output,
    thresholds: tuple[float, ...],
    plot: Path | None,
    db: str | None,
) -> int:
    """Compare the errors of spaces at equal cost, or of the values of one choice.

    From each SPACE, n architectures are drawn at random from the same cost strata, between 85 and
    100 % of the first budget, and trained to the end. With --vary, n base architectures of one
    SPACE are each trained with every value of a choice. Prints distributions, differences with
    their intervals, and whether the differences are significant.

    \b
    Example:
      nas compare-spaces igcv3 mobilenetv2 --budget 300M-flops -n 100 --plot spaces.html
      nas compare-spaces igcv3 --vary relu=first,depthwise,last --budget 140M-flops
      nas compare-spaces --study compare-igcv3-mobilenetv2-300m-madds-digits
    """  # fmt: skip
    from nas.cli.study_screen import Screen, interrupted
    from nas.store import read_address
    from nas.workflows import StoredStudy, compare_spaces

    if was_typed("space"):
        with Screen(said, run) as screen:
            outcome = compare_spaces(request, screen.run, db, screen.watch)
        if outcome.interrupted:
            return interrupted(outcome)
        click.echo("" if said.say else None, nl=said.say)
        name, resume = outcome.study.spec.name, outcome.resume
    else:
        name = _stored(request.search.study)
        resume = read_address(db).command(f"resume {name}")
    _print(StoredStudy(name, db), said, thresholds, plot, resume)
    return 0


def _stored(study: str | None) -> str:
    """Return the name of the study to print again; refuse options of a new study.

    Raises:
        NasError: no study was named.
    """
    if study is None:
        raise NasError(
            "no spaces to compare were named.",
            "Name two spaces: nas compare-spaces igcv3 mobilenetv2 --budget 300M-flops",
        )
    for parameter in click.get_current_context().command.params:
        name = parameter.name or ""
        if name not in _OF_STORED and was_typed(name):
            raise NoEffectError(
                name,
                "no space was named, so a stored study is printed as it is",
                "Name the spaces too, or leave it out.",
            )
    return study


def _print(
    study: "StoredStudy",
    said: options.Output,
    thresholds: tuple[float, ...],
    plot: Path | None,
    resume: str,
) -> None:
    """Print the comparison, and write its page if requested."""
    from nas.results import compare, comparison_document, comparison_facts, comparison_statements

    spec, trials = study.spec, study.results.trials
    found = compare(spec, trials, [shown / spec.reported.factor for shown in thresholds])
    facts = comparison_facts(spec, found)
    if plot:
        from nas.figures import write_comparison

        write_comparison(found, facts, comparison_statements(spec, found), plot)
    if said.json:
        output.echo_json(comparison_document(spec, found))
        return
    _show(spec, found, facts)
    if not found.complete:
        output.field("continue", resume)
    if plot:
        output.field("page", str(plot))
    elif not said.quiet:
        output.field("page", f"nas compare-spaces --study {spec.name} --plot FILE.html")


def _show(spec: "StudySpec", found: "Comparison", facts: list[tuple[str, str]]) -> None:
    from nas.results import comparison_statements, group_table, pair_columns, pair_rows

    for name, text in facts:
        output.field(name, text)
    columns, rows = group_table(found)
    click.echo("")
    output.table("", columns, rows, numbers=" ".join(list(columns)[1:]))
    click.echo("")
    pairs = pair_rows(found)
    heads = pair_columns(found).items()
    columns = {key: head for key, head in heads if any(row[key] for row in pairs)}
    output.table("", columns, pairs, "mean median p p_holm distance", "distance median p")
    click.echo("")
    for line in comparison_statements(spec, found):
        click.echo(line)
