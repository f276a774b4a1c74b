"""Tables of made-up networks: every combination of four choices, with a known best."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from nas.prove.table import Table

HEADER = ["arch", "k1", "k2", "e1", "e2", "acc_s0", "acc_s1", "flops", "latency_ms"]
VALUES = ([3, 5, 7], [3, 5, 7], [1, 2, 4, 6], [1, 2, 4, 6])
SEED = 7


def combinations() -> list[tuple[int, ...]]:
    return list(itertools.product(*VALUES))


def flops(choice: tuple[int, ...]) -> int:
    k1, k2, e1, e2 = choice
    return 1_000 * (k1 * k1 * e1 + k2 * k2 * e2 + 40)


def truth(choice: tuple[int, ...]) -> float:
    """The accuracy that two trainings scatter around, larger networks being better as a rule."""
    k1, k2, e1, e2 = choice
    gain: float = 3 * np.log(k1 * e1) + 2 * np.log(k2 * e2)
    return 70 + gain - 0.4 * abs(k1 - k2) + 0.3 * (e1 == e2)


def rows(noise: float = 0.2) -> list[list[str]]:
    rng = np.random.default_rng(SEED)
    found = []
    for number, choice in enumerate(combinations()):
        accuracies = truth(choice) + noise * rng.standard_normal(2)
        found.append(
            [
                f"net-{number}",
                *map(str, choice),
                *(f"{accuracy:.2f}" for accuracy in accuracies),
                str(flops(choice)),
                f"{0.5 + flops(choice) / 1e5:.3f}",
            ]
        )
    return found


def write(path: Path, lines: list[list[str]], header: list[str] | None = None) -> Path:
    text = "\n".join(",".join(line) for line in [header or HEADER, *lines]) + "\n"
    path.write_text(text)
    return path


def read(tmp_path: Path, text: str, toml: Any = None) -> Any:
    """Return the table of a CSV text, with the roles that a TOML text gives."""
    (tmp_path / "t.csv").write_text(text)
    if toml is not None:
        (tmp_path / "t.toml").write_text(toml)
    return Table.read(tmp_path / "t.csv")
