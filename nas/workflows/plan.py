"""Plan a search: from a request to the specification of a study; nothing is created."""

from dataclasses import replace

from nas.cost import COST_NAMES, Constraint, CostModel, parse_budgets
from nas.errors import BudgetError, NasError, SpaceError
from nas.space import SearchSpace, Strides, given_strides, load_space, parse_input
from nas.study import UNCOUNTED, Ladder, StudySpec, default_rungs, early_sides, objective
from nas.training import load_recipe, recipe_name
from nas.workflows import events
from nas.workflows.device_tables import asked_device, latency_tables
from nas.workflows.requests import ETA, NUM_TRIALS, LatencyRequest, SearchRequest


def check_request(request: SearchRequest) -> None:
    """Refuse at once what can be refused without torch: the mistakes of spelling.

    Raises:
        NasError: a setting cannot be used.
    """
    spaces = _spaces(request)
    _check_effects(request)
    _strides(request, spaces)
    budget = parse_budgets(_budgets(request))
    if request.input:
        parse_input(request.input)
    for name in request.objectives or _default_objectives(budget):
        objective(name)
    task = request.task or ("folder" if request.data_dir else "digits")
    try:
        load_recipe(recipe_name(request.recipe or task, task))
    except NasError:
        plan_study(request)  # says what is wrong, if anything is: it knows the tasks


def _check_effects(request: SearchRequest) -> None:
    """Refuse settings without effect; a command refuses what was typed in its own words before.

    Raises:
        NasError: a setting has no effect together with the others.
    """
    asked = " ".join([*request.budgets, *request.objectives]).lower()
    rungs, latency = request.rungs, request.latency
    idle = {
        "epochs": request.epochs and rungs and rungs[-1] != request.epochs,
        "seeds": not request.confirm and request.seeds != SearchRequest.seeds,
        "data": request.data_dir and request.task == "digits",
        "skip_corrupt": request.skip_corrupt and not request.data_dir,
        "latency": latency != LatencyRequest() and "latency" not in asked,
    }
    why = {
        "epochs": f"the last of the rungs {rungs} is full fidelity",
        "seeds": "confirm = 0 trains nothing again",
        "data": "the digits come with scikit-learn",
        "skip_corrupt": "no images of your own are read",
        "latency": "no budget and no objective is a latency",
    }
    for name, found in idle.items():
        if found:
            raise NasError(f"{name} has no effect: {why[name]}.", f"Leave {name} out.")


def plan_study(request: SearchRequest, on_event: events.Watcher = events.ignore) -> StudySpec:
    """Return the study that `request` describes; a latency table may be measured for it.

    Raises:
        NasError: a setting cannot be used; nothing has been created.
    """
    spaces = _spaces(request)
    space = spaces[0]
    budget = parse_budgets(_budgets(request))
    deployment = parse_input(request.input) if request.input else space.deployment
    classes = request.classes or space.classes
    objectives = request.objectives or _default_objectives(budget)
    for name in objectives:
        objective(name)
    device = asked_device(budget, objectives)
    strides, task_strides = _strides(request, spaces)
    task, side = _task(request)
    recipe_file = recipe_name(request.recipe or task, task)
    recipe = load_recipe(recipe_file)
    rungs = request.rungs or default_rungs(request.epochs or recipe.epochs)
    resolutions, image_size = _resolutions(request, rungs, side)
    Ladder(rungs, request.eta or ETA, resolutions)  # refuses what does not rise
    if request.eta is not None and len(rungs) == 1:
        raise NasError(
            "--eta has no effect: nothing is judged before the only rung.",
            "Leave --eta out, or give several --rungs.",
        )
    costs = [CostModel(each, deployment, classes, strides=strides) for each in spaces]
    tables = latency_tables(costs, device, request.latency, on_event)
    if tables:
        costs = [replace(each, table=own) for each, own in zip(costs, tables, strict=True)]
    uncounted = request.time_limit is not None
    return StudySpec(
        name=request.study or _default_name(spaces, budget, task),
        space_name=space.name,
        space_text=space.source,
        budget=budget,
        input=str(deployment),
        classes=classes,
        task=task,
        data_dir=str(request.data_dir.resolve()) if request.data_dir else None,
        recipe=f"# {recipe_file}\n{recipe.text}",
        rungs=rungs,
        eta=request.eta or ETA,
        objectives=tuple(objectives),
        reference_point=_reference_point(objectives, budget, costs),
        more_spaces=tuple((other.name, other.source) for other in spaces[1:]),
        sampler=request.sampler,
        num_trials=request.num_trials or (UNCOUNTED if uncounted else NUM_TRIALS),
        time_limit=request.time_limit,
        published=request.published,
        seed=request.seed,
        limit=request.limit,
        image_size=image_size,
        skip_corrupt=request.skip_corrupt,
        resolutions=resolutions,
        reuse=request.reuse,
        confirm=request.confirm,
        seeds=request.seeds,
        reference_seeds=request.seeds if request.confirm else 1,
        proxies=request.proxies,
        latency=tuple(table.to_json() for table in tables),
        strides=strides,
        task_strides=task_strides,
    )


