"""`nas latency`: one network timed as a whole."""

from dataclasses import asdict
from typing import Any

import click

from nas.cli import effects, options, output


@click.command()
@options.network
@click.option(
    "--device",
    type=click.Choice(["cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where to measure.",
)
@click.option(
    "--runtime",
    metavar="NAME",
    help="onnxruntime or torch.  [default: onnxruntime on the CPU, torch on a GPU]",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="CPU threads.",
)
@options.deployment
@options.as_json
@effects.refuses(
    *effects.NETWORK,
    effects.Rule(
        "threads",
        lambda given: "a GPU is measured" if given["device"] == "cuda" else "",
        "Leave --threads out, or measure with --device cpu.",
    ),
)
def latency(device: str, runtime: str | None, threads: int, json_: bool, **given: Any) -> None:
    """Measure the latency of a network at batch 1: the median of repeated runs, and its spread.

    Weights are random and batch norms are folded. A single CPU thread is timed by its own clock,
    which excludes the time that other programs use the core; anything else is timed by the wall
    clock.

    \b
    Example:
      nas latency --space igcv3 --arch igcv3-d-1.0
      nas latency --arch mobilenetv2-1.0 --runtime torch --input 3x32x32 --classes 10 --json
    """  # fmt: skip
    from nas.cli.network import network_request
    from nas.cost import total_cost
    from nas.training import measure_network, open_runtime
    from nas.units import si, time
    from nas.workflows import network_of

    network = network_of(network_request(given, "latency"))
    opened = open_runtime(device, runtime, threads)
    layers = network.layers()
    timing, cost = measure_network(opened, layers), total_cost(layers)
    if json_:
        output.echo_json(
            {
                "space": network.space.name,
                "architecture": network.architecture.text,
                "arch_id": network.architecture.arch_id,
                "input": str(network.input),
                "strides": network.adaptation.text,
                "classes": network.classes,
                "device": asdict(opened.device),
                "latency_ns": asdict(timing),
                "madds": cost.madds,
                "params": cost.params,
            }
        )
        return
    quartiles = f"quartiles {time(timing.low)} to {time(timing.high)}"
    output.field("network", network.name)
    output.field("counted at", f"{network.adaptation.describe()}, {network.classes} classes")
    output.field("device", str(opened.device))
    output.field("latency", f"{time(timing.median)} ({quartiles}; {timing.runs} runs, batch 1)")
    output.field("counted", f"{si(cost.madds)} madds, {si(cost.params)} params")
