"""`nas export`: one network as files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nas.cli import options
from nas.export.request import OPSET, OPSETS

if TYPE_CHECKING:
    from nas.export.request import ExportRequest
    from nas.store import Store


@click.command()
@click.argument("study", required=False)
@click.option("--best", is_flag=True, help="The best trial of the study.")
@click.option("--trial", type=click.IntRange(0), metavar="N", help="This trial of the study.")
@click.option(
    "--arch",
    help="A network of --space, untrained: a name of nas published, or the choices in full.",
)
@options.space_name
@options.deployment
@click.option(
    "-o",
    "--output",
    "directory",
    required=True,
    type=click.Path(path_type=Path),
    help="The directory to write.",
)
@click.option(
    "--opset",
    type=click.IntRange(OPSETS[0], OPSETS[-1]),
    default=OPSET,
    show_default=True,
    metavar="N",
    help=f"The opset of the ONNX file, {OPSETS[0]} to {OPSETS[-1]}.",
)
@click.option("--force", is_flag=True, help="Replace an earlier export.")
@options.results("Directory where the weights of the study lie, if it was moved.")
@options.database
@options.as_json
def export(
    study: str | None,
    best: bool,
    trial: int | None,
    arch: str | None,
    space_name: str,
    input_: str | None,
    classes: int | None,
    strides: str | None,
    directory: Path,
    opset: int,
    force: bool,
    results_dir: Path,
    db: str | None,
    json_: bool,
) -> None:
    """Export one network: PyTorch source, safetensors, ONNX (checked in onnxruntime) and a card.

    \b
    Example:
      nas export igcv3-300m-madds-digits --best -o best
      nas export --arch igcv3-d-1.0 -o igcv3-d
    """  # fmt: skip
    from dataclasses import replace

    from nas.cli import output
    from nas.errors import NasError
    from nas.export.bundle import check_target, export_network
    from nas.store import open_store

    if sum((best, trial is not None, arch is not None)) != 1 or (arch is None) != bool(study):
        raise NasError(
            "say which network to export.",
            "Type: nas export STUDY --best -o DIR, or STUDY --trial N, or --arch NAME.",
        )
    if study and strides:
        raise NasError(
            f"--strides {strides} has no effect: a network of {study} has those that it was "
            "trained with.",
            "Leave --strides out; for the same choices, untrained, give --arch.",
        )
    check_target(directory, force)
    if arch is not None:
        request = _untrained(space_name, arch, input_, classes, strides)
    else:
        with open_store(db, create=False) as store:
            store.look_in(results_dir)
            request = _trained(store, str(study), trial)
    files = export_network(replace(request, opset=opset), directory, force=force)
    if json_:
        output.echo_json(
            {
                "name": request.name,
                "input": str(request.input),
                "classes": request.classes,
                "strides": request.adaptation.text,
                "files": [str(path) for path in files],
            }
        )
        return
    output.field("network", request.name)
    output.field("exported at", f"{request.adaptation.describe()}, {request.classes} classes")
    for path in files:
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _trained(store: "Store", study: str, number: int | None) -> "ExportRequest":
    """Return the request for one trial of a study, the best one where `number` is None."""
    from nas.cli.finish import trial_request
    from nas.errors import NasError
    from nas.results import StudyResults
    from nas.train.data import load_study_task

    spec, trials = store.spec(study), store.trials(study)
    found = StudyResults(spec, trials, store.reports(study))
    chosen = found.best if number is None else None
    if number is not None:
        chosen = next((trial for trial in trials if trial.number == number), None)
    if chosen is None:
        what = "complete trial yet" if number is None else f"trial {number}"
        raise NasError(f"{study} has no {what}.", f"See: {store.command(f'show {study}')}")
    task = load_study_task(spec)
    return trial_request(store, found, chosen, task)


def _untrained(
    space_name: str, arch: str, input_: str | None, classes: int | None, strides: str | None
) -> "ExportRequest":
    from nas.cli.known import named_network
    from nas.export.request import ExportRequest

    network = named_network(space_name, arch, input_, classes, strides)
    return ExportRequest(
        name=network.name,
        space=network.space,
        architecture=network.architecture,
        input=network.input,
        classes=network.classes,
        deployment=network.input,
        deployment_classes=network.classes,
        strides=network.strides,
        deployment_strides=network.strides,
    )
