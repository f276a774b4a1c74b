"""`nas count` and `nas space`: exact numbers, before anything is trained."""

from typing import Any

import click

from nas.cli import options, output

CONVENTION = "multiply-adds of convolution and linear layers, batch 1"


@click.command()
@options.space_name
@click.option("--arch", required=True, help="A name of nas published, or the choices in full.")
@options.deployment
@options.as_json
def count(space_name: str, arch: str, input_: str | None, classes: int | None, json_: bool) -> None:
    """Count a network layer by layer: output, params, multiply-adds, activations.

    \b
    Example:
      nas count --space igcv3 --arch igcv3-d-1.0
      nas count --arch mobilenetv2-1.0 --input 3x32x32 --classes 10 --json
    """
    from nas.cli.known import named_network
    from nas.cost import layer_cost, total_cost
    from nas.lowering import adapt, lower

    network = named_network(space_name, arch, input_, classes)
    space, architecture = network.space, network.architecture
    layers = lower(space, architecture, network.input, network.classes)
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
    click.echo(f"{adapt(space, network.input).describe()}, {network.classes} classes")
    click.echo(f"params  {total.params:>15,}   trainable, batch-norm scale and shift included")
    click.echo(f"madds   {total.madds:>15,}   {CONVENTION}")
    click.echo(f"acts    {total.acts:>15,}   outputs of convolution and linear layers, batch 1")


def _kind(layer: Any) -> str:
    from nas.layers import Activation, Conv, Shuffle

    if isinstance(layer, Conv):
        depthwise = layer.groups == layer.in_channels > 1
        parts = [f"conv {layer.kernel}x{layer.kernel}", "depthwise" if depthwise else ""]
        parts += [f"g{layer.groups}" if layer.groups > 1 and not depthwise else ""]
        parts += [f"/{layer.stride}" if layer.stride > 1 else ""]
        return " ".join(part for part in parts if part)
    if isinstance(layer, Activation):
        return layer.function
    if isinstance(layer, Shuffle):
        return f"shuffle g{layer.groups}"
    return {"BatchNorm": "batch norm", "GlobalPool": "global pool"}.get(
        type(layer).__name__, type(layer).__name__.lower()
    )


@click.command()
@click.argument("name", default="igcv3")
@options.budget
@options.deployment
@options.as_json
def space(
    name: str, budgets: tuple[str, ...], input_: str | None, classes: int | None, json_: bool
) -> None:
    """Show what the space NAME allows, its published members, and what a budget leaves of it.

    \b
    Example:
      nas space igcv3 --budget 300M-flops
    """
    from nas.budget import parse_budgets, si
    from nas.cost import CostModel
    from nas.listed import feasible_space
    from nas.space_file import load_space, parse_input

    loaded = load_space(name)
    budget = parse_budgets(budgets)
    costs = CostModel(loaded, parse_input(input_) if input_ else None, classes)
    feasible = feasible_space(costs, budget)
    feasible.check()
    low, high = feasible.bounds() if budget else (float(feasible.total),) * 2
    choices = [
        {"stage": stage.name, "stride": stage.stride}
        | {choice.key: list(choice.values) for choice in stage.choices}
        for stage in loaded.stages
    ]
    published = [
        {"name": entry.name, "title": entry.title}
        | {key: getattr(costs.cost(entry.architecture), key) for key in ("params", "madds", "acts")}
        | {"published": dict(entry.numbers)}
        for entry in loaded.published
    ]
    if json_:
        output.echo_json(
            {
                "space": loaded.name,
                "size": feasible.total,
                "budget": [str(part) for part in budget],
                "feasible": {"at_least": low, "at_most": high},
                "stages": choices,
                "published": published,
            }
        )
        return
    click.echo(f"{loaded.title}\n")
    shared = [key for key in loaded.keys if len({str(row[key]) for row in choices}) == 1]
    columns = {key: key for key in choices[0] if key not in shared}
    output.table(
        "", columns, [{k: _values(v) for k, v in row.items()} for row in choices], numbers="stride"
    )
    click.echo("\nin every stage")
    for key in shared:
        click.echo(f"  {key:<10} {_values(choices[0][key])}")
    click.echo("")
    shown = [
        {
            "name": row["name"],
            "params": f"{row['params']:,}",
            "madds": f"{row['madds']:,}",
            "numbers": _numbers(row["published"]),
        }
        for row in published
    ]
    columns = {
        "name": "published", "params": "our params", "madds": "our madds",
        "numbers": "as published",
    }  # fmt: skip
    if shown:
        output.table("", columns, shown, numbers="params madds", optional="numbers")
    click.echo(f"\ncounted at {costs.adaptation.input}, {costs.classes} classes: {CONVENTION}")
    click.echo(f"{output.size(feasible.total)} distinct architectures")
    if budget:
        click.echo(f"{feasible_line(feasible, low, high)} ({', '.join(map(str, budget))})")
        for part in budget:
            cost = costs.cost(feasible.smallest(part.cost))
            click.echo(f"the smallest costs {si(getattr(cost, part.cost))} {part.cost}")


def feasible_line(feasible: Any, low: float, high: float) -> str:
    """Say how many architectures fit, and which share that is."""
    share = output.share(low, high, feasible.total)
    return f"{low:.3g} to {high:.3g} of them ({share}) fit the budget"


def _values(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    numbers = all(isinstance(item, int) for item in value) and len(value) > 2
    if numbers and value == list(range(value[0], value[-1] + 1)):
        return f"{value[0]}…{value[-1]}"
    return " ".join(str(item).lower() if isinstance(item, bool) else str(item) for item in value)


def _numbers(published: dict[str, Any]) -> str:
    parts = [f"{published[key]} {key}" for key in ("madds", "params") if key in published]
    if "imagenet_top1_error" in published:
        parts.append(f"{100 * published['imagenet_top1_error']:.1f} % ImageNet top-1 error")
    return ", ".join([*parts, f"[{published.get('source', '')}]"])
