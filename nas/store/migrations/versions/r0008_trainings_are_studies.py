"""Trainings of `nas train` become studies of one fixed network; their own table goes."""

import json
import re
import secrets
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from nas.cost import total_cost
from nas.errors import NasError
from nas.space import SearchSpace, load_space, lower, parse_input, read_space

revision = "0008"
down_revision = "0007"

KEPT = "nas_old_training"  # the rows whose space is neither built in nor in a study of the database
_TIME = sa.DateTime(timezone=True)
_TRAINING = sa.table(
    "nas_training",
    *map(sa.column, ("id", "name", "seed", "arch_id", "study", "trial", "content")),
    sa.column("created_at", _TIME),
)
_STUDY = sa.table(
    "nas_study",
    *map(sa.column, ("id", "name", "spec", "versions", "state", "seq", "uid")),
    sa.column("created_at", _TIME),
)
_TRIAL = sa.table(
    "nas_trial",
    *map(
        sa.column,
        (
            "id", "study_id", "number", "architecture", "arch_id", "madds", "params", "acts",
            "counted_madds", "counted_params", "counted_acts", "state", "attempt", "lost", "seed",
            "seconds", "weights_path", "weights_sha256", "replicate_of", "replicate",
        ),
    ),
    sa.column("created_at", _TIME),
    sa.column("finished_at", _TIME),
)  # fmt: skip
_MEASUREMENT = sa.table(
    "nas_measurement",
    *map(
        sa.column,
        ("trial_id", "attempt", "epoch", "rung", "top1_error", "loss", "train_loss", "seconds"),
    ),
)
_REPORT = sa.table(
    "nas_report",
    *map(sa.column, ("trial_id", "kind", "content")),
    sa.column("created_at", _TIME),
)


