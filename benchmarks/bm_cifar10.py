"""Whole searches on CIFAR-10: today's defaults against the former ones, and a published network.

For each of `--seeds` seeds two searches of the space igcv3 run at the same time, with one training
at a time each: `now` with the defaults of `nas`, and `before` with the recipe and the rungs that
were the defaults earlier. The budget of both is the multiply-adds of a published network at
3x32x32; that network is no part of them. Each search confirms its three best networks under three
seeds and measures the winner on the test split.

The winners and the published network are then trained alike: by the default recipe, on more images,
under seeds that no search used, and measured on the test split once for each seed. The winner of
`now` under the first seed and the published network get `--most` seeds, the others three.

All of it runs the commands of a user, `nas search` and `nas train`, in the working folder; after an
interruption it continues.

    python benchmarks/bm_cifar10.py             # two CPU cores: two hours and a half
    python benchmarks/bm_cifar10.py --quick     # tries everything in some minutes
    python benchmarks/bm_cifar10.py --reference igcv3-d-1.0-cifar10 \\
        --limit 0 --alike-limit 0 --alike-epochs 30 --time 4h               # on a GPU
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bm_recipe import BEFORE, DATA, SGD

from nas.stats.means import Difference, Summary, difference
from nas.training.loop.devices import describe_devices

ROOT = Path(__file__).parents[1]
NAS = str(Path(sys.executable).with_name("nas"))
WAYS = {
    "now": (),
    "before": ("--recipe", "before.toml", "--rungs", "2,4,8"),
}
PAPER = "reference"  # name of the training of the published network
FEW = 3  # seeds of a winner other than the first one


@dataclass(frozen=True)
class Winner:
    """The winner of one search: the row of its trial, and how many trials the search had."""

    way: str
    seed: int
    trial: dict[str, Any]
    trials: int
    complete: int

    @property
    def name(self) -> str:
        return f"{self.way}-{self.seed}"


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    reference = published(given)
    searches = [(way, seed) for seed in range(given.seeds) for way in WAYS]
    with ThreadPoolExecutor(len(WAYS)) as pool:
        winners = list(pool.map(lambda one: search(given, reference["madds"], *one), searches))
    networks: list[Winner | None] = [None, *winners]
    with ThreadPoolExecutor(given.at_a_time) as pool:
        tested = list(pool.map(lambda network: alike(given, network), networks))
    text = page(given, reference, winners, tested[0], tested[1:])
    given.out.write_text(text)
    print(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--reference", default="igcv3-d-0.25-os", help="a known network of igcv3")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each way")
    parser.add_argument("--time", default="20m", help="of a search, before it confirms")
    parser.add_argument("--limit", type=int, default=5000, help="images of a search; 0: all")
    parser.add_argument("--epochs", type=int, default=8, help="of a search")
    parser.add_argument("--most", type=int, default=10, help="seeds of the first winner")
    parser.add_argument("--alike-limit", type=int, default=10000, help="images; 0: all")
    parser.add_argument("--alike-epochs", type=int, default=8)
    parser.add_argument("--at-a-time", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("bm-cifar10"))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/cifar10.md")
    given = parser.parse_args()
    given.data = given.data.resolve()  # `nas` is called in the working folder
    if given.quick:
        given.time, given.limit, given.seeds, given.most = "5s", 200, 1, 2
        given.alike_limit, given.alike_epochs = 200, 1
        given.out = given.work / "cifar10.md"
    return given


def nas(folder: Path, *words: str) -> str:
    """Run `nas` in a folder, with one thread; return its output."""
    done = subprocess.run(
        [NAS, *words], cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def published(given: argparse.Namespace) -> dict[str, Any]:
    """Return the costs of the published network on CIFAR-10."""
    counted: dict[str, Any] = json.loads(
        nas(
            given.work, "count", "--space", "igcv3", "--arch", given.reference,
            "--input", "3x32x32", "--classes", "10", "--json",
        )
    )  # fmt: skip
    return counted


def search(given: argparse.Namespace, madds: int, way: str, seed: int) -> Winner:
    """Run one search, or the remainder of it, in a folder of its own; return its winner."""
    folder = given.work / f"{way}-{seed}"
    folder.mkdir(exist_ok=True)
    (folder / "before.toml").write_text(SGD + BEFORE["cifar10"])
    run(
        folder, "nas.db", "study", "search", "--study", "study", "--space", "igcv3",
        "--budget", f"{madds}-madds", "--input", "3x32x32", "--classes", "10",
        "--task", "cifar10", "--data", str(given.data), *limit(given.limit),
        "--epochs", str(given.epochs), "--time", given.time, "--objective", "top1_error",
        "--no-published", "--max-concurrent", "1", "--seed", str(seed), *WAYS[way],
    )  # fmt: skip
    found = shown(folder, "nas.db", "study")["trials"]
    candidates = [trial for trial in found if trial["replicate_of"] is None]
    return Winner(
        way,
        seed,
        next(trial for trial in candidates if trial["best"]),
        len(candidates),
        sum(trial["state"] == "COMPLETE" for trial in candidates),
    )


def alike(given: argparse.Namespace, network: Winner | None) -> list[float]:
    """Train a winner, or the published network (None), with new seeds; return its test errors."""
    name = network.name if network else PAPER
    first = network is None or (network.way, network.seed) == ("now", 0)
    chosen = network.trial["architecture"] if network else given.reference
    folder = given.work / "alike"
    folder.mkdir(exist_ok=True)
    run(
        folder, f"{name}.db", name, "train", "--name", name, "--space", "igcv3",
        "--arch", chosen, "--task", "cifar10", "--data", str(given.data),
        *limit(given.alike_limit), "--epochs", str(given.alike_epochs), "--seed", "1",
        "--seeds", str(given.most if first else FEW), "--no-export", "--max-concurrent", "1",
    )  # fmt: skip
    reports = shown(folder, f"{name}.db", name)["reports"]
    return [report["test"]["top1_error"] for report in reports.values()]


def run(folder: Path, db: str, study: str, *words: str) -> None:
    """Run a study by these words, or the remainder of it if it has begun."""
    if (folder / db).exists():
        nas(folder, "resume", study, "--db", db)
    else:
        print("nas", *words, flush=True)
        nas(folder, *words, "--db", db)


def shown(folder: Path, db: str, study: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(nas(folder, "show", study, "--json", "--db", db))
    return found


def limit(images: int) -> list[str]:
    return ["--limit", str(images)] if images else []


def page(
    given: argparse.Namespace,
    reference: dict[str, Any],
    winners: list[Winner],
    paper: list[float],
    tested: list[list[float]],
) -> str:
    """Return the results as Markdown; `tested` has the errors of each of `winners`."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "ray", "nas"))
    images = f"{given.limit:,}" if given.limit else "45,000"
    more = f"{given.alike_limit:,}" if given.alike_limit else "45,000"
    lines = [
        f"# Searches of {given.time} on CIFAR-10",
        "",
        f"- {describe_devices()}; {versions}; {time.strftime('%Y-%m-%d')}. Two searches, one of "
        "each way, ran at the same time, with one training at a time each.",
        f"- Budget: the {reference['madds']:,} multiply-adds of {given.reference} "
        f"({reference['params']:,} parameters) at 3x32x32, 10 classes.",
        f"- Search: space igcv3, sampler predictor, {images} training images, {given.epochs} "
        "epochs, objective top-1 error on 5,000 validation images; then the three best are "
        "confirmed under three seeds, which selects the winner.",
        f"- `now`: the defaults (recipe cifar10, rungs {_rungs(given.epochs)}). `before`: the "
        "recipe and the rungs (2, 4, 8) that were the defaults earlier.",
        f"- Trained alike: recipe cifar10 of today, {more} training images, {given.alike_epochs} "
        "epochs, seeds that no search used. Test: 10,000 images, once for each training.",
        "",
        "| search | candidates (complete) | madds | confirmed val error | test error | trained "
        "alike: test error, mean ± 95 % (seeds) |",
        "|---|---|---|---|---|---|",
        *(_row(winner, errors) for winner, errors in zip(winners, tested, strict=True)),
        f"| {given.reference} | – | {reference['madds']:,} | – | – | {_mean(paper)} |",
        "",
        *_verdicts(given, winners, paper, tested),
        "",
        *(f"- {winner.name}: `{winner.trial['architecture']}`" for winner in winners),
    ]
    return "\n".join(lines) + "\n"


