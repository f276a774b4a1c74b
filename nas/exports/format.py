"""The port of export formats: their input, their result, and their registry."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeGuard, runtime_checkable

from nas.errors import ExportError
from nas.exports.parity import Forward, Parity, Reference, compare
from nas.exports.request import ExportRequest
from nas.registry import Registry
from nas.space import Layer
from nas.training import Network


@dataclass(frozen=True)
class ExportJob:
    """One network to export.

    `network` has its weights and is in eval mode, on the CPU; `layers` describe it; `expected` has
    the probes and its outputs. A format must not change them.
    """

    request: ExportRequest
    layers: Sequence[Layer]
    network: Network
    expected: Reference

    def compare(self, forward: Forward, what: str) -> Parity:
        """Compare the outputs of `forward`, which maps images to outputs, with the network.

        Raises:
            ExportError: the outputs differ; the message names `what`.
        """
        return compare(self.expected, forward, what)


@dataclass(frozen=True)
class Written:
    """The files of a format, with details for the card.

    `parity` is the result of comparing the outputs of the first file with the network; None if the
    file has no outputs. `details` are added to the card under the name of the format.
    """

    files: tuple[Path, ...]
    parity: Parity | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class ExportFormat(Protocol):
    """A file format for networks."""

    @property
    def name(self) -> str:
        """The value of `--format`."""
        ...

    @property
    def libraries(self) -> Sequence[str]:
        """The names of the packages whose versions the card states."""
        ...

    @property
    def settings(self) -> Sequence[str]:
        """The settings that it uses: `opset`, or none."""
        ...

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write the files of `job` into `directory` and check them.

        Raises:
            ExportError: the files contain other weights, or compute other outputs, than the
                network.
        """
        ...


def _is_format(part: object) -> TypeGuard[ExportFormat]:
    """Tell whether `part` is an instance, not a class, with the members of a format."""
    return isinstance(part, ExportFormat) and not isinstance(part, type)


FORMATS = Registry("nas.exports", "export format", _is_format, ExportError)


_USUAL = ("source", "weights", "onnx")


def choose_formats(names: Collection[str] = ()) -> list[ExportFormat]:
    """Return the distinct formats of these names; by default source, weights and ONNX.

    Raises:
        ExportError: a format is unknown, or cannot be used.
    """
    return [FORMATS.load(name) for name in dict.fromkeys(names or _USUAL)]
