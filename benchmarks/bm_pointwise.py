"""The time of a 1x1 convolution in each form: grouped, grouped and shuffled, dense.

The baseline of each row is the grouped convolution (with `F.channel_shuffle` where one follows) in
channels-last; forward and backward, on one CPU core, least CPU time of the repeats. The rule of
nas/training/cpu/pointwise.py is from this table, which has its choice in each row.

    python benchmarks/bm_pointwise.py            # 3 minutes; --quick: half a minute
"""

import argparse
import math
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from bm_train import processor
from torch import Tensor, nn

from nas.space.layers import Builder, Layer, Shape
from nas.training.cpu.memory import keep_freed_memory
from nas.training.cpu.pointwise import DensePointwise, folds
from nas.training.loop.devices import prepare_worker
from nas.training.network.module import build

RESULTS = Path(__file__).parent / "results" / "pointwise.md"
BATCH = 128
GROUPS = (2, 4, 8)
SHAPES = {
    32: ((8, 8), (16, 16), (24, 48), (48, 24), (16, 96), (96, 16), (48, 48)),
    16: ((24, 24), (32, 96), (96, 32), (32, 192), (192, 32), (64, 64)),
    8: ((48, 48), (128, 64), (64, 64), (64, 384), (384, 64), (160, 480), (480, 160)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    prepare_worker(1)
    keep_freed_memory()
    repeats = 3 if options.quick else options.repeats
    rows = [
        convolution(side, *pair, groups, repeats)
        for side, pairs in SHAPES.items()
        for pair in pairs
        for groups in GROUPS
    ]
    RESULTS.write_text("\n".join([*head(repeats), *rows]) + "\n")


def convolution(side: int, inputs: int, outputs: int, groups: int, repeats: int) -> str:
    x, above = image(inputs, side).requires_grad_(), image(outputs, side)
    times, used = {}, []
    for shuffled in (False, True):
        layers = alone(side, inputs, outputs, groups, shuffled)
        network = build(layers, torch.Generator().manual_seed(0))
        conv = network.get_submodule("conv")
        assert isinstance(conv, nn.Conv2d)
        dense = DensePointwise(conv, groups if shuffled else 1)
        forms = {"grouped": network, "dense": dense}
        times[shuffled] = in_turns(forms, x, above, repeats)
        used.append("dense" if folds(layers) else "grouped")
    plain, behind = times[False], times[True]
    row = (
        f"| {side}x{side} | {inputs} | {outputs} | {groups} | {plain['grouped']:.2f} "
        f"| {behind['grouped']:.2f} | {behind['dense']:.2f} "
        f"| {plain['dense'] / plain['grouped']:.2f} | {used[0]} "
        f"| {behind['dense'] / behind['grouped']:.2f} | {used[1]} |"
    )
    print(row, flush=True)
    return row


def alone(side: int, inputs: int, outputs: int, groups: int, shuffled: bool) -> list[Layer]:
    net = Builder(Shape(inputs, side, side))
    net.conv("conv", outputs, groups=groups)
    if shuffled:
        net.shuffle("shuffle", groups)
    return net.layers


def image(channels: int, side: int) -> Tensor:
    return torch.randn(BATCH, side, side, channels).permute(0, 3, 1, 2)


def in_turns(
    forms: dict[str, Callable[[Tensor], Tensor]], x: Tensor, above: Tensor, repeats: int
) -> dict[str, float]:
    """Least milliseconds of forward and backward in each form, the forms taking turns."""
    least = dict.fromkeys(forms, math.inf)
    for _ in range(repeats):
        for name, compute in forms.items():
            began = time.process_time()
            compute(x).backward(above)
            least[name] = min(least[name], 1e3 * (time.process_time() - began))
    return least


def head(repeats: int) -> list[str]:
    return [
        "# Forms of a 1x1 convolution",
        "",
        f"- one core, 1 thread; {processor()}; Python {platform.python_version()}, "
        f"torch {torch.__version__}; float32, channels-last, batches of {BATCH}",
        f"- forward and backward, least CPU time of {repeats} in ms, the forms taking turns; "
        f"load of the machine at the end: {os.getloadavg()[0]:.1f}",
        "- dense to grouped: below 1 the dense form is quicker; the next column has the form that "
        "the rule takes",
        "",
        "| map | in | out | groups | grouped | grouped, shuffled | dense, shuffled "
        "| dense to grouped | rule | the same, shuffled | rule |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]


if __name__ == "__main__":
    main()
