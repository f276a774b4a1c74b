"""`nas latency`: measure the latency of a network."""

from dataclasses import asdict

import click

from nas.cli import options, output
from nas.cli.binding import into, setting
from nas.cost import DEVICES
from nas.workflows import NetworkLatencyRequest


@click.command()
@options.network_request
@setting(NetworkLatencyRequest, "device", type=click.Choice(DEVICES), help="Device to measure on.")
@click.option(
    "--runtime",
    metavar="NAME",
    help="onnxruntime or torch.  [default: onnxruntime on the CPU, torch on a GPU]",
)
@setting(NetworkLatencyRequest, "threads", type=click.IntRange(1), help="CPU threads.")
@options.as_json
@into("request", NetworkLatencyRequest)
def latency(request: NetworkLatencyRequest, json_: bool) -> None:
    """Measure the latency of a network at batch 1: the median of repeated runs, and its spread.

    Weights are random and batch norms are folded. A single CPU thread is timed by its CPU time,
    which excludes other programs on the core; all other measurements use wall time.

    \b
    Example:
      nas latency --space igcv3 --arch igcv3-d-1.0
      nas latency --arch mobilenetv2-1.0 --runtime torch --input 3x32x32 --classes 10 --json
    """  # fmt: skip
    from nas.units import si, time
    from nas.workflows import network_latency

    found = network_latency(request)
    network, timing, cost = found.network, found.timing, found.cost
    if json_:
        output.echo_json(
            {
                "space": network.space.name,
                "architecture": network.architecture.text,
                "arch_id": network.architecture.arch_id,
                "input": str(network.input),
                "strides": network.adaptation.text,
                "classes": network.classes,
                "device": asdict(found.device),
                "latency_ns": asdict(timing),
                "madds": cost.madds,
                "params": cost.params,
            }
        )
        return
    quartiles = f"quartiles {time(timing.low)} to {time(timing.high)}"
    output.field("network", network.name)
    output.field("counted at", f"{network.adaptation.describe()}, {network.classes} classes")
    output.field("device", str(found.device))
    output.field("latency", f"{time(timing.median)} ({quartiles}; {timing.runs} runs, batch 1)")
    output.field("counted", f"{si(cost.madds)} madds, {si(cost.params)} params")
