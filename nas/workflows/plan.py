"""Plan a search: from a request to the specification of a study; nothing is created."""

from dataclasses import replace

from nas.cost import Constraint, CostModel
from nas.errors import NasError, NoEffectError
from nas.metrics import CLASSIFICATION, Metric
from nas.samplers import learns_from_others
from nas.space import SearchSpace, parse_input, usual_input
from nas.study import (
    BY_ERROR,
    JUDGES,
    TASKS,
    UNCOUNTED,
    Ladder,
    RealTraining,
    StudySpec,
    TaskKind,
    default_rungs,
    early_sides,
    objective,
)
from nas.suggestion import did_you_mean
from nas.training import Recipe, load_recipe, recipe_name
from nas.workflows import events
from nas.workflows.device_tables import asked_device, latency_tables
from nas.workflows.requests import ETA, NUM_TRIALS, RunRequest, SearchRequest


def check_request(request: SearchRequest) -> None:
    """Refuse mistakes that can be detected without torch.

    Raises:
        NasError: a setting cannot be used.
    """
    _check_words(request)
    _check_learning(request)
    if request.rungs or request.epochs:
        rungs = request.rungs or default_rungs(request.epochs or 1)
        _eta(request, rungs)
        _judge(request, rungs)
    task = request.task or ("folder" if request.data else "digits")
    load_recipe(recipe_name(request.recipe or TASKS.load(task).recipe, task))


def _check_words(request: SearchRequest) -> None:
    """Read the cached properties of the request: spaces, strides, budgets; check the objectives."""
    request.spaces  # noqa: B018 - raises
    request.stated_strides  # noqa: B018 - raises
    if request.input:
        parse_input(request.input)
    for name in request.usual_objectives:
        objective(name)


def _check_learning(request: SearchRequest) -> None:
    """Refuse settings for learning from earlier studies if the sampler does not learn from them."""
    named = "learn_from" if request.learn_from else "" if request.learn else "learn"
    if named and not learns_from_others(request.sampler):
        why = f"the sampler {request.sampler} does not learn from other studies"
        raise NoEffectError(named, why, f"Leave {{{named}}} out, or give another {{sampler}}.")


def plan_study(
    request: SearchRequest,
    on_event: events.Watcher = events.ignore,
    run: RunRequest | None = None,
) -> StudySpec:
    """Return the study that `request` describes; a latency table may be measured for it.

    Its default task depends on the machine or the cluster of `run`.

    Raises:
        NasError: a setting cannot be used; nothing has been created.
    """
    _check_words(request)
    spaces, budget, objectives = request.spaces, request.constraints, request.usual_objectives
    space = spaces[0]
    task, kind = _task(request, run or RunRequest())
    deployment = parse_input(request.input) if request.input else usual_input(space, kind.head)
    classes = request.classes or (kind.head.outputs if kind.head else space.classes)
    strides, task_strides = request.stated_strides
    _check_objectives(task, kind, objectives)
    recipe_file = recipe_name(request.recipe or kind.recipe, task)
    recipe = load_recipe(recipe_file)
    _check_untaught(recipe_file, recipe)
    _check_teach(request, task, kind)
    rungs = request.rungs or default_rungs(request.epochs or recipe.epochs)
    resolutions, image_size = _resolutions(request, rungs, kind.side)
    eta = _eta(request, rungs)
    judge = _judge(request, rungs)
    Ladder(rungs, eta, resolutions)  # refuses rungs that do not rise
    costs = [
        CostModel(each, deployment, classes, strides=strides, own_head=kind.head) for each in spaces
    ]
    tables = latency_tables(costs, asked_device(budget, objectives), request.latency, on_event)
    if tables:
        costs = [replace(each, table=own) for each, own in zip(costs, tables, strict=True)]
    assert not isinstance(request.time, str)  # the request has read it
    return StudySpec(
        name=request.study or _default_name(spaces, budget, task),
        space_name=space.name,
        space_text=space.source,
        budget=budget,
        input=str(deployment),
        classes=classes,
        task=task,
        data_dir=str(request.data.resolve()) if request.data else None,
        recipe=f"# {recipe_file}\n{recipe.text}",
        rungs=rungs,
        eta=eta,
        objectives=tuple(objectives),
        reference_point=_reference_point(objectives, budget, costs),
        more_spaces=tuple((other.name, other.source) for other in spaces[1:]),
        sampler=request.sampler,
        num_trials=request.trials or (NUM_TRIALS if request.time is None else UNCOUNTED),
        time_limit=request.time,
        published=request.published,
        seed=request.seed,
        limit=request.limit,
        image_size=image_size,
        skip_corrupt=request.skip_corrupt,
        resolutions=resolutions,
        reuse=request.reuse,
        confirm=request.confirm,
        seeds=1 if request.confirm_recipe else request.seeds,
        reference_seeds=request.seeds if request.confirm and not request.confirm_recipe else 1,
        proxies=request.proxies,
        teach=request.teach,
        real=_real(request, task),
        latency=tuple(table.to_json() for table in tables),
        strides=strides,
        task_strides=task_strides,
        metrics=kind.metrics,
        judge=judge,
    )


