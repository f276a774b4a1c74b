"""Requests about one network: to count, export or measure it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NoEffectError
from nas.user_folders import results_folder
from nas.workflows.request import Request


@dataclass(frozen=True, kw_only=True)
class NetworkRequest(Request, least={"trial": 0, "classes": 2}):
    """One network: a trial of `study` (`trial` None: the best one), or `arch` of `space`.

    `arch` is the name of a known network, its full list of choices, or an `arch_id`. `space` None
    is igcv3; an id may then be of any space. With a `task` the network has the head of that task.
    `input`, `classes` and `strides` replace those at which the network is counted. `db` is the
    database of studies and ids.
    """

    arch: str | None = None
    space: str | None = None
    study: str | None = None
    trial: int | None = None
    input: str | None = None
    classes: int | None = None
    strides: str | None = None
    db: str | None = None
    task: str | None = None

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        from nas.space import is_arch_id

        if self.study is not None:
            yield NoEffectError("space", "the network is one of the study")
            yield NoEffectError("task", "the network has the head of its study")
        if self.arch is not None and not is_arch_id(self.arch):
            yield NoEffectError("db", f"{self.arch} is not looked up in a database")


@dataclass(frozen=True, kw_only=True)
class NetworkExportRequest(Request):
    """A network to write to `directory` as source, weights, ONNX and a card.

    `deploy` exports a trial at its deployment, with the trained weights that fit. `opset` None is
    the default of `nas.exports`. `force` replaces an earlier export. Weights are also searched in
    `results_dir`. `formats` are the formats to write; empty: those of this package.
    """

    network: NetworkRequest
    directory: Path
    deploy: bool = False
    opset: int | None = None
    force: bool = False
    results_dir: Path = field(default_factory=results_folder)
    formats: Sequence[str] = ()

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if self.network.arch is not None:
            yield NoEffectError("results_dir", "a network by its name has no trained weights")
            yield NoEffectError("deploy", "a network by its name is exported at the deployment")
        elif not self.deploy:
            for name in ("input", "classes", "strides"):
                yield NoEffectError(
                    f"network.{name}",
                    "a trial is exported as it was trained, on its task",
                    "Add {deploy}: the network at the deployment, head untrained.",
                )


@dataclass(frozen=True, kw_only=True)
class NetworkLatencyRequest(Request, least={"threads": 1}):
    """A network to measure as a whole on `device`, cpu or cuda.

    `runtime` None is onnxruntime on the CPU, torch on a GPU; `threads` are of the CPU.
    """

    network: NetworkRequest
    device: str = "cpu"
    runtime: str | None = None
    threads: int = 1

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each setting that has no effect."""
        if self.device == "cuda":
            yield NoEffectError("threads", "a GPU is measured")
