"""The start of a study on the screen: eight lines, or every setting with --verbose."""

import click

from nas.cli import output, study_tables
from nas.dashboards.address import PORT, free_port, url
from nas.feasible import FeasibleSpace, FeasibleUnion
from nas.results import (
    confirmation_text,
    counted_at,
    epoch_text,
    learnt_text,
    networks_text,
    strides_at,
    study_note,
)
from nas.space import outputs_text
from nas.store import Store
from nas.study import UNCHECKED, StudySpec, recipe_title
from nas.training import Task
from nas.units import duration


def announce(
    store: Store,
    spec: StudySpec,
    ready: tuple[FeasibleSpace | FeasibleUnion | None, Task, str],
    verbose: bool,
    page: str | None = None,
) -> None:
    """Print the settings of a study; `ready` comes from the preflight, with the devices.

    `page` is the address of the live page if it is served already.
    """
    feasible, task, devices = ready
    outputs = outputs_text(spec.head, task.outputs)
    lines = {
        "study": spec.name,
        **(_networks(spec) if feasible is None else {"space": _space(spec, feasible)}),
        "counted at": counted_at(spec, brief=True),
        "trained at": f"{strides_at(spec, task.input, brief=True)}, {outputs}",
        "task": task.note,
        "plan": _plan(spec),
        "devices": devices,
        "page": f"{page} while the study runs" if page else _page(store, spec.name),
    }
    for name, line in lines.items():
        output.field(name, line)
    if spec.data is None:
        output.field("note", UNCHECKED.format(f"the study {spec.name}"))
    if verbose:
        _print_rest(spec, task)
    click.echo("")


def _space(spec: StudySpec, feasible: FeasibleSpace | FeasibleUnion) -> str:
    """Return the searched spaces, and the share of their architectures within the budget."""
    share = output.share(*feasible.bounds(), feasible.total)
    total = output.size(feasible.total)
    budget = ", ".join(map(str, spec.budget))
    return f"{', '.join(spec.spaces)}: {total} architectures, {share} of them within {budget}"


def _networks(spec: StudySpec) -> dict[str, str]:
    """Return the networks that are trained, and their recipe."""
    lines = {key.lower(): line for key, line in networks_text(spec)}
    return lines | {"recipe": recipe_title(spec.recipe)}


def _print_rest(spec: StudySpec, task: Task) -> None:
    """Print the settings that the eight lines omit, and the strides at both inputs."""
    said = {"space", "budget", "counted at", "trained at", "task", "images", "trials", "space file"}
    for name, line in study_tables.settings(spec):
        if name not in said:
            output.field(name, line)
    output.field("strides", f"at deployment {counted_at(spec)}")
    output.field("", f"in training {strides_at(spec, task.input)}")
    note = study_note(spec)
    if note:
        output.field("note", note)


def _plan(spec: StudySpec) -> str:
    part = f" of {epoch_text(spec)}" if epoch_text(spec) else ""
    if spec.networks:
        trainings = output.plural(len(spec.networks) * spec.seeds, "training")
        return f"{trainings} of {output.plural(spec.ladder.max_epochs, 'epoch')}{part}"
    several = output.plural(spec.num_trials, "candidate") if spec.counted else "candidates"
    time = f" started within {duration(spec.time_limit)}" if spec.time_limit else ""
    known = f" and {len(spec.references)} published" if spec.references else ""
    *early, full = spec.rungs
    rungs = f", judged after {', '.join(map(str, early))}" if early else ""
    confirmed = confirmation_text(spec)
    again = f"; {confirmed}" if confirmed else ""
    sizes = f" on {spec.ladder.resolutions}" if spec.resolutions else ""
    learnt = f"; learnt beforehand: {learnt_text(spec)}" if spec.learnt else ""
    return (
        f"{several}{time}{known}, {output.plural(full, 'epoch')}{part}{sizes}{rungs}{again}{learnt}"
    )


def _page(store: Store, study: str) -> str:
    """Return the command that serves the live page, with a free port."""
    port = free_port()
    words = f"dashboard --study {study}"
    if port is None:
        return store.command(words)
    words += f" --port {port}" if port != PORT else ""
    return f"{store.command(words)} serves {url(port, study)}"
