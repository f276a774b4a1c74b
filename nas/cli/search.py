"""`nas search` and `nas resume`: from words to a study, and on to the run."""

from typing import TYPE_CHECKING, Any

import click

from nas.cli import options

if TYPE_CHECKING:
    from nas.budget import Constraint
    from nas.cost import CostModel
    from nas.space import SearchSpace
    from nas.spec import StudySpec


@click.command()
@options.space_name
@options.budget
@click.option(
    "--study",
    metavar="NAME",
    help="Name of the study.  [default: made from space, budget and task]",
)
@options.task
@options.data("Where the task's data lies; alone it means --task folder.")
@options.limit
@options.image_size("Height and width to train at, for images of one's own.  [default: found out]")
@options.skip_corrupt
@options.recipe
@click.option(
    "--trials",
    "num_trials",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="Candidates to evaluate.",
)
@click.option(
    "--epochs", type=click.IntRange(1), help="Epochs of full fidelity.  [default: the recipe's]"
)
@click.option(
    "--rungs",
    metavar="N,N,…",
    help="Epochs after which a trial is judged, the last being full fidelity.  "
    "[default: a quarter, half and all of --epochs]",
)
@click.option(
    "--eta",
    type=click.IntRange(2),
    default=3,
    show_default=True,
    help="One in ETA trials goes on at each rung.",
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    metavar="NAME",
    help="top1_error, loss, madds, params or acts; several make a front.  "
    "[default: top1_error madds]",
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
    help="Take the result of the same training of the same network from this database.",
)
@click.option(
    "--confirm",
    metavar="K",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Train the best K again with further seeds, and choose by their means; 0: do not.",
)
@click.option(
    "--seeds",
    metavar="S",
    type=click.IntRange(2),
    default=3,
    show_default=True,
    help="Seeds for each of these, that of the search included.",
)
@click.option(
    "--proxies/--no-proxies",
    default=True,
    show_default=True,
    help="Compute training-free scores of every network before its training, and audit them.",
)
@options.deployment
@options.database
@options.execution
@options.as_json
def search(**given: Any) -> int:
    """Search a space for the best networks within a budget, and export the best.

    \b
    Example:
      nas search --space igcv3 --budget 300M-flops
      nas search --budget 40M-flops --budget 1M-params --task cifar10 --data DIR --trials 100
    """  # fmt: skip
    spec = make_spec(given)
    from nas.cli import run  # after the words are checked: loads torch and ray
    from nas.store import open_store

    settings = run.Settings.of(given)
    ready = run.preflight(spec, settings)
    with open_store(given["db"]) as store:
        if given["study"] is None:
            taken = {study.name for study in store.studies()}
            spec = renamed(spec, taken)
        store.create_study(spec, run.versions())
        return run.run_study(store, spec, ready, settings)


@click.command()
@click.argument("study")
@options.database
@options.execution
@options.as_json
def resume(study: str, **given: Any) -> int:
    """Go on with a STUDY that was interrupted; finished trials are not repeated.

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


def make_spec(given: dict[str, Any]) -> "StudySpec":
    """Return the study that the options describe.

    Raises:
        NasError: an option cannot be used; nothing has been created.
    """
    from nas.budget import parse_budgets
    from nas.errors import BudgetError, TaskError
    from nas.objective import objective
    from nas.rungs import Ladder, default_rungs
    from nas.space_file import parse_input
    from nas.spec import StudySpec

    spaces = _spaces(given["space_name"], bool(given["input_"] and given["classes"]))
    space = spaces[0]
    if not given["budgets"]:
        raise BudgetError("no budget was given.", "Add one, such as --budget 300M-flops.")
    budget = parse_budgets(given["budgets"])
    deployment = parse_input(given["input_"]) if given["input_"] else space.deployment
    classes = given["classes"] or space.classes
    objectives = given["objectives"] or ("top1_error", "madds")
    for name in objectives:
        objective(name)
    from nas.cost import CostModel
    from nas.train.data import TASKS
    from nas.train.devices import default_device
    from nas.train.recipe import load_recipe, recipe_name

    usual = "cifar10" if default_device().type == "cuda" else "digits"
    task = given["task"] or ("folder" if given["data_dir"] else usual)
    if task not in TASKS:
        raise TaskError(f"there is no task {task!r}.", f"Use {', '.join(TASKS)}.")
    recipe_file = recipe_name(given["recipe"] or task, task)
    recipe = load_recipe(recipe_file)
    rungs = _rungs(given["rungs"]) or default_rungs(given["epochs"] or recipe.epochs)
    Ladder(rungs, given["eta"])  # refuses rungs that do not rise
    costs = [CostModel(each, deployment, classes) for each in spaces]
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
        num_trials=given["num_trials"],
        published=given["published"],
        seed=given["seed"],
        limit=given["limit"],
        image_size=given["image_size"],
        skip_corrupt=given["skip_corrupt"],
        reuse=given["reuse"],
        confirm=given["confirm"],
        seeds=given["seeds"],
        proxies=given["proxies"],
    )


def _rungs(text: str | None) -> tuple[int, ...] | None:
    from nas.errors import NasError

    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise NasError(f"--rungs {text!r} are no epochs.", "Write them as 2,4,8.") from error


def _spaces(names: str, deployed: bool) -> "list[SearchSpace]":
    """Load the spaces that `names` lists; `deployed` says that the user gave the deployment."""
    from nas.errors import SpaceError
    from nas.space_file import load_space

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
    name = "-".join(parts).lower().replace(".", "_").replace("+", "")
    return name[:60].rstrip("-_")


def renamed(spec: "StudySpec", taken: set[str]) -> "StudySpec":
    """Return `spec` under the first free name: itself, then with -2, -3, … behind."""
    from dataclasses import replace
    from itertools import count

    names = (spec.name if n == 1 else f"{spec.name}-{n}" for n in count(1))
    return replace(spec, name=next(name for name in names if name not in taken))


def _reference_point(
    objectives: tuple[str, ...], budget: "tuple[Constraint, ...]", costs: "list[CostModel]"
) -> tuple[float, ...]:
    """Return the worst that counts: all wrong, ten nats, the ceiling or twice the published."""
    limits = {part.cost: float(part.limit) for part in budget}
    worst = {"top1_error": 1.0, "loss": 10.0}
    published = [each.cost(p.architecture) for each in costs for p in each.space.published]
    for name in ("madds", "params", "acts"):
        largest = max((getattr(cost, name) for cost in published), default=10**9)
        worst[name] = limits.get(name, 2.0 * largest)
    return tuple(worst[name] for name in objectives)
