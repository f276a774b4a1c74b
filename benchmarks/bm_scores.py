"""What proven training-free scores are worth to the predictor, and what useless ones cost it.

Networks are made up: three stages with a width and a kernel each, whose accuracy follows the cost,
the choices, pairs of choices, and something of each network's own. Beside each stands a
training-free score, made up as well: one that knows some of what the features do not, and others
that know nothing, or mislead. The baseline is the same predictor, with the same seeds and the same
noise, on the same networks without the score; `nas prove` measures both. Every landscape is drawn
anew, so that nothing rests on one table.

    nice python benchmarks/bm_scores.py
    python benchmarks/bm_scores.py --quick
"""

import argparse
import multiprocessing
import os
import platform
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.prove.runs import Bench, Entry, Setting
from nas.samplers import make_sampler
from nas.tables import Table

RESULTS = Path(__file__).parent / "results" / "proven_scores.md"
STAGES, VALUES = 3, 4  # each stage has a width and a kernel of so many values
TRAININGS = (30, 45, 60)
BASELINE = "none"
NOISE = 0.25  # percentage points between two seeds

Floats = NDArray[np.float64]


class Landscape:
    """Made-up networks: `codes` (n, choices), `madds`, and the mean `accuracy` in percent.

    `hidden` is what no simple function of the choices holds, `plain` the rest, both (n,), centred.
    """

    def __init__(self, seed: int, values: int = VALUES) -> None:
        rng = np.random.default_rng([20, seed])
        count = values ** (2 * STAGES)
        self.codes = np.arange(count)[:, None] // values ** np.arange(2 * STAGES) % values
        widths, kernels = 8 * (self.codes[:, :STAGES] + 1), 2 * self.codes[:, STAGES:] + 1
        shares = rng.uniform(0.5, 2.0, STAGES)
        self.madds = (1000 * (shares * widths * (widths + kernels**2)).sum(axis=1)).astype(int)
        own = rng.standard_normal(count)
        self.plain = 1.5 * _unit(np.log(self.madds)) + 0.7 * _unit(self._main(rng))
        self.hidden = 0.4 * _unit(self._pairs(rng)) + 0.4 * own
        self.accuracy = 90 + self.plain + self.hidden
        self.seed = seed

    def noise(self, what: str, deviation: float) -> Floats:
        """Return normal draws (n,) that depend on nothing but the landscape and `what`."""
        rng = np.random.default_rng([21, self.seed, zlib.crc32(what.encode())])
        return deviation * rng.standard_normal(len(self.madds))

    def _main(self, rng: np.random.Generator) -> Floats:
        """Return a sum of one number for each value of each choice."""
        table = rng.standard_normal((2 * STAGES, VALUES))
        total: Floats = table[np.arange(2 * STAGES), self.codes].sum(axis=1)
        return total

    def _pairs(self, rng: np.random.Generator) -> Floats:
        """Return a sum of one number for each pair of values of six pairs of choices."""
        total = np.zeros(len(self.codes))
        for _ in range(6):
            one, other = rng.choice(2 * STAGES, 2, replace=False)
            table = rng.standard_normal((VALUES, VALUES))
            total += table[self.codes[:, one], self.codes[:, other]]
        return total


def _unit(values: Floats) -> Floats:
    centred: Floats = values - values.mean()
    return centred / float(values.std())


def _informative(land: Landscape) -> Floats:
    return land.plain + 1.5 * land.hidden + land.noise("informative", 1.0)


SCORES: dict[str, tuple[str, Callable[[Landscape], Floats]]] = {
    "strong": (
        "knows nearly all of what the features do not",
        lambda land: land.plain + 1.5 * land.hidden + land.noise("strong", 0.3),
    ),
    "informative": ("knows a part of what the features do not, with noise", _informative),
    "weak": (
        "the same with three times the noise",
        lambda land: _informative(land) + land.noise("weak", 3.0),
    ),
    "repeated": ("repeats the multiply-adds", lambda land: 1.0 * land.madds),
    "trend": (
        "foretells the error, but only what the features do, with noise",
        lambda land: land.plain + land.noise("trend", 0.5),
    ),
    "noise": ("knows nothing", lambda land: land.noise("noise", 1.0)),
    "flipped": ("the informative one, the wrong way round", lambda land: -_informative(land)),
    "treacherous": (
        "foretells the error by the features, and is wrong about what they do not tell",
        lambda land: 2.0 * land.plain - land.hidden,
    ),
}


def write(folder: Path, seed: int, values: int = VALUES) -> Path:
    """Write one landscape as a table, with a TOML for each kind of score; return the CSV.

    The TOML beside it has all of them.
    """
    land = Landscape(seed, values)
    seeds = [land.noise(f"seed {number}", NOISE) for number in range(3)]
    accuracies = land.accuracy[:, None] + np.stack(seeds, axis=1)
    found = {kind: make(land) for kind, (_, make) in SCORES.items()}
    choices = [f"{key}{stage + 1}" for key in ("width", "kernel") for stage in range(STAGES)]
    lines = [",".join([*choices, "acc_s0", "acc_s1", "acc_s2", "flops", *found])]
    for row, codes in enumerate(land.codes.tolist()):
        cells = [*map(str, codes), *(f"{accuracy:.3f}" for accuracy in accuracies[row])]
        cells += [str(land.madds[row]), *(f"{scores[row]:.6g}" for scores in found.values())]
        lines.append(",".join(cells))
    path = folder / f"made-up-{seed}.csv"
    path.write_text("\n".join(lines) + "\n")
    stages = {key: [c for c in choices if c.startswith(key)] for key in ("width", "kernel")}
    roles = "\n".join(f"{key} = {names}".replace("'", '"') for key, names in stages.items())
    tables = {f"-{kind}": [kind] for kind in SCORES} | {f"-{BASELINE}": [], "": list(SCORES)}
    for ending, kinds in tables.items():
        scored = ", ".join(f'"{kind}"' for kind in kinds)
        text = f"scores = [{scored}]\n\n[choices]\n{roles}\n"
        path.with_name(f"made-up-{seed}{ending}.toml").write_text(text)
    return path


