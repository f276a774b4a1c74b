"""`nas search` and `nas resume`: from words to a study, and on to the run."""

from typing import Any

import click

from nas.cli import effects, options
from nas.errors import NasError
from nas.workflows import ETA, LatencyRequest, RunRequest, SearchRequest


@click.command()
@options.space_name
@options.budget
@click.option(
    "--study",
    metavar="NAME",
    help="Name of the study.  [default: made from space, budget and task]",
)
@options.task
@options.data("Folder with the data of the task; without --task it implies --task folder.")
@options.limit
@options.image_size("Height and width for training on your own images.  [default: detected]")
@options.skip_corrupt
@options.task_strides
@options.recipe
@click.option(
    "--trials",
    "num_trials",
    type=click.IntRange(1),
    help="Number of candidates.  [default: 24; unlimited with --time]",
)
@click.option(
    "--time",
    "time_limit",
    metavar="SPAN",
    help="Start no new candidate after this time, such as 20m or 1h30m; running trials finish, "
    "and the best are confirmed.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Epochs at full fidelity.  [default: the recipe's]"
)
@click.option(
    "--rungs",
    metavar="N,N,…",
    help="Epochs after which trials are compared; the last is full fidelity.  [default: a "
    "quarter, half and all of --epochs]",
)
@click.option(
    "--resolutions",
    metavar="N,N,…",
    help="Height and width of the images up to each rung, such as 96,128,160; the last is the "
    "size of the task and may be omitted.  [default: always the task's own]",
)
@click.option(
    "--eta",
    type=click.IntRange(2),
    default=ETA,
    show_default=True,
    help="One in ETA trials continues at each rung.",
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME",
    help="top1_error, loss, madds, params, acts, latency@cpu or latency@cuda; several make a "
    "front.  [default: top1_error and madds; or the latency, if that is the first budget]",
)
@click.option(
    "--sampler",
    default=SearchRequest.sampler,
    show_default=True,
    help="predictor, evolution, random, or one of Optuna's: tpe, gp, nsga2, nsga3.",
)
@options.seed
@click.option(
    "--published/--no-published",
    default=SearchRequest.published,
    show_default=True,
    help="Train the published architectures too, as references.",
)
@click.option(
    "--reuse/--no-reuse",
    default=SearchRequest.reuse,
    show_default=True,
    help="Reuse the result of an equal training of the same network in this database.",
)
@click.option(
    "--confirm",
    metavar="K",
    type=click.IntRange(0),
    default=SearchRequest.confirm,
    show_default=True,
    help="Train the best K again with further seeds, and select by the mean; 0 disables this.",
)
@click.option(
    "--seeds",
    metavar="S",
    type=click.IntRange(2),
    default=SearchRequest.seeds,
    show_default=True,
    help="Seeds for each of these networks, including that of the search.",
)
@click.option(
    "--proxies/--no-proxies",
    default=SearchRequest.proxies,
    show_default=True,
    help="Compute training-free scores of every network before its training, for the audit.",
)
@options.latency
@options.deployment
@options.database
@options.execution
@options.as_json
@effects.refuses(*effects.SEARCH)
def search(**given: Any) -> int:
    """Search a space for the best networks within a budget, and export the best.

    \b
    Example:
      nas search --space igcv3 --budget 300M-flops
      nas search --budget 40M-flops --budget 1M-params --task cifar10 --data DIR --trials 100
      nas search --budget 40M-flops --task cifar10 --data DIR --time 1h30m
      nas search --budget 300M-flops --data DIR --rungs 2,4,8 --resolutions 96,128,160
      nas search --budget 5ms-latency@cpu --objective top1_error --objective latency@cpu
      nas search --budget 9M-flops --input 3x64x64 --classes 10 --strides 2,1,2,2,2,1,1,1
    """  # fmt: skip
    from nas.cli import run
    from nas.workflows import search

    said = run.Output.of(given)
    with run.Screen(said) as screen:
        outcome = search(read_request(given), run_request(given), given["db"], screen.watch)
    return run.conclude(outcome, said, given["db"])


@click.command()
@click.argument("study")
@options.database
@options.execution
@options.as_json
@effects.refuses(*effects.RESUME)
def resume(study: str, **given: Any) -> int:
    """Continue a STUDY that was interrupted; finished trials are not repeated.

    \b
    Example:
      nas resume igcv3-300m-madds-digits
    """
    from nas.cli import run
    from nas.workflows import resume

    said = run.Output.of(given)
    with run.Screen(said) as screen:
        outcome = resume(study, run_request(given), given["db"], screen.watch)
    return run.conclude(outcome, said, given["db"])


_FIELDS = (
    "study", "task", "data_dir", "limit", "image_size", "skip_corrupt", "recipe", "num_trials",
    "epochs", "sampler", "seed", "published", "reuse", "confirm", "seeds", "proxies", "classes",
    "strides", "task_strides",
)  # fmt: skip


def read_request(given: dict[str, Any]) -> SearchRequest:
    """Return the study that the words ask for.

    Raises:
        NasError: numbers or a time cannot be read.
    """
    from nas.units import parse_duration

    time_limit = given["time_limit"]
    return SearchRequest(
        budgets=tuple(given["budgets"]),
        space=given["space_name"],
        time_limit=None if time_limit is None else parse_duration(time_limit, "--time"),
        rungs=_numbers(given["rungs"], "--rungs", "2,4,8"),
        resolutions=_numbers(given["resolutions"], "--resolutions", "96,128,160"),
        eta=given["eta"] if effects.was_typed("eta") else None,
        objectives=tuple(given["objectives"]),
        input=given["input_"],
        latency=latency_request(given),
        **{name: given[name] for name in _FIELDS},
    )


def run_request(given: dict[str, Any]) -> RunRequest:
    """Return where and how the words say that trials run."""
    names = (
        "results_dir", "ray_address", "cpus_per_trial", "gpus_per_trial", "max_concurrent",
        "report_timeout", "profile", "loaders",
    )  # fmt: skip
    return RunRequest(**{name: given[name] for name in names}, owns_process=True)


def latency_request(given: dict[str, Any]) -> LatencyRequest:
    """Return how the words say that latency is measured."""
    return LatencyRequest(
        given["latency_table"], given["latency_runtime"], given["latency_threads"]
    )


def _numbers(text: str | None, option: str, example: str) -> tuple[int, ...]:
    """Read whole numbers with commas between; none where the option was not given."""
    try:
        return tuple(int(part) for part in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise NasError(
            f"{option} {text!r} are no whole numbers.", f"Write them as {example}."
        ) from error
