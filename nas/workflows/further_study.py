"""The study that follows a search: its best networks are taught, or confirmed by a full training.

Like every training it is a study without a search. A taught network is trained as in the search,
with the same rungs and resolutions, and with teachers in the recipe. After a search with a short
schedule, networks are confirmed by another recipe, on images of another size.
"""

from collections.abc import Sequence
from dataclasses import replace

from nas.errors import NasError
from nas.results import CONFIRMED, SCRATCH, TAUGHT, StudyResults, counterpart
from nas.store import Store
from nas.study import FixedNetwork, RealTraining, StudySpec, Trial, comparable
from nas.workflows.networks import study_trial, trial_place
from nas.workflows.teachers import best_networks, hashes_of

_LONGEST = 60  # characters of a name that is made here


def further_spec(found: StudyResults, chosen: Sequence[int]) -> StudySpec | None:
    """Return the study that follows a search, if any; `chosen` are its networks to confirm.

    Raises:
        NasError: a network of the search has no weights to teach with.
    """
    if found.spec.real is not None:
        return _real_spec(found, found.spec.real, chosen)
    return _taught_spec(found) if found.spec.teach else None


def _taught_spec(found: StudyResults) -> StudySpec:
    from nas.training import read_recipe  # loads torch

    spec, reported = found.spec, found.metric
    means = {n: own.mean for n in found.confirmed if (own := found.estimate(n))}
    numbers = sorted(means, key=lambda n: (reported.loss(means[n]), n))
    if not numbers and found.best is not None:  # every further seed failed
        numbers = [found.best.number]
    best = best_networks(found)
    teachers = tuple(f"{spec.name}#{trial.number}" for trial in best)
    hashes = hashes_of((spec.name, trial) for trial in best)
    recipe = replace(read_recipe(spec.recipe, "the study's recipe"), teacher=hashes)
    name = spec.recipe.partition("\n")[0] if spec.recipe.startswith("# ") else "# recipe"
    return replace(
        _trained(found, "-taught", numbers), recipe=f"{name}\n{recipe.text}", teachers=teachers
    )


def _real_spec(found: StudyResults, real: RealTraining, chosen: Sequence[int]) -> StudySpec:
    own = {trial.architecture for trial in found.trials if trial.number in chosen}
    references = [each.number for each in found.references if each.architecture not in own]
    return replace(
        _trained(found, "-confirmed", chosen, references),
        recipe=real.recipe,
        rungs=(real.epochs,),
        resolutions=(),
        image_size=real.image_size,
        task_input=None,
        data=None,  # a new study of its own images
        seeds=real.seeds,
        reference_seeds=real.seeds,
    )


def _trained(
    found: StudyResults, suffix: str, candidates: Sequence[int], references: Sequence[int] = ()
) -> StudySpec:
    """Return the study that trains these networks of a search as the search did."""
    spec = found.spec
    trials = {trial.number: trial for trial in found.trials}
    return replace(
        spec,
        name=f"{spec.name[: _LONGEST - len(suffix)]}{suffix}",
        budget=(),
        sampler="none",
        num_trials=len(candidates),
        time_limit=None,
        published=False,
        confirm=1,
        reference_seeds=spec.seeds,
        proxies=False,
        networks=tuple(_fixed(spec, trials[number]) for number in (*candidates, *references)),
        first_seed=spec.seed,
        latency=(),
        objectives=(spec.metrics[0], "madds"),
        reference_point=(spec.reported.worst, 1.0),
        teach=False,
        real=None,
        learnt=(),
    )


def begun_study(store: Store, planned: StudySpec) -> StudySpec | None:
    """Return the stored study that equals `planned` except for a number in its name, if any."""
    numbered = [name for name in store.names() if name.startswith(planned.name)]
    specs = [store.spec(name) for name in numbered]
    return next(
        (each for each in specs if not replace(each, name=planned.name).differences(planned)), None
    )


def record_scratch(store: Store, found: StudyResults) -> None:
    """Record in a taught study the errors of its networks from scratch, if they are comparable.

    They are those of the trials that the networks come from, if these had the same settings.
    """
    spec = found.spec
    for number in found.trainings if spec.teachers else ():
        trial = next(each for each in found.trials if each.number == number)
        origin = _origin(store, spec, trial)
        if origin is not None and SCRATCH not in found.reports.get(number, {}):
            theirs, base = origin
            store.record_report(spec.name, number, SCRATCH, counterpart(theirs, base))


def record_further(store: Store, search: StudyResults, further: StudyResults) -> None:
    """Record in a search the errors of its networks in the study that follows it."""
    name, kind = search.spec.name, TAUGHT if further.spec.teachers else CONFIRMED
    for number in further.trainings:
        trial = next(each for each in further.trials if each.number == number)
        place = _place(further.spec, trial)
        if place is not None and kind not in search.reports.get(place[1], {}):
            store.record_report(name, place[1], kind, counterpart(further, number))


def _fixed(spec: StudySpec, trial: Trial) -> FixedNetwork:
    name, space = spec.network_name(trial), trial.architecture.space
    return FixedNetwork(
        name, space, trial.architecture.text, spec.strides, spec.task_strides,
        f"{spec.name}#{trial.number}",
    )  # fmt: skip


def _place(spec: StudySpec, trial: Trial) -> tuple[str, int] | None:
    """Return the study and the number of the trial that a network comes from, if any."""
    name = spec.network_name(trial)
    origin = next(each.origin for each in spec.networks if each.name == name) or ""
    return trial_place(origin)


def _origin(store: Store, spec: StudySpec, trial: Trial) -> tuple[StudyResults, int] | None:
    """Return the results of the study that a network comes from, and its number there.

    None if the study was deleted, or trained the network with other settings.
    """
    place = _place(spec, trial)
    if place is None:
        return None
    try:
        theirs, other = study_trial(store, *place)
    except NasError:  # it was deleted
        return None
    base = other.number if other.replicate_of is None else other.replicate_of
    untaught = replace(spec, recipe=spec.recipe_from_scratch)
    alike = base in theirs.trainings and other.architecture == trial.architecture
    if not alike or not comparable(untaught, theirs.spec, trial.architecture):
        return None
    return theirs, base
