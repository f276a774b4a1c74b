"""`nas search` and `nas resume`: from words to a study, and on to the run."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import effects, options

if TYPE_CHECKING:
    from nas.cost import Constraint, CostModel
    from nas.space import SearchSpace, Strides
    from nas.store import Store
    from nas.study import StudySpec

_NUM_TRIALS = 24  # of a study that no time ends


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
    default=3,
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
    default="predictor",
    show_default=True,
    help="predictor, evolution, random, or one of Optuna's: tpe, gp, nsga2, nsga3.",
)
@options.seed
@click.option(
    "--published/--no-published",
    default=True,
    show_default=True,
    help="Train the published architectures too, as references.",
)
@click.option(
    "--reuse/--no-reuse",
    default=True,
    show_default=True,
    help="Reuse the result of an equal training of the same network in this database.",
)
@click.option(
    "--confirm",
    metavar="K",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Train the best K again with further seeds, and select by the mean; 0 disables this.",
)
@click.option(
    "--seeds",
    metavar="S",
    type=click.IntRange(2),
    default=3,
    show_default=True,
    help="Seeds for each of these networks, including that of the search.",
)
@click.option(
    "--proxies/--no-proxies",
    default=False,
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
    check_words(given)
    from nas.tuner import started_ahead

    with started_ahead(given["ray_address"]):  # while torch is loaded and the data is read
        spec = make_spec(given)
        one = "" if len(spec.rungs) > 1 else "nothing is judged before the only rung"
        effects.refuse_idle("eta", one, "Leave --eta out, or give several --rungs.")
        from nas.cli import run
        from nas.store import open_store

        settings = run.Settings.of(given)
        ready = run.preflight(spec, settings)
        spec = run.with_images(ready.spec, ready)
        with open_store(given["db"]) as store:
            spec = enter(store, spec, given["study"])
            return run.run_study(store, spec, ready, settings)


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
    from nas.store import open_store

    settings = run.Settings.of(given)
    with open_store(given["db"], create=False) as store:
        spec = store.spec(study)
        ready = run.preflight(spec, settings)
        return run.run_study(store, spec, ready, settings)


def check_words(given: dict[str, Any]) -> None:
    """Refuse at once what can be refused without torch: the mistakes of spelling.

    Raises:
        NasError: an option cannot be used.
    """
    from nas.cost import parse_budgets
    from nas.errors import NasError
    from nas.space import parse_input
    from nas.study import objective
    from nas.train import load_recipe, recipe_name

    spaces = _spaces(given["space_name"], bool(given["input_"] and given["classes"]))
    _strides(given, spaces)
    budget = parse_budgets(_budgets(given))
    _time_limit(given)
    if given["input_"]:
        parse_input(given["input_"])
    for name in given["objectives"] or _default_objectives(budget):
        objective(name)
    _numbers(given["rungs"], "--rungs", "2,4,8")
    _numbers(given["resolutions"], "--resolutions", "96,128,160")
    task = given["task"] or ("folder" if given["data_dir"] else "digits")
    try:
        load_recipe(recipe_name(given["recipe"] or task, task))
    except NasError:
        make_spec(given)  # says what is wrong, if anything is: it knows the tasks


def _budgets(given: dict[str, Any]) -> tuple[str, ...]:
    """Return the budgets as they were written, at least one."""
    from nas.errors import BudgetError

    budgets: tuple[str, ...] = given["budgets"]
    if not budgets:
        raise BudgetError("no budget was given.", "Add one, such as --budget 300M-flops.")
    return budgets


def make_spec(given: dict[str, Any]) -> "StudySpec":
    """Return the study that the options describe.

    Raises:
        NasError: an option cannot be used; nothing has been created.
    """
    from dataclasses import replace

    from nas.cli.latency_table import latency_device, latency_tables
    from nas.cost import parse_budgets
    from nas.space import parse_input
    from nas.study import UNCOUNTED, Ladder, StudySpec, default_rungs, objective

    spaces = _spaces(given["space_name"], bool(given["input_"] and given["classes"]))
    space = spaces[0]
    budget = parse_budgets(_budgets(given))
    deployment = parse_input(given["input_"]) if given["input_"] else space.deployment
    classes = given["classes"] or space.classes
    objectives = given["objectives"] or _default_objectives(budget)
    for name in objectives:
        objective(name)
    device = latency_device(budget, objectives)
    strides, task_strides = _strides(given, spaces)
    from nas.cost import CostModel
    from nas.train import TASKS, default_device, load_recipe, recipe_name, unknown_task

    usual = "cifar10" if default_device().type == "cuda" else "digits"
    task = given["task"] or ("folder" if given["data_dir"] else usual)
    if task not in TASKS:
        raise unknown_task(task)
    recipe_file = recipe_name(given["recipe"] or task, task)
    recipe = load_recipe(recipe_file)
    rungs = _numbers(given["rungs"], "--rungs", "2,4,8")
    rungs = rungs or default_rungs(given["epochs"] or recipe.epochs)
    resolutions, image_size = _resolutions(given, rungs, TASKS[task].side)
    Ladder(rungs, given["eta"], resolutions)  # refuses what does not rise
    costs = [CostModel(each, deployment, classes, strides=strides) for each in spaces]
    tables = latency_tables(costs, device, given)
    if tables:
        costs = [replace(each, table=own) for each, own in zip(costs, tables, strict=True)]
    return StudySpec(
        name=given["study"] or _default_name(spaces, budget, task),
        space_name=space.name,
        space_text=space.source,
        budget=budget,
        input=str(deployment),
        classes=classes,
        task=task,
        data_dir=str(given["data_dir"].resolve()) if given["data_dir"] else None,
        recipe=f"# {recipe_file}\n{recipe.text}",
        rungs=rungs,
        eta=given["eta"],
        objectives=tuple(objectives),
        reference_point=_reference_point(objectives, budget, costs),
        more_spaces=tuple((other.name, other.source) for other in spaces[1:]),
        sampler=given["sampler"],
        num_trials=given["num_trials"] or (UNCOUNTED if given["time_limit"] else _NUM_TRIALS),
        time_limit=_time_limit(given),
        published=given["published"],
        seed=given["seed"],
        limit=given["limit"],
        image_size=image_size,
        skip_corrupt=given["skip_corrupt"],
        resolutions=resolutions,
        reuse=given["reuse"],
        confirm=given["confirm"],
        seeds=given["seeds"],
        reference_seeds=given["seeds"] if given["confirm"] else 1,
        proxies=given["proxies"],
        latency=tuple(table.to_json() for table in tables),
        strides=strides,
        task_strides=task_strides,
    )


def _strides(given: dict[str, Any], spaces: "list[SearchSpace]") -> "tuple[Strides, Strides]":
    """Return the strides that are stated for the deployment, and for the task."""
    from nas.space import given_strides

    return (
        given_strides(spaces, given["strides"]),
        given_strides(spaces, given["task_strides"], "--task-strides"),
    )


def _time_limit(given: dict[str, Any]) -> float | None:
    from nas.units import parse_duration

    return None if given["time_limit"] is None else parse_duration(given["time_limit"], "--time")


def _default_objectives(budget: "tuple[Constraint, ...]") -> tuple[str, ...]:
    """Return the error, and the latency where it is limited first, else the multiply-adds."""
    first = budget[0]
    return "top1_error", f"latency@{first.device}" if first.cost == "latency" else "madds"


def _numbers(text: str | None, option: str, example: str) -> tuple[int, ...]:
    """Read whole numbers with commas between; none where the option was not given."""
    from nas.errors import NasError

    try:
        return tuple(int(part) for part in text.split(",")) if text is not None else ()
    except ValueError as error:
        raise NasError(
            f"{option} {text!r} are no whole numbers.", f"Write them as {example}."
        ) from error


def _resolutions(
    given: dict[str, Any], rungs: tuple[int, ...], side: int | None
) -> tuple[tuple[int, ...], int | None]:
    """Return the resolutions below the full one, and the size of images of one's own.

    `side` is that of the task, None where it has images of any size: the last of `--resolutions`
    is then what `--image-size` would be.
    """
    from nas.study import early_sides

    sides = _numbers(given["resolutions"], "--resolutions", "96,128,160")
    image_size: int | None = given["image_size"]
    if given["resolutions"] is None:
        return (), image_size
    early = early_sides(sides, rungs, side or image_size)
    if side is None and len(sides) == len(rungs):
        image_size = sides[-1]
    return early, image_size


def _spaces(names: str, deployed: bool) -> "list[SearchSpace]":
    """Load the spaces that `names` lists; `deployed` says that the user gave the deployment."""
    from nas.errors import SpaceError
    from nas.space import load_space

    spaces = [load_space(name) for name in names.split(",")]
    if len({space.name for space in spaces}) < len(spaces):
        raise SpaceError(f"--space {names} names a space twice.", "Name each space once.")
    if len({(space.deployment, space.classes) for space in spaces}) > 1 and not deployed:
        raise SpaceError(
            f"the spaces {names} are deployed at different inputs or classes.",
            "Say where to count them: --input 3x224x224 --classes 1000.",
        )
    return spaces


def _default_name(spaces: "list[SearchSpace]", budget: "tuple[Constraint, ...]", task: str) -> str:
    parts = [*(space.name for space in spaces), *(str(part) for part in budget), task]
    name = "-".join(parts).lower().replace(".", "_").replace("@", "-").replace("+", "")
    return name[:60].rstrip("-_")


def enter(store: "Store", spec: "StudySpec", name: str | None) -> "StudySpec":
    """Enter a new study under the `name` that was given, or under the first free default name."""
    from nas.cli.run import versions

    if name is None:
        return store.create_numbered(spec, versions())
    store.create_study(spec, versions())
    return spec


def _reference_point(
    objectives: tuple[str, ...], budget: "tuple[Constraint, ...]", costs: "list[CostModel]"
) -> tuple[float, ...]:
    """Return the worst that counts: all wrong, ten nats, the ceiling or twice the published."""
    from nas.cost import COST_NAMES
    from nas.study import objective

    limits = {part.cost: float(part.limit) for part in budget}
    worst = {"top1_error": 1.0, "loss": 10.0}
    published = [each.cost(p.architecture) for each in costs for p in each.space.published]
    for name in COST_NAMES:
        largest = max((getattr(cost, name) for cost in published), default=10**9)
        worst[name] = limits.get(name, 2.0 * largest)
    return tuple(worst[objective(name).name] for name in objectives)
