"""How fast candidates train: images a second, against a straightforward PyTorch loop.

Measured is training alone, after three steps to warm up: data, augmentation, forward, backward and
optimiser, batch after batch, in the same network on the same images. The baseline is `plain` of
train_loops.py: DataLoader, torchvision's transforms image by image, NCHW, nn.Conv2d(groups),
view/transpose shuffles, torch's default SGD, loss.item(). Then ours with one part at a
time replaced. Without CIFAR-10 (--data) the images are noise.

Each variant is a separate process, on a CPU with one thread. All of them are warm before the
first turn; then they take turns of a few steps, forwards and backwards, so that all see the same
machine. The ratios are of the same turn; shown are their median and range. On a CPU they are ratios
of the processes' CPU time: where other programs want the cores, the clock measures them too.

On CUDA the baseline trains with autocast to bfloat16, and --loaders processes prepare its images.
Then there are also the share of the memory bandwidth that a copy on the device reaches, from an
estimate of the bytes a step must move, and several trials at once on the device.

    python benchmarks/bm_train.py                      # a CPU core: 20 minutes
    python benchmarks/bm_train.py --quick              # two turns
    python benchmarks/bm_train.py --device cuda --batch 512

It writes results/train.md, or results/train-cuda.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from ctypes.util import find_library
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

import torch
from train_candidates import CANDIDATES, architecture, candidate, cost
from train_loops import ENVIRONMENT, GPU_PARTS, PARTS, Job

from nas.space.layers import Activation, Add, BatchNorm, Conv, Layer, Shuffle
from nas.training.loop.devices import describe_devices

HERE = Path(__file__).parent
DATA = Path(os.environ.get("NAS_DATA") or HERE.parents[1] / "shared" / "data") / "cifar10"
NAMES = {"cpu": ("1M", "5M", "22M"), "cuda": ("22M", "IGCV3-D")}
STEPS = {"1M": 8, "5M": 4, "22M": 2, "IGCV3-D": 2}  # of a turn, on a CPU
AT_ONCE = (1, 2, 4)
AT_A_TIME = 5  # variants that take turns with ours: of 22M, 2 GB each
Results = list[dict[str, float]]


def main() -> None:
    options = parse()
    names = options.only or NAMES[options.device]
    lines = [*head(options), *main_table(options, names)]
    write(options, lines)
    if options.device == "cuda":
        lines += together_table(options, names)
    if not options.no_parts:
        lines += parts_table(options, names)
    write(options, lines)


def write(options: argparse.Namespace, lines: Sequence[str]) -> None:
    name = "train.md" if options.device == "cpu" else f"train-{options.device}.md"
    (HERE / "results" / name).write_text("\n".join(lines) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7, help="turns")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--loaders", type=int, default=8, help="of the baseline, on CUDA")
    parser.add_argument("--data", default=str(DATA) if DATA.is_dir() else "")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES)
    parser.add_argument("--no-parts", action="store_true", help="leave out the parts")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.repeats = 2
    return options


def job(options: argparse.Namespace, name: str, variant: str) -> Job:
    cuda = options.device == "cuda"
    return Job(
        candidate=name,
        variant=variant,
        steps=STEPS[name] * (16 if cuda else 1),
        turns=options.repeats,
        batch=options.batch,
        device=options.device,
        data=options.data,
        core=options.core if not cuda else None,
        loaders=options.loaders if cuda else 0,
    )


def start(one: Job) -> "subprocess.Popen[str]":
    """Start the process of a variant, and wait until it is warm."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "NAS_", "THP_"))}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "train_loops.py"), json.dumps(asdict(one))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=kept | ENVIRONMENT.get(one.variant, {}),
    )  # fmt: skip
    if process.stdout.readline().strip() != "ready":  # type: ignore[union-attr]
        raise SystemExit(f"a run ended before it was warm: {one}")
    return process


def turn(processes: Sequence["subprocess.Popen[str]"]) -> Results:
    """Let `processes` train one turn at the same time."""
    for process in processes:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    return [json.loads(process.stdout.readline()) for process in processes]  # type: ignore[union-attr]


def end(processes: Iterable["subprocess.Popen[str]"]) -> None:
    for process in processes:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait()


def in_turns(options: argparse.Namespace, name: str, variants: Sequence[str]) -> dict[str, Results]:
    processes = {variant: start(job(options, name, variant)) for variant in variants}
    found: dict[str, Results] = {variant: [] for variant in variants}
    for number in range(options.repeats):
        for variant in variants if number % 2 else reversed(variants):
            found[variant] += turn([processes[variant]])
    end(processes.values())
    for variant, results in found.items():
        print(f"{name:8} {variant:12} {middle(results, 'cpu'):8.1f} images per CPU second")
    return found


def middle(results: Results, key: str) -> float:
    return median(result[key] for result in results)


def ratios(ones: Results, others: Results, key: str) -> list[float]:
    """The ratios of the same turns."""
    return [one[key] / other[key] for one, other in zip(ones, others, strict=True)]