def _eta(request: SearchRequest, rungs: tuple[int, ...]) -> int:
    """Return eta; refuse one without effect."""
    _refuse_without_rungs("eta", request.eta, rungs)
    return request.eta or ETA


def _judge(request: SearchRequest, rungs: tuple[int, ...]) -> str:
    """Return the judge of trials at rungs; refuse an unknown one, or one without effect."""
    _refuse_without_rungs("judge", request.judge, rungs)
    if request.judge not in (None, *JUDGES):
        near = did_you_mean(request.judge or "", JUDGES)
        raise NasError(f"judge {request.judge!r} is unknown.", f"{near}Use {', '.join(JUDGES)}.")
    return request.judge or BY_ERROR


def _refuse_without_rungs(name: str, given: object, rungs: tuple[int, ...]) -> None:
    if given is not None and len(rungs) == 1:
        raise NoEffectError(
            name,
            "nothing is judged before the only rung",
            f"Leave {{{name}}} out, or give several {{rungs}}.",
        )


def _task(request: SearchRequest, run: RunRequest) -> tuple[str, TaskKind]:
    """Return the name of the task, and its kind."""
    task = request.task or ("folder" if request.data else None)
    if task is None:
        from nas.workflows.machine import machine_of, uses_gpu  # loads torch

        task = "cifar10" if uses_gpu(run, machine_of(run)) else "digits"
    return task, TASKS.load(task)


def _check_objectives(task: str, kind: TaskKind, objectives: tuple[str, ...]) -> None:
    """Refuse an objective that the task does not measure."""
    for name in objectives:
        if not objective(name).known and name not in kind.metrics:
            raise NasError(
                f"the task {task} does not measure {name}.",
                f"It measures {', '.join(kind.metrics)}; or give another --task.",
            )


def _check_untaught(name: str, recipe: Recipe) -> None:
    """Refuse a recipe with teachers or initial weights: a search trains from scratch."""
    if recipe.start:
        raise NasError(
            f"the recipe {name} starts with trained weights, but a search trains from scratch.",
            "Leave out its start, and train the best network again: nas train STUDY --from STUDY#N",
        )
    if recipe.teacher:
        raise NasError(
            f"the recipe {name} has teachers, but a search trains from scratch.",
            "Leave out its teacher; to teach the best networks at the end, add --teach",
        )


def _check_teach(request: SearchRequest, task: str, kind: TaskKind) -> None:
    """Refuse to teach on a task whose outputs are not probabilities of classes."""
    if request.teach and kind.metrics != CLASSIFICATION:
        raise NasError(
            f"networks cannot be taught on the task {task}: it has no classes.",
            "Leave --teach out.",
        )


def _real(request: SearchRequest, task: str) -> RealTraining | None:
    """Return the training that confirms a short schedule, if there is one."""
    if request.confirm_recipe is None:
        return None
    name = recipe_name(request.confirm_recipe, task)
    recipe = load_recipe(name)
    _check_untaught(name, recipe)
    text = f"# {name}\n{recipe.text}"
    return RealTraining(text, recipe.epochs, request.confirm_size, request.seeds)


def _resolutions(
    request: SearchRequest, rungs: tuple[int, ...], side: int | None
) -> tuple[tuple[int, ...], int | None]:
    """Return the resolutions below the full one, and the image size for the user's images.

    `side` is the size of the task's images, None for images of any size: then the last of
    `resolutions` has the meaning of `image_size`.
    """
    sides, image_size = request.resolutions, request.image_size
    if not sides:
        return (), image_size
    early = early_sides(sides, rungs, side or image_size)
    if side is None and len(sides) == len(rungs):
        image_size = sides[-1]
    return early, image_size


def _default_name(
    spaces: tuple[SearchSpace, ...], budget: tuple[Constraint, ...], task: str
) -> str:
    parts = [*(space.name for space in spaces), *(str(part) for part in budget), task]
    name = "-".join(parts).lower().replace(".", "_").replace("@", "-").replace("+", "")
    return name[:60].rstrip("-_")


def _reference_point(
    objectives: tuple[str, ...], budget: tuple[Constraint, ...], costs: list[CostModel]
) -> tuple[float, ...]:
    """Return the reference point: the metric's own, the ceiling, or twice the published cost."""
    limits = {part.cost: float(part.limit) for part in budget}
    published = [each.cost(p.architecture) for each in costs for p in each.space.published]

    def worst(goal: Metric) -> float:
        if not goal.known:
            return goal.reference
        largest = max((getattr(cost, goal.name) for cost in published), default=10**9)
        return limits.get(goal.name, 2.0 * largest)

    return tuple(worst(objective(name)) for name in objectives)


def check_task_loaders(number: int, task: str | None) -> None:
    """Refuse decoding processes for a task whose images are part of a package.

    Raises:
        NasError: `number` is not 0.
    """
    if number and task is not None and TASKS.load(task).embedded:
        raise NoEffectError("loaders", "the images are in memory")
