"""The specification of a study as text, for all pages, tables and messages."""

from collections.abc import Callable, Mapping

from nas.errors import NasError
from nas.space import Adaptation, SearchSpace, Shape, parse_input
from nas.study import INFERRED, TASKS, StudySpec, recipe_title
from nas.units import duration, plural


def study_note(spec: StudySpec) -> str:
    """Return the note for readers of a study's results; empty if there is none."""
    remark = _remark(spec.task)
    notes = [remark] if remark else []
    if spec.limit is not None:
        notes.append(
            f"Trained on at most {spec.limit:,} images: errors are higher than on the whole set."
        )
    return " ".join(notes)


def _remark(task: str) -> str:
    """Return the remark of the task; empty if its package is not installed."""
    try:
        return TASKS.load(task).remark
    except NasError:
        return ""


def counted_at(spec: StudySpec, brief: bool = False) -> str:
    """Return the deployment of the costs, with strides and classes."""
    return f"{_strides(spec, spec.deployed, brief)}, {spec.outputs}"


def strides_at(spec: StudySpec, images: Shape, brief: bool = False) -> str:
    """Return the strides on the `images` of the task."""
    return _strides(spec, lambda space: spec.trained(space, images), brief)


def trained_at(spec: StudySpec) -> str:
    """Return the strides on the study's images; empty if their size is not recorded."""
    return strides_at(spec, parse_input(spec.task_input)) if spec.task_input else ""


def _strides(spec: StudySpec, at: Callable[[SearchSpace], Adaptation], brief: bool) -> str:
    """Return the strides as text, for each family if they differ."""
    found = {name: at(space) for name, space in spec.spaces.items()}
    lines = {name: own.brief if brief else own.describe() for name, own in found.items()}
    if len({*lines.values()}) == 1:
        return next(iter(lines.values()))
    return "; ".join(f"{name} {line}" for name, line in lines.items())


def task_line(spec: StudySpec) -> str:
    """Return the data of a study as text."""
    line = spec.task + (f", data in {spec.data_dir}" if spec.data_dir else "")
    return line + (f", at most {spec.limit:,} training images" if spec.limit is not None else "")


def candidates_text(spec: StudySpec) -> str:
    """Return the maximum number of candidates, and the time in which new ones are started."""
    number = [f"{spec.num_trials:,}"] if spec.counted else []
    time = [f"started within {duration(spec.time_limit)}"] if spec.time_limit else []
    return ", ".join(number + time)


def epoch_text(spec: StudySpec) -> str:
    """Return the images of an epoch if it is a part of a pass over all images; else empty."""
    return f"{spec.epoch_images:,} images" if spec.epoch_images else ""


def study_settings(
    spec: StudySpec, versions: Mapping[str, str] | None = None
) -> tuple[tuple[str, str], ...]:
    """Return the settings of a study and the `versions` of its libraries, as rows of a table."""
    budget = ("Budget", ", ".join(map(str, spec.budget)) or "none")
    search = [
        ("Rungs", f"{', '.join(map(str, spec.rungs))} epochs; {judged_by(spec)}"),
        ("Resolutions", spec.ladder.resolutions if spec.resolutions else ""),
        ("Objectives", ", ".join(spec.objectives)),
        ("Sampler", f"{spec.sampler}, seed {spec.seed}"),
        ("Trials", candidates_text(spec)),
        ("Confirmed", confirmation_text(spec) or "nothing: each result is that of one seed"),
    ]
    rows = [
        ("Space", "; ".join(f"{name} ({space.title})" for name, space in spec.spaces.items())),
        *(networks_text(spec) or [budget]),
        ("Counted at", f"{counted_at(spec)} (conv + linear multiply-adds)"),
        ("Trained at", trained_at(spec)),
        *(
            (f"Latency of {name}", f"{table.device}; {table.accuracy}")
            for name, table in spec.latency_tables.items()
        ),
        ("Task", task_line(spec)),
        ("Images", spec.data.text if spec.data else ""),
        ("Recipe", recipe_title(spec.recipe)),
        *([("Epochs", str(spec.ladder.max_epochs))] if spec.networks else search),
        ("Epoch", epoch_text(spec)),
        ("Reuse", "results of the same training in this database" if spec.reuse else "none"),
        ("Learnt", learnt_text(spec)),
        ("Space file", ", ".join(f"sha256 {own.space_hash[:16]}" for own in spec.spaces.values())),
        ("Versions", ", ".join(f"{name} {one}" for name, one in sorted((versions or {}).items()))),
    ]
    return tuple(row for row in rows if row[1])


def networks_text(spec: StudySpec) -> list[tuple[str, str]]:
    """Return the networks of a study without a search, and their seeds, as rows of a table."""
    if not spec.networks:
        return []
    lines = [
        f"{network.name}: {network.text}" + (f" (from {network.origin})" * bool(network.origin))
        for network in spec.networks
    ]
    seeds = ", ".join(str(spec.first_seed + count) for count in range(spec.seeds))
    own, others = lines[: spec.num_trials], lines[spec.num_trials :]
    rows = [("Network", "; ".join(own)), *(("Against", line) for line in others), ("Seeds", seeds)]
    return [*rows, ("Teachers", ", ".join(spec.teachers))] if spec.teachers else rows


def confirmation_text(spec: StudySpec) -> str:
    """Return the trainings that confirm the best networks, as text; empty if there are none."""
    if spec.real is not None:
        references = " and the references" if spec.references else ""
        seeds = plural(spec.real.seeds, "seed")
        how = f"{spec.real.recipe_name}, {spec.real.epochs} epochs"
        return f"the best {spec.confirm}{references} under {seeds} by {how}"
    if spec.networks or spec.confirm * (spec.seeds - 1) == 0:
        return ""
    several = " and the references" if spec.references and spec.reference_seeds > 1 else ""
    taught = f", then the best {spec.confirm} taught" if spec.teach else ""
    return f"the best {spec.confirm}{several} under {spec.seeds} seeds{taught}"


def learnt_text(spec: StudySpec) -> str:
    """Return the number of trainings that the sampler borrows from each earlier study, as text."""
    return " and ".join(
        f"{plural(own.trainings, 'training')} of {own.study}"
        if own.trainings == own.of
        else f"{own.trainings:,} of {plural(own.of, 'training')} of {own.study}"
        for own in spec.learnt
    )


def judged_by(spec: StudySpec) -> str:
    """Return which trials continue at a rung, as text."""
    inferred = spec.judge == INFERRED and len(spec.rungs) > 1
    by = ", by the inferred final objectives" if inferred else ""
    return f"the best 1/{spec.eta} continue{by}"