def with_range(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def main_table(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    cuda = options.device == "cuda"
    speed = bandwidth() if cuda else 0.0
    key, unit = ("wall", "s") if cuda else ("cpu", "CPU s")
    last = "| share of memory bandwidth " if cuda else ""
    lines = [
        f"| candidate | madds | params | plain loop (images/{unit}) | nas (images/{unit}) "
        f"| ratio {last}| memory (MiB) |",
        f"|---|---|---|---|---|---|{'---|' if cuda else ''}---|",
    ]
    for name in names:
        found = in_turns(options, name, ["plain", "ours"])
        plain, ours = found["plain"], found["ours"]
        share = 100 * middle(ours, "wall") * traffic(candidate(name)) / speed if cuda else 0.0
        spent = cost(name)
        lines.append(
            f"| {name} | {spent.madds:,} | {spent.params:,} | {middle(plain, key):.0f} "
            f"| {middle(ours, key):.0f} | **{with_range(ratios(ours, plain, key))}** "
            + (f"| {share:.0f} % " if cuda else "")
            + f"| {plain[-1]['peak_mib']:.0f}, nas {ours[-1]['peak_mib']:.0f} |"
        )
    if cuda:
        lines += ["", f"A copy on the device moves {speed / 1e9:.0f} GB/s, reads and writes."]
    return [*lines, "", *(f"- {name}: `{architecture(name)}`" for name in names)]


def parts_table(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """What each part is worth: the speed of ours with something else in its place."""
    cuda = options.device == "cuda"
    rows = GPU_PARTS if cuda else PARTS
    if cuda or not find_library("jemalloc"):
        rows = {variant: text for variant, text in rows.items() if variant != "jemalloc"}
    key, unit = ("wall", "second") if cuda else ("cpu", "CPU second")
    names = names[1:2] if options.quick and len(names) > 1 else names
    found: dict[str, dict[str, Results]] = {name: {} for name in names}
    for name in names:
        for first in range(0, len(rows), AT_A_TIME):  # each is as large as a training
            some = list(rows)[first : first + AT_A_TIME]
            results = in_turns(options, name, ["ours", *some])
            for variant in some:
                found[name][variant] = ratios(results[variant], results["ours"], key)
    lines = [
        "",
        "## What each part is worth",
        "",
        f"Speed without it, in images per {unit}, relative to all parts together:",
        "",
        f"| in its place | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for variant, text in rows.items():
        shares = [with_range(found[name][variant]) for name in names]
        lines.append(f"| {text} | {' | '.join(shares)} |")
    return lines


def together_table(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """Several trials at once on one device: images a second of all together."""
    lines = [
        "",
        "## Several trials on one device",
        "",
        "Images a second of all processes together, which start at once:",
        "",
        f"| candidate | {' | '.join(map(str, AT_ONCE))} |",
        f"|---|{'---|' * len(AT_ONCE)}",
    ]
    for name in names:
        sums = []
        for count in AT_ONCE:
            one = replace(job(options, name, "ours"), loaders=0)
            processes = [start(one) for _ in range(count)]
            sums.append(sum(result["wall"] for result in turn(processes)))
            end(processes)
        lines.append(f"| {name} | {' | '.join(f'{total:.0f}' for total in sums)} |")
    return lines


def traffic(layers: Sequence[Layer]) -> float:
    """Bytes that one image's step must move in half precision, were nothing kept in a cache.

    Each operation reads its inputs and writes its output once; backward reads the gradient and
    what was kept, and writes the gradient of its input. Weights are shared by the batch: left out.
    """
    size = {layer.name: layer.shape.channels * layer.shape.height * layer.shape.width
            for layer in layers}  # fmt: skip
    moved = 0
    for layer in layers[1:]:
        read, written = sum(size[name] for name in layer.inputs), size[layer.name]
        match layer:
            case Conv():  # backward: the gradient twice, the input, the gradient of the input
                moved += (read + written) + (2 * written + 2 * read)
            case BatchNorm():  # the statistics and the scaling each read the map, both ways
                moved += 3 * read + 5 * read
            case Activation() | Shuffle():
                moved += (read + written) + (3 if isinstance(layer, Activation) else 2) * read
            case Add():
                moved += read + written
            case _:
                moved += 2 * (read + written)
    return 2.0 * moved


def bandwidth() -> float:
    """Bytes a second that a copy of 1 GiB on the CUDA device reads and writes."""
    source = torch.empty(1 << 30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    target.copy_(source)
    begin.record()
    for _ in range(20):
        target.copy_(source)
    end.record()
    torch.cuda.synchronize()
    return 20 * 2 * source.numel() / (begin.elapsed_time(end) / 1e3)


def head(options: argparse.Namespace) -> list[str]:
    where = f"core {options.core} alone, 1 thread" if options.device == "cpu" else "bfloat16"
    quick = ["- `--quick`: two turns, which say that it works, not how fast"]
    busy = os.getloadavg()[0]
    return [
        "# Images a second in training",
        "",
        f"- {describe_devices()}; {processor()}; {where}; Python {platform.python_version()}, "
        f"torch {torch.__version__}",
        f"- {'CIFAR-10' if options.data else 'noise'} at 3x32x32, batches of {options.batch}, "
        f"padded crops and mirroring, {options.repeats} turns",
        f"- load of the machine when it began: {busy:.1f}",
        *(quick if options.quick else []),
        "",
    ]


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
