"""Observe the program through its commands alone: costs, proposals, fronts, exports.

`python -m tests.pinned.observe` writes `pinned.json` again; the change log then says why behaviour
changed. `study.sql` is the dump of a small study that a search on the digits wrote.
"""

import csv
import hashlib
import io
import json
import sqlite3
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from nas.cli import app
from tests import tables

HERE = Path(__file__).parent
PINNED = HERE / "pinned.json"
STUDY = "igcv3-20m-madds-digits"
SAMPLERS = ("predictor", "evolution", "random", "tpe", "nsga2", "nsga3", "gp")
TRAININGS = range(1, 13)
EXPORTED = {
    "igcv1": "igcv1-plain-l24m2-d8",
    "igcv2": "igcv2-rule-1.0",
    "igcv3": "igcv3-d-0.25-os",
    "mobilenetv1": "mobilenetv1-0.25",
    "mobilenetv2": "mobilenetv2-0.35",
    "shufflenetv1": "shufflenetv1-g3-0.5",
    "nasnet-a": "depth=1-1-1-2-2,width=8-22-24-48-96,padding=exact",
}


def nas(*words: str, cwd: Path | None = None) -> str:
    """Run one command in this process; return what it prints."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd or "."), redirect_stdout(out), redirect_stderr(err):
        try:
            app.main([*words], prog_name="nas", standalone_mode=False)
        except Exception as error:
            raise AssertionError(f"{words}: {error}; {err.getvalue()}") from error
    return out.getvalue()


def costs() -> dict[str, Any]:
    """Return input, classes, params and madds of every known network, by space and name."""
    networks = json.loads(nas("published", "--json"))["networks"]
    keys = ("arch_id", "input", "classes", "params", "madds")
    return {f"{each['space']}/{each['name']}": [each[key] for key in keys] for each in networks}


def proposals(directory: Path) -> dict[str, Any]:
    """Return the regret of a seeded run of each sampler after every training on a small table.

    Networks of the table differ in accuracy, so that other proposals give another regret.
    """
    table = tables.write(directory / "toy.csv", tables.rows())
    result = directory / "scores.csv"
    nas(
        "prove", str(table), "--budget", "200K-flops", "--samplers", ",".join(SAMPLERS),
        "--seeds", "1", "--trainings", ",".join(map(str, TRAININGS)), "--jobs", "1",
        "--csv", str(result),
    )  # fmt: skip
    found: dict[str, Any] = {}
    with result.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            runs = found.setdefault(row["sampler"], {})
            runs.setdefault(row["seed"], []).append(round(float(row["regret"]), 6))
    return found


def stored(directory: Path) -> dict[str, Any]:
    """Return what the commands print of the stored study, without times and paths."""
    with sqlite3.connect(directory / "nas.db") as database:
        database.executescript((HERE / "study.sql").read_text(encoding="utf-8"))
    nas("db", "upgrade", cwd=directory)
    front = json.loads(nas("front", STUDY, "--json", cwd=directory))
    shown = json.loads(nas("show", STUDY, "--json", cwd=directory))
    listed = json.loads(nas("list", "--json", cwd=directory))
    return {
        "front": _plain(front),
        "trials": [_plain(trial) for trial in shown["trials"]],
        "keys": sorted(shown),
        "list": sorted(listed[0]),
    }


def exported(directory: Path, space: str) -> dict[str, Any]:
    """Return the digest of the source of a small network of a family, and its outputs."""
    words = ("--space", space, "--arch", EXPORTED[space], "--input", "3x32x32")
    nas("export", *words, "--format", "source", "--format", "onnx", "-o", str(directory))
    session = onnxruntime.InferenceSession(directory / "network.onnx")
    shape = session.get_inputs()[0].shape[1:]
    images = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    (outputs,) = session.run(None, {session.get_inputs()[0].name: images})
    source = (directory / "network.py").read_bytes()
    return {
        "source": hashlib.sha256(source).hexdigest(),
        "outputs": [[round(float(x), 3) for x in row[:5]] for row in outputs],
    }


def _plain(value: Any) -> Any:
    """Return numbers to nine digits, without what depends on the clock or on the place."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if key not in _PASSING}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


_PASSING = {"seconds", "created_at", "finished_at", "weights_path", "disk_bytes"}


def observe() -> dict[str, Any]:
    """Return everything that is pinned."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        return {
            "costs": costs(),
            "proposals": proposals(directory),
            "stored": stored(directory),
            "exports": {space: exported(directory / space, space) for space in EXPORTED},
        }


if __name__ == "__main__":
    PINNED.write_text(json.dumps(observe(), indent=1) + "\n", encoding="utf-8")
