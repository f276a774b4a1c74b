"""The port of export formats: what one is given, what it reports, and which there are."""

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
    """One network that is exported: `network` has its weights and is in eval mode, on the CPU.

    `layers` describe it; `expected` holds the probes and its logits. A format changes none of them.
    """

    request: ExportRequest
    layers: Sequence[Layer]
    network: Network
    expected: Reference

    def compare(self, forward: Forward, what: str) -> Parity:
        """Return how far `forward`, which maps images to logits, is from the network.

        Raises:
            ExportError: `what` disagrees with the network.
        """
        return compare(self.expected, forward, what)


@dataclass(frozen=True)
class Written:
    """The files that a format wrote, and what the card says of them.

    `parity` is what the comparison of the first file with the network measured; None for files
    that do not compute it. `details` go into the card under the name of the format.
    """

    files: tuple[Path, ...]
    parity: Parity | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class ExportFormat(Protocol):
    """A format of files in which a network is exported."""

    @property
    def name(self) -> str:
        """The word after `--format`."""
        ...

    @property
    def libraries(self) -> Sequence[str]:
        """The packages whose versions the card states."""
        ...

    @property
    def settings(self) -> Sequence[str]:
        """Which settings of an export it reads: `opset`, or none."""
        ...

    def write(self, job: ExportJob, directory: Path) -> Written:
        """Write the files of `job` into `directory` and check them.

        Raises:
            ExportError: they do not hold, or do not compute, what the network does.
        """
        ...


def _is_format(part: object) -> TypeGuard[ExportFormat]:
    """Tell whether `part` is an instance, not a class, with the members of a format."""
    return isinstance(part, ExportFormat) and not isinstance(part, type)


FORMATS = Registry("nas.exports", "export format", _is_format, ExportError)


def choose_formats(
    names: Collection[str] = (), settings: Collection[str] = ()
) -> list[ExportFormat]:
    """Return the formats of these names, each once; those of this package where none is named.

    Raises:
        ExportError: one is unknown or cannot be used, or none of them reads one of `settings`.
    """
    wanted = names or [name for name in FORMATS.names() if FORMATS.provider(name) is None]
    chosen = [FORMATS.load(name) for name in dict.fromkeys(wanted)]
    for setting in settings:
        if not any(setting in each.settings for each in chosen):
            written = ", ".join(each.name for each in chosen)
            raise ExportError(
                f"{setting} has no effect: it is no setting of {written}.",
                "Leave it out, or add a format that it is for with --format.",
            )
    return chosen
