"""The versions of a node, which must be equal on all nodes that train one study."""

import platform
import runpy
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import ray

import nas

Fingerprint: TypeAlias = Mapping[str, str]  # version by name

_COMPARED = ("nas", "torch", "CUDA", "Ray")  # Ray itself compares the versions of Python


def node_fingerprint() -> dict[str, str]:
    """Return the versions of this node, without importing torch."""
    found = {"nas": nas.__version__, "Ray": ray.__version__, "Python": platform.python_version()}
    spec = find_spec("torch")
    if spec is not None and spec.origin is not None:
        torch_version = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
        found["torch"] = str(torch_version["__version__"])
        found["CUDA"] = str(torch_version.get("cuda") or "none")
    return found


def differences(reference: Fingerprint, found: Fingerprint) -> list[str]:
    """Return the versions of `found` that differ from `reference`, as `torch 2.9, not 2.10`."""
    return [
        f"{name} {found.get(name, 'none')}, not {reference[name]}"
        for name in _COMPARED
        if name in reference and found.get(name) != reference[name]
    ]


def most_common(found: Sequence[Fingerprint]) -> Fingerprint:
    """Return the versions that most nodes have, in a tie the first ones; empty without nodes."""
    keys = [tuple(one.get(name, "none") for name in _COMPARED) for one in found]
    if not keys:
        return {}
    most = Counter(keys).most_common(1)[0][0]
    return found[keys.index(most)]
