"""Does a search beat a published network of the same cost? One study on CIFAR-10, retrained.

A study of the space igcv3 runs for `--time`, with the multiply-adds of a published network at
3x32x32 as its budget; that network is no part of it. The `--best` candidates with the lowest
validation error and the published network are then trained from scratch by one recipe under
`--seeds` seeds that the search never used, and measured on the test split once each. All of it
runs the commands of a user, `nas search` and `nas train`; after an interruption it continues.

    python benchmarks/bm_cifar10.py             # two CPU cores: an hour and a half
    python benchmarks/bm_cifar10.py --quick     # tries everything in some minutes
    python benchmarks/bm_cifar10.py --reference igcv3-d-1.0-cifar10 --at-a-time 1 \\
        --search-limit 0 --retrain-limit 0 --retrain-epochs 30              # on a GPU
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

from nas.stats.means import Summary, difference
from nas.training.loop.devices import describe_devices

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("NAS_DATA") or ROOT.parent / "shared" / "data") / "cifar10"
NAS = str(Path(sys.executable).with_name("nas"))
STUDY = "study"
FULL = "igcv3-d-1.0-cifar10"
FIRST_SEED = 1  # of the retraining, then 2, 3, …; those of a search are large numbers
_NOT_FULL = (
    f"IGCV3-D at full width ({FULL}, 166,064,640 multiply-adds) is beyond a CPU in such a time: "
    f"this is the same comparison at a smaller width. On a GPU it is `--reference {FULL}`."
)


@dataclass(frozen=True)
class Network:
    """A network to retrain: the published one, or one from a `trial` of the study.

    `words` name it to `nas train`; `madds` and `params` are those at 3x32x32.
    """

    name: str
    words: tuple[str, ...]
    madds: int
    params: int
    trial: dict[str, Any] | None = None


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    reference = published(given)
    search(given, reference.madds)
    trials = show(given)
    networks = [reference, *best(given, trials)]
    jobs = [(network, FIRST_SEED + k) for k in range(given.seeds) for network in networks]
    with ThreadPoolExecutor(given.at_a_time) as pool:
        ended = list(pool.map(lambda job: retrain(given, *job), jobs))
    tested: dict[str, list[float]] = {network.name: [] for network in networks}
    for (network, _), result in zip(jobs, ended, strict=True):
        tested[network.name].append(result["test"]["top1_error"])
    text = page(given, reference, networks[1:], trials, tested)
    given.out.write_text(text)
    print(text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--reference", default="igcv3-d-0.25-os", help="a known network of igcv3")
    parser.add_argument("--time", default="20m", help="of the study")
    parser.add_argument("--search-limit", type=int, default=5000, help="images; 0: all")
    parser.add_argument("--search-rungs", default="2,4,8", help="epochs")
    parser.add_argument("--best", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--retrain-limit", type=int, default=10000, help="images; 0: all")
    parser.add_argument("--retrain-epochs", type=int, default=8)
    parser.add_argument("--at-a-time", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--work", type=Path, default=Path("bm-cifar10"))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/cifar10.md")
    given = parser.parse_args()
    given.data = given.data.resolve()  # `nas` is called in the working folder
    if given.quick:
        given.time, given.search_limit, given.search_rungs = "30s", 200, "1,2"
        given.best, given.seeds, given.retrain_limit, given.retrain_epochs = 2, 2, 200, 1
        given.out = given.work / "cifar10.md"
    return given


def nas(given: argparse.Namespace, *words: str, quiet: bool = False) -> str:
    """Run `nas` in the working folder, its threads limited to what one of `--at-a-time` gets."""
    threads = max(1, (os.cpu_count() or 1) // given.at_a_time)
    settings = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if not quiet:
        sys.stdout.write(" ".join(["nas", *words]) + "\n")  # whole lines: several run at once
        sys.stdout.flush()
    wants = subprocess.PIPE if quiet else None
    done = subprocess.run([NAS, *words], cwd=given.work, env=settings, stdout=wants, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def published(given: argparse.Namespace) -> Network:
    """Return the published network with its cost on CIFAR-10."""
    words = ("--space", "igcv3", "--arch", given.reference)
    counted = json.loads(
        nas(given, "count", *words, "--input", "3x32x32", "--classes", "10", "--json", quiet=True)
    )
    return Network(given.reference, words, counted["madds"], counted["params"])


def search(given: argparse.Namespace, madds: int) -> None:
    """Run the study, or what is left of it."""
    state = state_of(given, STUDY)
    if state is not None:
        if state != "complete":
            nas(given, "resume", STUDY)
        return
    nas(
        given, "search", "--study", STUDY, "--space", "igcv3", "--budget", f"{madds}-madds",
        "--input", "3x32x32", "--classes", "10", "--task", "cifar10", "--data", str(given.data),
        *limit(given.search_limit), "--rungs", given.search_rungs, "--time", given.time,
        "--objective", "top1_error", "--no-published", "--confirm", "0",
    )  # fmt: skip


def limit(images: int) -> list[str]:
    return ["--limit", str(images)] if images else []


def state_of(given: argparse.Namespace, study: str) -> str | None:
    """Return the state of a study; None where it has not begun."""
    if not (given.work / "nas.db").exists():
        return None
    rows = json.loads(nas(given, "list", "--json", quiet=True))
    return next((str(row["state"]) for row in rows if row["study"] == study), None)


def show(given: argparse.Namespace) -> list[dict[str, Any]]:
    found: dict[str, Any] = json.loads(nas(given, "show", STUDY, "--json", quiet=True))
    return list(found["trials"])


def best(given: argparse.Namespace, trials: list[dict[str, Any]]) -> list[Network]:
    """Return the complete candidates with the lowest validation error, the best first."""
    done = [trial for trial in trials if trial["state"] == "COMPLETE"]
    done.sort(key=lambda trial: trial["top1_error"])
    return [
        Network(
            f"trial {trial['trial']}",
            (STUDY, "--trial", str(trial["trial"])),
            trial["madds"],
            trial["params"],
            trial,
        )
        for trial in done[: given.best]
    ]


def retrain(given: argparse.Namespace, network: Network, seed: int) -> dict[str, Any]:
    """Train one network from one seed, unless that is done; return what came of it."""
    study = f"{network.name.replace(' ', '-').replace('.', '_')}-seed-{seed}"
    state = state_of(given, study)
    if state is None:
        nas(
            given, "train", *network.words, "--task", "cifar10", "--data", str(given.data),
            "--recipe", "cifar10", *limit(given.retrain_limit), "--epochs",
            str(given.retrain_epochs), "--seed", str(seed), "--no-export", "--quiet",
            "--name", study,
        )  # fmt: skip
    elif state != "complete":
        nas(given, "resume", study, "--quiet")
    found = json.loads(nas(given, "show", study, "--json", quiet=True))
    return dict(found["reports"]["0"])


def page(
    given: argparse.Namespace,
    reference: Network,
    found: list[Network],
    trials: list[dict[str, Any]],
    tested: dict[str, list[float]],
) -> str:
    """Return the results as Markdown."""
    complete = sum(trial["state"] == "COMPLETE" for trial in trials)
    stopped = sum(trial["state"] == "STOPPED" for trial in trials)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "ray", "nas"))
    search_images = f"{given.search_limit:,}" if given.search_limit else "45,000"
    retrain_images = f"{given.retrain_limit:,}" if given.retrain_limit else "45,000"
    lines = [
        f"# {given.time} of search on CIFAR-10 against {reference.name}",
        "",
        f"- {describe_devices()}; {versions}; {given.at_a_time} trainings at a time; "
        f"{time.strftime('%Y-%m-%d')}",
        f"- Budget: the {reference.madds:,} multiply-adds of {reference.name} at 3x32x32, 10 "
        "classes. It was no part of the study.",
        f"- Study: space igcv3, sampler predictor, seed 0, {search_images} training images, rungs "
        f"{given.search_rungs} epochs, recipe cifar10, one objective (top-1 error on 5,000 "
        f"validation images): {len(trials)} candidates, {complete} complete, {stopped} stopped.",
        f"- Then each of the {len(found)} best and {reference.name}: {retrain_images} training "
        f"images, {given.retrain_epochs} epochs, the same recipe, {given.seeds} new seeds; test "
        "error on the 10,000 test images, once for each seed, after the last epoch.",
        "",
        *([] if reference.name == FULL else [_NOT_FULL, ""]),
        "| network | madds | params | val error in the search | test error, mean ± 95 % | seeds "
        "| less than the published one by (points, 95 %) |",
        "|---|---|---|---|---|---|---|",
        *(_row(network, tested, reference) for network in (reference, *found)),
        "",
        _verdict(found, tested, reference),
        "",
        *(
            f"- {network.name}: `{network.trial['architecture']}`"
            for network in found
            if network.trial
        ),
    ]
    return "\n".join(lines) + "\n"


def _row(network: Network, tested: dict[str, list[float]], reference: Network) -> str:
    errors = tested[network.name]
    found = Summary.of(errors)
    seen = f"{100 * network.trial['top1_error']:.2f} %" if network.trial else "–"
    reach = f" ± {100 * found.reach:.2f}" if found.reach is not None else ""
    apart = difference(tested[reference.name], errors) if network.trial else None
    less = (
        f"{100 * apart.mean:+.2f} ({100 * apart.low:+.2f} to {100 * apart.high:+.2f})"
        if apart
        else "–"
    )
    each = ", ".join(f"{100 * error:.2f}" for error in errors)
    return (
        f"| {network.name} | {network.madds:,} | {network.params:,} | {seen} | "
        f"{100 * found.mean:.2f} %{reach} | {each} | {less} |"
    )


def _verdict(found: list[Network], tested: dict[str, list[float]], reference: Network) -> str:
    """Say how many of the best beat the published network, and how many beyond the seeds' noise."""
    theirs = tested[reference.name]
    lower = sum(Summary.of(tested[n.name]).mean < Summary.of(theirs).mean for n in found)
    apart = [difference(theirs, tested[network.name]) for network in found]
    better = sum(one is not None and one.low > 0 for one in apart)
    worse = sum(one is not None and one.high < 0 for one in apart)
    text = (
        f"**Of the {len(found)} best of the search, {lower} have a lower mean test error than "
        f"{reference.name}; beyond the noise of {len(theirs)} seeds (95 %, Welch) {better} are "
        f"lower and {worse} higher.**"
    )
    if apart and (first := apart[0]) is not None:
        text += (
            f" The one that the search put first is lower by {100 * first.mean:.2f} points "
            f"({100 * first.low:.2f} to {100 * first.high:.2f})."
        )
    return text


if __name__ == "__main__":
    main()