def _rungs(epochs: int) -> str:
    return ", ".join(str(-(-epochs // part)) for part in (9, 3, 1))


def _row(winner: Winner, errors: list[float]) -> str:
    trial = winner.trial
    return (
        f"| {winner.name} | {winner.trials} ({winner.complete}) | {trial['madds']:,} | "
        f"{100 * trial['top1_error']:.2f} % | {100 * trial['test_top1_error']:.2f} % | "
        f"{_mean(errors)} |"
    )


def _mean(errors: list[float]) -> str:
    found = Summary.of(errors)
    reach = f" ± {100 * found.reach:.2f}" if found.reach is not None else ""
    return f"{100 * found.mean:.2f} %{reach} ({len(errors)})"


def _verdicts(
    given: argparse.Namespace,
    winners: list[Winner],
    paper: list[float],
    tested: list[list[float]],
) -> list[str]:
    """Compare the searches, their networks, and the first winner with the published network."""
    by_search = {
        way: [winner.trial["test_top1_error"] for winner in winners if winner.way == way]
        for way in WAYS
    }
    by_network = {
        way: [
            Summary.of(errors).mean
            for winner, errors in zip(winners, tested, strict=True)
            if winner.way == way
        ]
        for way in WAYS
    }
    return [
        "- Test error of the winner as its search trained it, `now` less `before`, "
        f"{given.seeds} searches each: {_points(_less(by_search))}.",
        f"- The same winners trained alike, means of {given.seeds} searches each: "
        f"{_points(_less(by_network))}.",
        f"- The winner of now-0 less {given.reference}, trained alike, {len(tested[0])} and "
        f"{len(paper)} seeds: {_points(difference(tested[0], paper))}.",
    ]


def _less(errors: dict[str, list[float]]) -> Difference | None:
    return difference(errors["now"], errors["before"])


def _points(apart: Difference | None) -> str:
    if apart is None:
        return "not enough values"
    return (
        f"**{100 * apart.mean:+.2f} points** (95 %, Welch: {100 * apart.low:+.2f} to "
        f"{100 * apart.high:+.2f})"
    )


if __name__ == "__main__":
    main()
