"""Events: the progress of a workflow; each event is sent after it has happened.

Events of single trials are in `nas.study`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nas.errors import NasError
from nas.store import DatabaseAway, DatabaseBack
from nas.study import Event as TrialEvent

if TYPE_CHECKING:
    from nas.prove import Bench
    from nas.store import Store
    from nas.study import Study
    from nas.workflows.preflight_checks import Preflight


@dataclass(frozen=True, slots=True)
class TableBegun:
    """The latency table of a space is being measured on a device."""

    space: str
    device: str


@dataclass(frozen=True, slots=True)
class TableProgress:
    """This share of the units of a latency table, in [0, 1], has been measured."""

    share: float


@dataclass(frozen=True, slots=True)
class TableMeasured:
    """A latency table of `units` units was measured in `seconds`; `accuracy` is a text."""

    units: int
    seconds: float
    accuracy: str


@dataclass(frozen=True, slots=True)
class StudyReady:
    """A study is stored and held by this process, which has not yet run any of its trials."""

    store: "Store"
    ready: "Preflight"


@dataclass(frozen=True, slots=True)
class OtherImages:
    """A network of `study` is trained on other images than the study; `change` describes them."""

    study: str
    change: str


@dataclass(frozen=True, slots=True)
class FolderRenamed:
    """The study got `folder` in the results, because `taken` belongs to another study."""

    folder: Path
    taken: Path


@dataclass(frozen=True, slots=True)
class ResultsRecovered:
    """A number of results that the database did not accept in an earlier run are recorded now."""

    number: int


@dataclass(frozen=True, slots=True)
class TrialsBegin:
    """The trials of `study` are about to run."""

    study: "Study"


@dataclass(frozen=True, slots=True)
class TrialsEnd:
    """No trial runs any more: all ended, the run was interrupted, or it failed."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """Ray is lost, but the main thread still waits for it: the process should end with `error`.

    The study is recorded as interrupted. The event comes from another thread.
    """

    error: NasError


@dataclass(frozen=True, slots=True)
class StudyComplete:
    """Every trial of `study` has ended."""

    store: "Store"
    study: "Study"


@dataclass(frozen=True, slots=True)
class FinalistsMeasured:
    """The latency of the best networks is being measured on a device."""

    device: str


@dataclass(frozen=True, slots=True)
class LatencySkipped:
    """The latency of the best networks cannot be measured here, because of `cause`."""

    cause: str


@dataclass(frozen=True, slots=True)
class BenchReady:
    """Samplers are about to be measured on a table, each in `seeds` runs."""

    bench: "Bench"
    seeds: int


@dataclass(frozen=True, slots=True)
class RunsMade:
    """A number of runs of samplers have been made, of `total`."""

    made: int
    total: int


@dataclass(frozen=True, slots=True)
class ScoresBegin:
    """The training-free scores of some networks are about to be computed."""

    number: int


@dataclass(frozen=True, slots=True)
class ResultsBegin:
    """The best network is tested; the report and the export are written."""


@dataclass(frozen=True, slots=True)
class WeightsRemoved:
    """A complete study removed the weights of a number of `trials`, and freed a number of bytes.

    `left` are folders in which files could not be deleted; they are deleted when the study ends
    the next time.
    """

    trials: int
    freed: int
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestSkipped:
    """A trial was not tested on the test split, because of `cause`."""

    trial: int
    cause: str


Event: TypeAlias = (
    TrialEvent
    | DatabaseAway
    | DatabaseBack
    | TableBegun
    | TableProgress
    | TableMeasured
    | StudyReady
    | FolderRenamed
    | OtherImages
    | ResultsRecovered
    | TrialsBegin
    | TrialsEnd
    | Abandoned
    | StudyComplete
    | FinalistsMeasured
    | LatencySkipped
    | BenchReady
    | RunsMade
    | ScoresBegin
    | ResultsBegin
    | TestSkipped
    | WeightsRemoved
)
Watcher: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore the event."""