def _task(request: SearchRequest) -> tuple[str, int | None]:
    """Return the name of the task, and the side of its images where they have only one."""
    from nas.training import TASKS, default_device, unknown_task  # loads torch

    usual = "cifar10" if default_device().type == "cuda" else "digits"
    task = request.task or ("folder" if request.data_dir else usual)
    if task not in TASKS:
        raise unknown_task(task)
    return task, TASKS[task].side


def _budgets(request: SearchRequest) -> tuple[str, ...]:
    """Return the budgets as they were written, at least one."""
    if not request.budgets:
        raise BudgetError("no budget was given.", "Add one, such as --budget 300M-flops.")
    return request.budgets


def _strides(request: SearchRequest, spaces: list[SearchSpace]) -> tuple[Strides, Strides]:
    """Return the strides that are stated for the deployment, and for the task."""
    return (
        given_strides(spaces, request.strides),
        given_strides(spaces, request.task_strides, "--task-strides"),
    )


def _default_objectives(budget: tuple[Constraint, ...]) -> tuple[str, ...]:
    """Return the error, and the latency where it is limited first, else the multiply-adds."""
    first = budget[0]
    return "top1_error", f"latency@{first.device}" if first.cost == "latency" else "madds"


def _resolutions(
    request: SearchRequest, rungs: tuple[int, ...], side: int | None
) -> tuple[tuple[int, ...], int | None]:
    """Return the resolutions below the full one, and the size of images of one's own.

    `side` is that of the task, None where it has images of any size: the last of `resolutions` is
    then what `image_size` would be.
    """
    sides, image_size = request.resolutions, request.image_size
    if not sides:
        return (), image_size
    early = early_sides(sides, rungs, side or image_size)
    if side is None and len(sides) == len(rungs):
        image_size = sides[-1]
    return early, image_size


def _spaces(request: SearchRequest) -> list[SearchSpace]:
    """Load the spaces; several need one deployment, their own or that of the request."""
    names = request.space
    spaces = [load_space(name) for name in names.split(",")]
    if len({space.name for space in spaces}) < len(spaces):
        raise SpaceError(f"--space {names} names a space twice.", "Name each space once.")
    deployed = bool(request.input and request.classes)
    if len({(space.deployment, space.classes) for space in spaces}) > 1 and not deployed:
        raise SpaceError(
            f"the spaces {names} are deployed at different inputs or classes.",
            "Say where to count them: --input 3x224x224 --classes 1000.",
        )
    return spaces


def _default_name(spaces: list[SearchSpace], budget: tuple[Constraint, ...], task: str) -> str:
    parts = [*(space.name for space in spaces), *(str(part) for part in budget), task]
    name = "-".join(parts).lower().replace(".", "_").replace("@", "-").replace("+", "")
    return name[:60].rstrip("-_")


def _reference_point(
    objectives: tuple[str, ...], budget: tuple[Constraint, ...], costs: list[CostModel]
) -> tuple[float, ...]:
    """Return the worst that counts: all wrong, ten nats, the ceiling or twice the published."""
    limits = {part.cost: float(part.limit) for part in budget}
    worst = {"top1_error": 1.0, "loss": 10.0}
    published = [each.cost(p.architecture) for each in costs for p in each.space.published]
    for name in COST_NAMES:
        largest = max((getattr(cost, name) for cost in published), default=10**9)
        worst[name] = limits.get(name, 2.0 * largest)
    return tuple(worst[objective(name).name] for name in objectives)
