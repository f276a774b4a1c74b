"""`nas count`: exact costs of a network, without training."""

import click

from nas.cli import options, output
from nas.workflows import NetworkRequest

CONVENTION = "multiply-adds of convolution and linear layers, batch 1"


@click.command()
@options.network_request
@options.as_json
def count(network: NetworkRequest, json_: bool) -> None:
    """Count a network layer by layer: output, params, multiply-adds, activations.

    \b
    Example:
      nas count --space igcv3 --arch igcv3-d-1.0
      nas count --arch mobilenetv2-1.0 --input 3x32x32 --classes 10 --json
      nas count igcv3-300m-madds-digits --trial 16
      nas count --arch igcv3-d-1.0 --input 3x64x64 --strides 2,1,2,2,2,1,2,1
    """
    from nas.cost import LAYER_COLUMNS, LAYER_COSTS, layer_texts
    from nas.workflows import count

    counted = count(network)
    found, rows = counted.network, counted.layers
    space, architecture = found.space, found.architecture
    costs = {name: getattr(counted, name) for name in LAYER_COSTS}
    if json_:
        output.echo_json(
            {
                "space": space.name,
                "architecture": architecture.text,
                "arch_id": architecture.arch_id,
                "input": str(found.input),
                "strides": found.adaptation.text,
                "classes": found.classes,
                "convention": CONVENTION,
                **costs,
                "layers": rows,
            }
        )
        return
    numbers = "output params madds madds_share acts"
    output.table("", LAYER_COLUMNS, layer_texts(rows), numbers, optional="acts madds_share kind")
    click.echo(f"\n{space.name} {architecture.arch_id}  {architecture.text}")
    click.echo(f"{found.adaptation.describe()}, {found.classes} classes")
    click.echo(f"params  {counted.params:>15,}   trainable, batch-norm scale and shift included")
    click.echo(f"madds   {counted.madds:>15,}   {CONVENTION}")
    click.echo(f"acts    {counted.acts:>15,}   outputs of convolution and linear layers, batch 1")
