"""`nas export`: one network as files."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli import effects, options
from nas.export import OPSET, OPSETS

if TYPE_CHECKING:
    from nas.export import ExportRequest


@click.command()
@options.network
@click.option(
    "--deploy",
    is_flag=True,
    help="Export a trial at its deployment, or at --input, with its trained weights where they "
    "fit; head untrained.",
)
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
@options.results("Directory with the weights of the study, if it was moved.")
@options.as_json
@effects.refuses(*effects.EXPORT)
def export(
    directory: Path, opset: int, force: bool, results_dir: Path, json_: bool, **given: Any
) -> None:
    """Export one network: PyTorch source, safetensors, ONNX (checked in onnxruntime) and a card.

    \b
    Example:
      nas export igcv3-300m-madds-digits --best -o best
      nas export igcv3-300m-madds-digits --trial 16 --deploy --classes 37 -o deployed
      nas export --arch igcv3-d-1.0 -o igcv3-d
    """  # fmt: skip
    from dataclasses import replace

    from nas.cli import output
    from nas.cli.known import check_named
    from nas.export import check_target, export_network

    check_named(given, "export")
    check_target(directory, force)
    request = _untrained(given) if given["arch"] is not None else _trained(given, results_dir)
    files = export_network(replace(request, opset=opset), directory, force=force)
    if json_:
        output.echo_json(
            {
                "name": request.name,
                "input": str(request.input),
                "classes": request.classes,
                "strides": request.adaptation.text,
                "weights": request.weights,
                "files": [str(path) for path in files],
            }
        )
        return
    output.field("network", request.name)
    output.field("exported at", f"{request.adaptation.describe()}, {request.classes} classes")
    output.field("weights", request.weights)
    for path in files:
        click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _trained(given: "Mapping[str, Any]", results_dir: Path) -> "ExportRequest":
    """Return the request for one trial of a study, the best one where no number is given."""
    from nas.cli.finish import trial_request
    from nas.cli.known import study_trial, trial_network
    from nas.store import open_store
    from nas.train import load_study_task

    with open_store(given["db"], create=False) as store:
        store.look_in(results_dir)
        found, chosen = study_trial(store, given["study"], given["trial"])
        spec = found.spec
        task = load_study_task(spec)
        request = trial_request(store, found, chosen, task)
    if not given["deploy"]:
        return request
    words = (given["input_"], given["classes"], given["strides"])
    return request.deployed(*trial_network(spec, chosen, *words).place)


def _untrained(given: "Mapping[str, Any]") -> "ExportRequest":
    from nas.cli.known import network_of
    from nas.export import ExportRequest

    network = network_of(given, "export")
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
