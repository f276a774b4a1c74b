"""`nas search` and `nas resume`."""

import click

from nas.cli import options
from nas.cli.binding import into, setting
from nas.errors import NasError, NoEffectError
from nas.workflows import ETA, NUM_TRIALS, RunRequest, SearchRequest


def _numbers(
    _ctx: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[int, ...] | None:
    """Read integers separated by commas; None if the option was not given."""
    try:
        return None if text is None else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise NasError(
            f"{parameter.opts[0]} {text!r} are not integers.",
            f"Write them as {'2,4,8' if parameter.name == 'rungs' else '96,128,160'}.",
        ) from error


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
    type=click.IntRange(1),
    help=f"Number of candidates.  [default: {NUM_TRIALS}; unlimited with --time]",
)
@click.option(
    "--time",
    metavar="SPAN",
    help="Start no new candidate after this time, such as 20m or 1h30m; running trials finish, "
    "and the best are confirmed.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Epochs at full fidelity.  [default: the recipe's]"
)
@click.option(
    "--rungs",
    callback=_numbers,
    metavar="N,N,…",
    help="Epochs after which trials are compared; the last is full fidelity.  [default: a "
    "ninth, a third and all of --epochs]",
)
@click.option(
    "--resolutions",
    callback=_numbers,
    metavar="N,N,…",
    help="Height and width of the images up to each rung, such as 96,128,160; the last is the "
    "size of the task and may be omitted.  [default: always the task's own]",
)
@click.option(
    "--eta",
    type=click.IntRange(2),
    help=f"One in ETA trials continues at each rung.  [default: {ETA}]",
)
@click.option(
    "--judge",
    type=click.Choice(["error", "inferred"]),
    help="Compare trials at a rung by the objective there, or by the final objective that is "
    "inferred from their curves.  [default: error]",
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME",
    help="A metric, such as top1_error, madds or latency@cpu; several make a front.  [default: the "
    "metric that the task reports, and the first budget if that is a latency, else madds]",
)
@setting(
    SearchRequest,
    "sampler",
    help="predictor, evolution, random, one of Optuna's (tpe, gp, nsga2, nsga3), or one of an "
    "installed package.",
)
@options.seed
@setting(
    SearchRequest,
    "published",
    "--published/--no-published",
    help="Train the published architectures too, as references.",
)
@setting(
    SearchRequest,
    "reuse",
    "--reuse/--no-reuse",
    help="Reuse the result of an equal training of the same network in this database.",
)
@click.option(
    "--learn-from",
    multiple=True,
    metavar="STUDY",
    help="Let the sampler learn from the comparable trainings of this earlier study, under any "
    "budget; may be given several times.  [default: all studies of the database]",
)
@click.option(
    "--no-learn",
    "learn",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Do not let the sampler learn from earlier studies.",
)
@setting(
    SearchRequest,
    "confirm",
    metavar="K",
    type=click.IntRange(0),
    help="Train the best K again with further seeds, and select by the mean; 0 disables this.",
)
@setting(
    SearchRequest,
    "seeds",
    metavar="S",
    type=click.IntRange(2),
    help="Seeds for each of these networks, including the one of the search.",
)
@setting(
    SearchRequest,
    "proxies",
    "--proxies/--no-proxies",
    help="Compute training-free scores of every network before its training, for the audit.",
)
@setting(
    SearchRequest,
    "teach",
    "--teach/--no-teach",
    help="Train the confirmed networks again with the best networks of the study as teachers, in "
    "the study STUDY-taught.",
)
@click.option(
    "--confirm-recipe", metavar="NAME|FILE.toml",
    help="Confirm the best networks by this recipe, for its epochs, in the study STUDY-confirmed; "
    "--epochs and --image-size set the short schedule of the search.  [default: that of the "
    "search]",
)  # fmt: skip
@click.option(
    "--confirm-size", type=click.IntRange(8, 1024), metavar="N",
    help="Height and width of the images for --confirm-recipe.  [default: the task's own]",
)  # fmt: skip
@click.option(
    "--submit",
    is_flag=True,
    help="Create the study, queue it for nas drive, and return.",
)
@options.latency
@options.deployment
@options.database
@options.formats
@options.keep
@options.execution
@options.live_page
@options.progress
@into("request", SearchRequest)
def search(
    request: SearchRequest, run: RunRequest, said: options.Output, db: str | None, submit: bool
) -> int:
    """Search a space for the best networks within a budget, and export the best.

    \b
    Example:
      nas search --space igcv3 --budget 300M-flops
      nas search --budget 40M-flops --budget 1M-params --task cifar10 --data DIR --trials 100
      nas search --budget 40M-flops --task cifar10 --data DIR --time 1h30m
      nas search --budget 300M-flops --data DIR --rungs 2,4,8 --resolutions 96,128,160
      nas search --budget 300M-flops --data DIR --epochs 8 --image-size 96 --confirm-recipe folder
      nas search --budget 300M-flops --dashboard
      nas search --budget 5ms-latency@cpu --objective top1_error --objective latency@cpu
      nas search --budget 9M-flops --input 3x64x64 --classes 10 --strides 2,1,2,2,2,1,1,1
    """  # fmt: skip
    from nas.cli.study_screen import Screen, conclude
    from nas.workflows import search, submit_search

    if submit:
        from nas.cli.drive import queued

        if said.dashboard:
            raise NoEffectError("dashboard", "{submit} only queues the study", "Leave out one.")
        click.echo(queued(submit_search(request, run, db), db))
        return 0
    with Screen(said, run, db) as screen:
        outcome = search(request, screen.run, db, screen.watch)
    return conclude(outcome, said, db)


@click.command()
@click.argument("study")
@options.database
@options.formats
@options.workers
@click.option(
    "--retry-failed",
    is_flag=True,
    help="Repeat the failed trials too, unless their loss was not a number or their cost differed: "
    "these would fail again.",
)
@options.keep
@options.execution
@options.live_page
@options.progress
def resume(
    study: str, run: RunRequest, said: options.Output, db: str | None, retry_failed: bool
) -> int:
    """Continue a STUDY that was interrupted; finished trials are not repeated.

    \b
    Example:
      nas resume igcv3-300m-madds-digits
      nas resume igcv3-300m-madds-digits --retry-failed
    """
    from nas.cli.study_screen import Screen, conclude
    from nas.workflows import resume

    with Screen(said, run, db) as screen:
        outcome = resume(study, screen.run, db, screen.watch, retry_failed=retry_failed)
    return conclude(outcome, said, db)
