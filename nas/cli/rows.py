"""The rows of a study's tables: one shape for the screen, for JSON and for CSV."""

from collections.abc import Mapping, Sequence
from typing import Any

from nas.budget import si
from nas.cli.output import percent
from nas.spec import StudySpec
from nas.trial import Trial
from nas.view import task_line

COLUMNS = {
    "trial": "trial",
    "error": "val error",
    "madds": "madds",
    "params": "params",
    "epochs": "epochs",
    "state": "state",
    "name": "",
    "arch_id": "arch_id",
    "shape": "blocks x width of each stage",
}
CSV_FIELDS = (
    "trial", "top1_error", "loss", "epochs", "madds", "params", "acts", "fvcore_madds",
    "fvcore_params", "arch_id", "architecture", "seed", "seconds",
)  # fmt: skip
NUMBERS = "trial error madds params epochs"
OPTIONAL = "arch_id shape params"


def trial_row(trial: Trial) -> dict[str, Any]:
    """Return one trial as plain data; errors are shares in [0, 1] on the validation split."""
    last = trial.last
    return {
        "trial": trial.number,
        "name": trial.reference,
        "state": trial.state.value,
        "top1_error": last.top1_error if last else None,
        "loss": last.loss if last else None,
        "epochs": last.epoch if last else 0,
        "madds": trial.cost.madds,
        "params": trial.cost.params,
        "acts": trial.cost.acts,
        "fvcore_madds": trial.counted.madds if trial.counted else None,
        "fvcore_params": trial.counted.params if trial.counted else None,
        "arch_id": trial.arch_id,
        "architecture": trial.architecture.text,
        "seed": trial.seed,
        "attempt": trial.attempt,
        "seconds": trial.seconds,
        "fail_reason": trial.fail_reason,
    }


def shown(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return trials as rows for the screen, under `COLUMNS`."""
    rows = []
    for trial in trials:
        row = trial_row(trial)
        state = row["state"].lower()
        row["error"] = percent(row["top1_error"])
        row["madds"], row["params"] = si(trial.cost.madds), si(trial.cost.params)
        row["state"] = f"{state} ({trial.fail_reason})" if trial.fail_reason else state
        row["name"] = trial.reference or ""
        row["shape"] = " ".join(map(_stage, *map(trial.architecture.column, ("depth", "width"))))
        rows.append(row)
    return rows


def _stage(depth: object, width: object) -> str:
    return f"{depth}x{width}" if depth else "-"


def test_scores(reports: Mapping[int, Mapping[str, dict[str, Any]]]) -> dict[int, dict[str, Any]]:
    """Return what was measured on the test split, by trial number."""
    return {number: kinds["test"] for number, kinds in reports.items() if "test" in kinds}


def settings(spec: StudySpec) -> list[tuple[str, str]]:
    """Return what defines a study, as pairs for the screen."""
    return [
        ("space", "; ".join(f"{name} ({space.title})" for name, space in spec.spaces.items())),
        ("budget", ", ".join(map(str, spec.budget)) or "none"),
        ("counted at", f"{spec.input}, {spec.classes} classes (conv + linear multiply-adds)"),
        ("task", task_line(spec)),
        *_recipe(spec.recipe),
        ("rungs", f"{', '.join(map(str, spec.rungs))} epochs; the best 1/{spec.eta} go on"),
        ("objectives", ", ".join(spec.objectives)),
        ("sampler", f"{spec.sampler}, seed {spec.seed}"),
        ("trials", str(spec.num_trials)),
    ]


def _recipe(text: str) -> list[tuple[str, str]]:
    """Return the name of a recipe, then its settings, one to a line, without the comments."""
    name, _, body = text.partition("\n")
    lines = (line.partition("#")[0].strip() for line in body.splitlines())
    return [("recipe", name.removeprefix("# "))] + [("", f"  {line}") for line in lines if line]
