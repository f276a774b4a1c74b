"""`nas count`: exact numbers, before anything is trained."""

from typing import TYPE_CHECKING, Any, assert_never

import click

from nas.cli import effects, options, output

if TYPE_CHECKING:
    from nas.space import Conv, Layer

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
    from nas.cli.known import network_of
    from nas.cost import layer_cost, total_cost

    network = network_of(given, "count")
    space, architecture = network.space, network.architecture
    layers = network.layers()
    total = total_cost(layers)
    rows = [
        {
            "layer": layer.name,
            "kind": _kind(layer),
            "output": str(layer.shape),
            **{name: getattr(layer_cost(layer), name) for name in ("params", "madds", "acts")},
        }
        for layer in layers
    ]
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
                "params": total.params,
                "madds": total.madds,
                "acts": total.acts,
                "layers": rows,
            }
        )
        return
    shown = [
        {**row, **{key: f"{row[key]:,}" for key in ("params", "madds", "acts")}} for row in rows
    ]
    columns = {key: key for key in ("layer", "kind", "output", "params", "madds", "acts")}
    output.table("", columns, shown, "output params madds acts", optional="acts kind")
    click.echo(f"\n{space.name} {architecture.arch_id}  {architecture.text}")
    click.echo(f"{network.adaptation.describe()}, {network.classes} classes")
    click.echo(f"params  {total.params:>15,}   trainable, batch-norm scale and shift included")
    click.echo(f"madds   {total.madds:>15,}   {CONVENTION}")
    click.echo(f"acts    {total.acts:>15,}   outputs of convolution and linear layers, batch 1")


def _kind(layer: "Layer") -> str:
    from nas.space import (
        Activation,
        Add,
        BatchNorm,
        Concat,
        Conv,
        GlobalPool,
        Input,
        Linear,
        Pad,
        Pool,
        Shuffle,
    )

    match layer:
        case Conv():
            return _convolution(layer)
        case Activation():
            return layer.function
        case Shuffle():
            return f"shuffle g{layer.groups}"
        case BatchNorm():
            return "batch norm"
        case GlobalPool():
            return "global pool"
        case Input() | Add() | Concat() | Pool() | Pad():
            return type(layer).__name__.lower()
        case Linear():
            return "linear"
        case _:
            assert_never(layer)


def _convolution(layer: "Conv") -> str:
    depthwise = layer.groups == layer.in_channels > 1
    parts = [f"conv {layer.kernel}x{layer.kernel}", "depthwise" if depthwise else ""]
    parts += [f"g{layer.groups}" if layer.groups > 1 and not depthwise else ""]
    parts += [f"/{layer.stride}" if layer.stride > 1 else ""]
    return " ".join(part for part in parts if part)
