"""`nas count`: exact numbers, before anything is trained."""

from typing import Any

import click

from nas.cli import effects, options, output

CONVENTION = "multiply-adds of convolution and linear layers, batch 1"


@click.command()
@options.network
@options.deployment
@options.as_json
@effects.refuses(*effects.NETWORK)
def count(json_: bool, **given: Any) -> None:
    """Count a network layer by layer: output, params, multiply-adds, activations.

    \b
    Example:
      nas count --space igcv3 --arch igcv3-d-1.0
      nas count --arch mobilenetv2-1.0 --input 3x32x32 --classes 10 --json
      nas count igcv3-300m-madds-digits --trial 16
      nas count --arch igcv3-d-1.0 --input 3x64x64 --strides 2,1,2,2,2,1,2,1
    """
    from nas.cli.network import network_request
    from nas.workflows import COUNTS, count

    counted = count(network_request(given, "count"))
    network, rows = counted.network, counted.layers
    space, architecture = network.space, network.architecture
    costs = {name: getattr(counted, name) for name in COUNTS}
    if json_:
        output.echo_json(
            {
                "space": space.name,
                "architecture": architecture.text,
                "arch_id": architecture.arch_id,
                "input": str(network.input),
                "strides": network.adaptation.text,
                "classes": network.classes,
                "convention": CONVENTION,
                **costs,
                "layers": rows,
            }
        )
        return
    shown = [{**row, **{key: f"{row[key]:,}" for key in COUNTS}} for row in rows]
    columns = {key: key for key in ("layer", "kind", "output", *COUNTS)}
    output.table("", columns, shown, "output params madds acts", optional="acts kind")
    click.echo(f"\n{space.name} {architecture.arch_id}  {architecture.text}")
    click.echo(f"{network.adaptation.describe()}, {network.classes} classes")
    click.echo(f"params  {counted.params:>15,}   trainable, batch-norm scale and shift included")
    click.echo(f"madds   {counted.madds:>15,}   {CONVENTION}")
    click.echo(f"acts    {counted.acts:>15,}   outputs of convolution and linear layers, batch 1")
