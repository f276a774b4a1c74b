"""`nas export`: one network as files."""

from pathlib import Path
from typing import Any

import click

from nas.cli import effects, options
from nas.exports import OPSET, OPSETS


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
    from nas.cli import output
    from nas.cli.network import network_request
    from nas.workflows import ExportOptions, export

    options = ExportOptions(directory, given.pop("deploy"), opset, force, results_dir)
    exported = export(network_request(given, "export"), options)
    request, files = exported.request, exported.files
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
