"""`nas compare-spaces`: what a space, or one choice, is worth, by networks drawn at random."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import effects, options, output
from nas.workflows import CompareRequest, SearchRequest

if TYPE_CHECKING:
    from nas.results import Comparison
    from nas.study import StudySpec, Trial


@click.command("compare-spaces")
@click.argument("spaces", nargs=-1, metavar="[SPACE]...")
@options.budget
@click.option(
    "-n",
    "number",
    type=click.IntRange(2),
    default=CompareRequest.number,
    show_default=True,
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
@options.execution
@options.as_json
@effects.refuses(*effects.COMPARE)
def compare_spaces(**given: Any) -> int:
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
    from nas.store import open_store

    if not given["spaces"]:
        name = _named(given)
        with open_store(given["db"], read_only=True) as store:
            spec, trials = store.spec(name), store.trials(name)
            again = store.command(f"resume {name}")
        _tell(spec, trials, given, again)
        return 0
    from nas.cli import run
    from nas.cli.search import run_request
    from nas.workflows import compare_spaces

    said = run.Output.of(given)
    with run.Screen(said) as screen:
        outcome = compare_spaces(_request(given), run_request(given), given["db"], screen.watch)
    if outcome.interrupted:
        return run.interrupted(outcome)
    click.echo("" if said.say else None, nl=said.say)
    study = outcome.study
    _tell(study.spec, study.trials, given, outcome.resume)
    return 0


def _request(given: dict[str, Any]) -> CompareRequest:
    names = (
        "study", "task", "data_dir", "limit", "recipe", "epochs", "seed", "classes", "strides",
        "task_strides",
    )  # fmt: skip
    searched = SearchRequest(
        budgets=tuple(given["budgets"]),
        space=",".join(given["spaces"]),
        input=given["input_"],
        **{name: given[name] for name in names},
    )
    return CompareRequest(searched, given["number"], given["vary"])


def _named(given: dict[str, Any]) -> str:
    from nas.errors import NasError

    if given["study"] is None:
        raise NasError(
            "nothing to compare was named.",
            "Name two spaces: nas compare-spaces igcv3 mobilenetv2 --budget 300M-flops",
        )
    return str(given["study"])


def _tell(spec: "StudySpec", trials: "list[Trial]", given: dict[str, Any], again: str) -> None:
    """Print the comparison, and write its page where one is asked for."""
    from nas.results import compare, comparison_document, comparison_facts, comparison_statements

    found = compare(spec, trials, [percent / 100 for percent in given["thresholds"]])
    facts = comparison_facts(spec, found)
    if given["plot"]:
        from nas.figures import write_comparison

        write_comparison(found, facts, comparison_statements(spec, found), given["plot"])
    if given["json_"]:
        output.echo_json(comparison_document(spec, found))
        return
    _show(spec, found, facts)
    if not found.complete:
        output.field("go on", again)
    if given["plot"]:
        output.field("page", str(given["plot"]))
    elif not given["quiet"]:
        output.field("page", f"nas compare-spaces --study {spec.name} --plot FILE.html")


def _show(spec: "StudySpec", found: "Comparison", facts: list[tuple[str, str]]) -> None:
    from nas.results import PAIR_COLUMNS, comparison_statements, group_table, pair_rows

    for name, text in facts:
        output.field(name, text)
    columns, rows = group_table(found)
    click.echo("")
    output.table("", columns, rows, numbers=" ".join(list(columns)[1:]))
    click.echo("")
    pairs = pair_rows(found)
    heads = PAIR_COLUMNS.items()
    columns = {key: head for key, head in heads if any(row[key] for row in pairs)}
    output.table("", columns, pairs, "mean median p p_holm distance", "distance median p")
    click.echo("")
    for line in comparison_statements(spec, found):
        click.echo(line)
