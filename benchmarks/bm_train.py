"""How fast candidates train: images a second, against a straightforward PyTorch loop.

Measured is training alone, after three steps to warm up: data, augmentation, forward, backward and
optimiser, batch after batch, in the same network on the same images. The baseline is `plain` of
train_loops.py: DataLoader, torchvision's transforms image by image, NCHW, nn.Conv2d(groups),
view/transpose shuffles, torch's default SGD, loss.item(). Each run is a fresh process, on a CPU
pinned to one core with one thread; baseline and ours take turns, and the median counts. Then ours
without one of its parts at a time. Without CIFAR-10 (--data) the images are noise.

On a CPU the ratio of CPU times stands beside that of the clock: where other programs want the
same core, the clock measures them too.

On CUDA the baseline trains with autocast to bfloat16, and --loaders processes prepare its images.
Then there are also the share of the memory bandwidth that a copy on the device reaches, from an
estimate of the bytes a step must move, and several trials at once on the device.

    python benchmarks/bm_train.py                      # a CPU core: 20 minutes
    python benchmarks/bm_train.py --quick              # one repeat, few steps
    python benchmarks/bm_train.py --device cuda --batch 512

It writes results/train.md, or results/train-cuda.md.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

import torch
from train_candidates import CANDIDATES, architecture, candidate, cost
from train_loops import GPU_PARTS, PARTS, Job

from nas.space.layers import Activation, Add, BatchNorm, Conv, Layer, Shuffle
from nas.training.loop.devices import describe_devices

HERE = Path(__file__).parent
DATA = Path(os.environ.get("NAS_DATA") or HERE.parents[1] / "shared" / "data") / "cifar10"
NAMES = {"cpu": ("1M", "5M", "22M"), "cuda": ("22M", "IGCV3-D")}
STEPS = {"1M": 48, "5M": 24, "22M": 8, "IGCV3-D": 8}
AT_ONCE = (1, 2, 4)
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
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--loaders", type=int, default=8, help="of the baseline, on CUDA")
    parser.add_argument("--data", default=str(DATA) if DATA.is_dir() else "")
    parser.add_argument("--only", nargs="+", choices=CANDIDATES)
    parser.add_argument("--no-parts", action="store_true", help="leave out the parts")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.repeats = 1
    return options


def job(options: argparse.Namespace, name: str, variant: str) -> Job:
    steps = STEPS[name] * (8 if options.device == "cuda" else 1)
    return Job(
        candidate=name,
        variant=variant,
        steps=max(4, steps // 8) if options.quick else steps,
        batch=options.batch,
        device=options.device,
        data=options.data,
        core=options.core if options.device == "cpu" else None,
        loaders=options.loaders if options.device == "cuda" else 0,
    )


def run(jobs: Sequence[Job]) -> Results:
    """Run `jobs` at the same time: all warm up, then all are told to start."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "NAS_"))}
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "train_loops.py"), json.dumps(asdict(job))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )
        for job in jobs
    ]  # fmt: skip
    for process in processes:
        line = process.stdout.readline()  # type: ignore[union-attr]
        if line.strip() != "ready":
            raise SystemExit(f"a run ended before it was warm: {process.args[-1]}")  # type: ignore[index]
    for process in processes:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    found = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    for one, result in zip(jobs, found, strict=True):
        pace = f"{result['wall']:8.1f} images/s, {result['cpu']:8.1f} per CPU second"
        print(f"{one.candidate:8} {one.variant:10} {pace}, {result['peak_mib']:6.0f} MiB")
    return found


def in_turns(options: argparse.Namespace, name: str, variants: Sequence[str]) -> dict[str, Results]:
    found: dict[str, Results] = {variant: [] for variant in variants}
    for _ in range(options.repeats):
        for variant in variants:
            found[variant] += run([job(options, name, variant)])
    return found


def middle(results: Results, key: str) -> float:
    return median(result[key] for result in results)


def main_table(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    cuda = options.device == "cuda"
    speed = bandwidth() if cuda else 0.0
    measured = "share of memory bandwidth" if cuda else "ratio of CPU times"
    lines = [
        "| candidate | madds | params | plain loop (images/s) | nas (images/s) "
        f"| lowest to highest | ratio | {measured} | memory (MiB) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        found = in_turns(options, name, ["plain", "ours"])
        plain, ours = found["plain"], found["ours"]
        if cuda:
            last = f"{100 * middle(ours, 'wall') * traffic(candidate(name)) / speed:.0f} %"
        else:
            last = f"{middle(ours, 'cpu') / middle(plain, 'cpu'):.2f}"
        walls, spent = [r["wall"] for r in ours], cost(name)
        lines.append(
            f"| {name} | {spent.madds:,} | {spent.params:,} | {middle(plain, 'wall'):.0f} "
            f"| {median(walls):.0f} | {min(walls):.0f} to {max(walls):.0f} "
            f"| **{median(walls) / middle(plain, 'wall'):.2f}** | {last} "
            f"| {middle(plain, 'peak_mib'):.0f}, nas {middle(ours, 'peak_mib'):.0f} |"
        )
    if cuda:
        lines += ["", f"A copy on the device moves {speed / 1e9:.0f} GB/s, reads and writes."]
    return [*lines, "", *(f"- {name}: `{architecture(name)}`" for name in names)]


def parts_table(options: argparse.Namespace, names: Sequence[str]) -> list[str]:
    """What each part is worth: ours without it, in share of the speed of ours."""
    cuda = options.device == "cuda"
    rows = GPU_PARTS if cuda else {**PARTS, "dense": GPU_PARTS["dense"]}
    key, unit = ("wall", "second") if cuda else ("cpu", "CPU second")
    names = names[1:2] if options.quick and len(names) > 1 else names
    found = {}
    for name in names:
        less = replace_repeats(options)
        found[name] = in_turns(less, name, ["ours", *rows])
    lines = [
        "",
        "## What each part is worth",
        "",
        f"Speed without it, in images per {unit}, relative to all parts together:",
        "",
        f"| without | {' | '.join(names)} |",
        f"|---|{'---|' * len(names)}",
    ]
    for variant, text in rows.items():
        shares = [
            middle(found[name][variant], key) / middle(found[name]["ours"], key) for name in names
        ]
        lines.append(f"| {text} | {' | '.join(f'{share:.2f}' for share in shares)} |")
    return lines


def replace_repeats(options: argparse.Namespace) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(options), "repeats": min(3, options.repeats)})


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
            sums.append(sum(result["wall"] for result in run([one] * count)))
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
    quick = ["- `--quick`: one repeat and few steps, which says that it works, not how fast"]
    busy = os.getloadavg()[0]
    return [
        "# Images a second in training",
        "",
        f"- {describe_devices()}; {processor()}; {where}; Python {platform.python_version()}, "
        f"torch {torch.__version__}",
        f"- {'CIFAR-10' if options.data else 'noise'} at 3x32x32, batches of {options.batch}, "
        f"padded crops and mirroring, medians of {options.repeats}; fresh processes in turns",
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