def upgrade() -> None:
    """Enter every training as a study; what cannot be entered stays in a table of its own."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(_TRAINING).order_by(_TRAINING.c.name, _TRAINING.c.seed))
    studies = connection.execute(sa.select(_STUDY.c.name, _STUDY.c.spec)).all()
    spaces = _spaces([json.loads(study.spec) for study in studies])
    taken = {study.name for study in studies}
    left = False
    for group in _groups(rows.all()):
        space = _space_of(group[0], spaces)
        if space is None:
            left = True
            continue
        _enter(connection, group, space, _free_name(group[0].name, taken))
        ids = [row.id for row in group]
        connection.execute(sa.delete(_TRAINING).where(_TRAINING.c.id.in_(ids)))
    if left:
        op.rename_table("nas_training", KEPT)
    else:
        op.drop_table("nas_training")


def _groups(rows: Sequence[sa.Row[Any]]) -> Iterator[list[sa.Row[Any]]]:
    """Yield the trainings of one name whose seeds follow one another."""
    for _, group in groupby(
        enumerate(rows), key=lambda pair: (pair[1].name, pair[1].seed - pair[0])
    ):
        yield [row for _, row in group]


def _spaces(specs: Sequence[dict[str, Any]]) -> dict[str, list[SearchSpace]]:
    """Return the spaces of the studies by name, each file once."""
    texts = {
        (name, text): None
        for spec in specs
        for name, text in (
            (spec["space_name"], spec["space_text"]),
            *spec.get("more_spaces", ()),
        )
    }
    found: dict[str, list[SearchSpace]] = {}
    for name, text in texts:
        try:
            found.setdefault(name, []).append(read_space(text, f"{name}.toml"))
        except NasError:  # of an earlier version, which this one cannot read any more
            continue
    return found


def _space_of(row: sa.Row[Any], spaces: dict[str, list[SearchSpace]]) -> SearchSpace | None:
    """Return the space of a training: the one in which its network has the recorded cost."""
    network = json.loads(row.content)["network"]
    name = network["space"]
    try:
        candidates = [*spaces.get(name, ()), load_space(name)]
    except NasError:
        candidates = spaces.get(name, [])
    return next((space for space in candidates if _fits(network, row.arch_id, space)), None)


def _fits(network: dict[str, Any], arch_id: str, space: SearchSpace) -> bool:
    cost = network["cost"]["deployment"]
    known = space.known(network["name"])
    of = known.space if known and known.architecture.text == network["architecture"] else space
    try:
        architecture = space.recorded(network["architecture"])
        shape, strides = parse_input(cost["input"]), _strides(cost)
        own = total_cost(lower(of, architecture, shape, cost["classes"], strides))
    except (NasError, ValueError):
        return False
    same = (own.madds, own.params) == (cost["madds"], cost["params"])
    return same and architecture.arch_id == arch_id


def _strides(cost: dict[str, Any]) -> tuple[int, ...]:
    return tuple(map(int, cost["strides"].split(","))) if "strides" in cost else ()


def _free_name(name: str, taken: set[str]) -> str:
    """Return the name of a training as that of a study, and enter it among those taken."""
    stem = re.sub(r"[^a-z0-9_-]", "_", name.lower()).strip("_-")[:60] or "training"
    free = next(n for n in (stem, *(f"{stem}-{i}" for i in range(2, 10**6))) if n not in taken)
    taken.add(free)
    return free


def _enter(
    connection: sa.Connection, group: Sequence[sa.Row[Any]], space: SearchSpace, name: str
) -> None:
    contents = [json.loads(row.content) for row in group]
    first = contents[0]
    versions = dict(part.rpartition(" ")[::2] for part in first["settings"]["versions"].split(", "))
    versions["nas"] = f"{versions.get('nas', '')} (nas train)"  # not all settings are known
    added = connection.execute(
        sa.insert(_STUDY)
        .values(
            name=name,
            spec=json.dumps(_spec(group, first, space, name)),
            versions=json.dumps(versions),
            state="COMPLETE",
            seq=1,
            uid=secrets.token_hex(8),
            created_at=min(row.created_at for row in group),
        )
        .returning(_STUDY.c.id)
    ).scalar_one()
    for number, (row, content) in enumerate(zip(group, contents, strict=True)):
        _enter_trial(connection, added, number, row, content)


def _spec(
    group: Sequence[sa.Row[Any]], content: dict[str, Any], space: SearchSpace, name: str
) -> dict[str, Any]:
    """Return the specification of the study, as this version of nas writes it."""
    network, identity = content["network"], content["run"]["identity"]
    deployed, trained = network["cost"]["deployment"], network["cost"]["task"]
    strides = {"strides": _strides(deployed), "task_strides": _strides(trained)}
    origin = f"{group[0].study}#{group[0].trial}" if group[0].study else None
    settings = content["settings"]
    return {
        "name": name,
        "space_name": space.name,
        "space_text": space.source,
        "budget": [],
        "input": deployed["input"],
        "classes": deployed["classes"],
        "task": identity["task"],
        "data_dir": None,
        "recipe": f"# {settings['recipe']}\n{settings['recipe text']}",
        "rungs": [settings["epochs"]],
        "eta": 3,
        "objectives": ["top1_error", "madds"],
        "reference_point": [1.0, 1.0],
        "sampler": "none",
        "num_trials": 1,
        "published": False,
        "seed": identity["data_seed"],
        "confirm": 1,
        "seeds": len(group),
        "stride_rule": 2 if "strides" in deployed else 1,
        "task_input": trained["input"],
        "data": content.get("data"),
        "networks": [
            {
                "name": network["name"],
                "space": space.name,
                "text": network["architecture"],
                "origin": origin,
                **strides,
            }
        ],
        "first_seed": group[0].seed,
        **strides,
    }


def _enter_trial(
    connection: sa.Connection, study: int, number: int, row: sa.Row[Any], content: dict[str, Any]
) -> None:
    run, network = content["run"], content["network"]
    cost = {name: network["cost"]["deployment"][name] for name in ("madds", "params", "acts")}
    trial = connection.execute(
        sa.insert(_TRIAL)
        .values(
            study_id=study,
            number=number,
            architecture=f"{network['space']}:{network['architecture']}",
            arch_id=row.arch_id,
            **cost,
            **{f"counted_{name}": value for name, value in cost.items()},
            state="COMPLETE",
            attempt=1,
            lost=0,
            seed=row.seed,
            seconds=run["seconds"],
            weights_path=run["weights"],
            weights_sha256=run["weights_sha256"],
            replicate_of=0 if number else None,
            replicate=number,
            created_at=row.created_at,
            finished_at=row.created_at,
        )
        .returning(_TRIAL.c.id)
    ).scalar_one()
    spent = 0.0
    for epoch in run["history"]:
        spent += epoch["seconds"]
        last = epoch is run["history"][-1]
        names = ("epoch", "top1_error", "loss", "train_loss")
        values = {name: epoch[name] for name in names}
        key = {"trial_id": trial, "attempt": 1, "rung": 0 if last else None, "seconds": spent}
        connection.execute(sa.insert(_MEASUREMENT).values(**key, **values))
    for kind, report in _reports(run, content["class_names"]).items():
        connection.execute(
            sa.insert(_REPORT).values(
                trial_id=trial, kind=kind, content=json.dumps(report), created_at=row.created_at
            )
        )


def _reports(run: dict[str, Any], class_names: Sequence[str]) -> dict[str, dict[str, Any]]:
    test = {**run["test"], "confusion": run["confusion"], "class_names": class_names}
    notes = {"text": "; ".join(run["notes"])}
    found = {"test": test, "note": notes, "profile": run.get("profile")}
    return {kind: report for kind, report in found.items() if report and report != {"text": ""}}
