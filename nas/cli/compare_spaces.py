"""`nas compare-spaces`: what a space, or one choice, is worth, by networks drawn at random."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import effects, options, output

if TYPE_CHECKING:
    from nas.results import Comparison
    from nas.study import Sampler, StudySpec, Trial


@click.command("compare-spaces")
@click.argument("spaces", nargs=-1, metavar="[SPACE]...")
@options.budget
@click.option(
    "-n",
    "number",
    type=click.IntRange(2),
    default=20,
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
    spec = make_spec(given)
    from nas.cli import run  # after the words are checked: loads torch and ray
    from nas.cli.search import enter

    settings = run.Settings.of(given)
    ready = run.preflight(spec, settings)
    spec = run.with_images(ready.spec, ready)
    _checked(ready.sampler, spec)
    with open_store(given["db"]) as store:
        spec = enter(store, spec, given["study"])
        again = settings.resume(store, spec.name)
        with store.acquire(spec.name):
            study, outcome = run.measure(store, spec, ready, settings)
            if outcome.interrupted:
                return run.interrupted(study, again)
        click.echo("" if settings.say else None, nl=settings.say)
        _tell(spec, study.trials, given, again)
    return 0


def make_spec(given: dict[str, Any]) -> "StudySpec":
    """Return the study that the options describe: as `nas search` would, but drawn at random.

    Raises:
        NasError: an option cannot be used, or n is too small for any statement.
    """
    from dataclasses import replace

    from nas.cli import search
    from nas.space import PAIRED_PREFIX, read_variation

    spaces = tuple(name for word in given["spaces"] for name in word.split(","))
    vary = given["vary"]
    _check_words(spaces, vary)
    defaults = search.search.make_context("search", []).params
    searched = search.make_spec(
        {**defaults, **given, "space_name": ",".join(spaces), "published": False}
    )
    groups, values = len(spaces), ""
    if vary:
        variation = read_variation(searched.space, vary)
        groups, values = len(variation.values), f"-{variation.key}"
    _check_number(given["number"], groups, bool(vary))
    name = searched.name.replace(searched.space.name, f"{searched.space.name}{values}", 1)
    return replace(
        searched,
        name=given["study"] or f"compare-{name}"[:60].rstrip("-_"),
        sampler=f"{PAIRED_PREFIX}:{vary}" if vary else "matched",
        num_trials=given["number"] * groups,
        rungs=searched.rungs[-1:],
        block=groups if vary else 1,
        reuse=False,
        confirm=0,
        seeds=1,
        proxies=False,
    )


def _checked(sampler: "Sampler", spec: "StudySpec") -> None:
    """Make sure that the sampler has something to draw, before anything is created."""
    from nas.samplers import MatchedSampler, PairedSampler

    assert isinstance(sampler, MatchedSampler | PairedSampler)
    sampler.check(list(spec.spaces))


def _check_words(spaces: tuple[str, ...], vary: str | None) -> None:
    from nas.errors import NasError

    if vary and len(spaces) > 1:
        raise NasError(
            "--vary compares the values of one choice in one space.",
            f"Name one space: nas compare-spaces {spaces[0]} --vary {vary} --budget 300M-flops",
        )
    if not vary and len(spaces) < 2:
        raise NasError(
            f"{spaces[0]} alone cannot be compared.",
            f"Name a second space, or a choice: nas compare-spaces {spaces[0]} --vary CHOICE",
        )
    if len(set(spaces)) < len(spaces):
        raise NasError("a space is named twice.", "Name each space once.")


def _check_number(number: int, groups: int, paired: bool) -> None:
    from nas.errors import NasError
    from nas.results import num_needed

    needed = num_needed(groups, paired)
    if number < needed:
        what = f"{groups} values" if paired else f"{groups} spaces"
        raise NasError(
            f"-n {number} is too small for a statement: so few networks of {what} cannot differ "
            "significantly, whatever their errors.",
            f"Draw more: -n {needed} at least, -n {max(20, 3 * needed)} to see anything but "
            "large differences.",
        )


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