def run(folder: Path, seed: int, kind: str, trainings: tuple[int, ...]) -> "Run":
    """Return one run on the landscape `seed`, whose table is in `folder`."""
    path = folder / f"made-up-{seed}.csv"
    toml = path.with_name(f"made-up-{seed}-{kind}.toml")
    table = Table.read(path, toml)
    setting = Setting(
        path, toml, (table.quantile(0.5),), ("madds",), trainings, 1, reference=None, confirm=3
    )
    scored = 0

    def make(name, feasible, goals, scorer):  # type: ignore[no-untyped-def]
        def counted(architecture):  # type: ignore[no-untyped-def]
            nonlocal scored
            scored += 1
            return scorer(architecture)

        return make_sampler(name, feasible, goals, counted if scorer else None)

    made = Bench(setting, table).run(Entry("predictor", single=False), seed, make)
    return Run(
        tuple(score.regret for score in made.scores),
        tuple(score.volume for score in made.scores),
        1000 * float(np.median(made.asks)),
        scored / max(trainings),
    )


@dataclass(frozen=True)
class Run:
    """Regret (points) and share of the hypervolume by trainings; ms and scorings of an ask."""

    regret: tuple[float, ...]
    share: tuple[float, ...]
    ask: float
    scored: float


def main() -> None:
    """Measure every kind of score on every landscape, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landscapes", type=int, default=28)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help="three landscapes, nothing is written")
    given = parser.parse_args()
    count = 3 if given.quick else given.landscapes
    trainings = TRAININGS[:1] if given.quick else TRAININGS
    kinds = (BASELINE, *SCORES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for seed in range(count):
            write(folder, seed)
        tasks = [(folder, seed, kind, trainings) for seed in range(count) for kind in kinds]
        os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        fresh = multiprocessing.get_context("spawn")  # numpy reads them once, when it is loaded
        with ProcessPoolExecutor(given.jobs, fresh) as pool:  # landscape by landscape: interleaved
            found = list(pool.map(run, *zip(*tasks, strict=True)))
    runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
    for task, made in zip(tasks, found, strict=True):
        runs[task[2]].append(made)
    text = report(runs, trainings)
    print(text)
    if not given.quick:
        RESULTS.write_text(text)


def report(runs: Mapping[str, Sequence[Run]], trainings: Sequence[int]) -> str:
    """Return the result as Markdown."""
    count = len(runs[BASELINE])
    lines = [
        "# What proven training-free scores are worth",
        "",
        f"The predictor on {count} made-up landscapes of {VALUES ** (2 * STAGES)} networks under "
        "the median of their multiply-adds, one run each, with the score and without it: same "
        f"seeds, same noise ({NOISE} points between two trainings). A landscape is drawn anew for "
        "each run; no real network was scored. `python benchmarks/bm_scores.py`",
        "",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy "
        f"{version('numpy')}, scipy {version('scipy')}",
        "",
        *(f"- **{kind}**: {said}." for kind, (said, _) in SCORES.items()),
        f"- **{BASELINE}**: the baseline, no score.",
    ]
    for title, name, unit in (
        ("Hypervolume share", "share", "higher is better"),
        ("Regret in points", "regret", "lower is better"),
    ):
        lines += ["", f"## {title} ({unit}): median, and quartiles", ""]
        lines += [_row("score", [f"{n} trainings" for n in trainings]), _rule(1 + len(trainings))]
        for kind, made in runs.items():
            values = np.array([getattr(run, name) for run in made])
            lines.append(_row(kind, [_quartiles(column) for column in values.T]))
        lines += ["", "Less the baseline on the same landscape: mean and 95 % interval", ""]
        lines += [_row("score", [f"{n} trainings" for n in trainings]), _rule(1 + len(trainings))]
        base = np.array([getattr(run, name) for run in runs[BASELINE]])
        for kind in SCORES:
            apart = np.array([getattr(run, name) for run in runs[kind]]) - base
            lines.append(_row(kind, [_interval(column) for column in apart.T]))
    lines += ["", "## What an ask takes", "", "Here a score is looked up. Scoring a real network "
              "takes 0.3 to 1.4 s on a CPU core, for each of the scorings.", "",
              _row("score", ["median ms of an ask", "scorings an ask"]), _rule(3)]  # fmt: skip
    for kind, made in runs.items():
        ask, scored = (np.mean([getattr(run, name) for run in made]) for name in ("ask", "scored"))
        lines.append(_row(kind, [f"{ask:.0f}", f"{scored:.1f}"]))
    return "\n".join(lines) + "\n"


def _quartiles(values: Floats) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def _interval(values: Floats) -> str:
    """Return the mean with a bootstrapped interval, drawn from a fixed seed."""
    drawn = np.random.default_rng(0).integers(0, len(values), (4000, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return f"{values.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def _row(head: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([head, *cells])} |"


def _rule(columns: int) -> str:
    return f"|{'---|' * columns}"


if __name__ == "__main__":
    main()
