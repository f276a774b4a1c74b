"""`nas export`: one network as files."""

from pathlib import Path

import click

from nas.cli import options
from nas.cli.binding import into
from nas.exports import OPSET, OPSETS
from nas.workflows import NetworkExportRequest


@click.command()
@options.network_request
@click.option(
    "--deploy",
    is_flag=True,
    help="Export a trial at its deployment, or at --input, with the trained weights that fit; the "
    "head is untrained.",
)
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
    metavar="N",
    help=f"The opset of the ONNX file, {OPSETS[0]} to {OPSETS[-1]}.  [default: {OPSET}]",
)
@options.formats
@click.option("--force", is_flag=True, help="Replace an earlier export.")
@options.results("Directory with the weights of the study, if it was moved.")
@options.as_json
@into("wanted", NetworkExportRequest)
def export(wanted: NetworkExportRequest, json_: bool) -> None:
    """Export one network: PyTorch source, safetensors, ONNX (checked in onnxruntime) and a card.

    \b
    Example:
      nas export igcv3-300m-madds-digits --best -o best
      nas export igcv3-300m-madds-digits --trial 16 --deploy --classes 37 -o deployed
      nas export --arch igcv3-d-1.0 -o igcv3-d
      nas export --arch igcv3-d-1.0 --format onnx -o igcv3-d
    """  # fmt: skip
    from nas.cli import output
    from nas.workflows import export

    exported = export(wanted)
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
