"""The export of one network: it writes a complete and checked directory, or nothing."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.cost import total_cost
from nas.errors import ExportError
from nas.exports.card import Counted, Counts, make_card
from nas.exports.format import FORMATS, ExportFormat, ExportJob, Written, choose_formats
from nas.exports.parity import reference
from nas.exports.request import ExportRequest
from nas.exports.weights import prepare_network
from nas.files import write_bytes
from nas.space import Layer, Shape
from nas.training import cpu_threads, fvcore_cost

CARD = "card.json"


def export_network(
    request: ExportRequest, directory: Path, force: bool = False, formats: Sequence[str] = ()
) -> list[Path]:
    """Write one network into `directory` in all `formats`, with a card; return the files.

    The default formats are source, weights and ONNX. The files are written and checked in a hidden
    directory next to `directory`, which is renamed at the end; after an error or interruption
    `directory` is unchanged. `force` replaces an earlier export, but no other files.

    Raises:
        ExportError: the directory has other files or cannot be written, a format is unknown, the
            weights have other shapes, the two counts differ, or a file computes other outputs than
            the network.
        WeightsError: the trained weights are missing or were changed.
    """
    target = check_target(directory, force)
    chosen = choose_formats(formats)
    try:
        with staging(target) as part, cpu_threads(1):  # more threads are slower at batch 1
            names = _write(request, chosen, part)
            publish(part, target)
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Give a writable directory on a disk with free space.",
        ) from error
    return [target / name for name in names]


def check_target(directory: Path, force: bool = False) -> Path:
    """Return the absolute path of a directory that an export may write.

    It must be missing or empty; with `force` it may contain an earlier export, but no other files.

    Raises:
        ExportError: it is a file, or has files that the export would have to replace.
    """
    target = directory.resolve()
    try:
        if not target.exists():
            return target
        if not target.is_dir():
            raise ExportError(f"{target} is a file.", "Give the path of a new directory.")
        found = sorted(entry.name for entry in target.iterdir())
    except OSError as error:
        raise ExportError(
            f"{target} cannot be read: {error.strerror}.", "Give the path of a new directory."
        ) from error
    others = [name for name in found if name not in _exported(target)]
    if others:
        raise ExportError(
            f"{target} contains other files: {', '.join(others[:3])}.",
            "Give the path of a new directory; --force replaces earlier exports only.",
        )
    if found and not force:
        raise ExportError(
            f"{target} already contains an export.", "Give another directory, or add --force."
        )
    return target


def _exported(target: Path) -> set[str]:
    """Return the names in `target` that the card of an earlier export lists."""
    names = {CARD, "__pycache__"}
    with suppress(OSError, ValueError, LookupError, TypeError):  # no card, or another format
        card = json.loads((target / CARD).read_text(encoding="utf-8"))
        names |= {Path(entry["name"]).parts[0] for entry in card["files"]}
    return names


def _write(request: ExportRequest, formats: Sequence[ExportFormat], part: Path) -> list[Path]:
    """Write all files into `part`; return their relative paths."""
    layers = request.layers()
    counted = request.deployment_layers()
    exported = _count(layers, request.input, request.classes)
    deployment = exported
    if counted != layers:
        deployment = _count(counted, request.deployment, request.deployment_classes)
    network = prepare_network(request, layers)
    job = ExportJob(request, layers, network, reference(network, request.input))
    written = {each: _run(each, job, part) for each in formats}
    files = [file.relative_to(part) for one in written.values() for file in one.files]
    for file in files:
        if files.count(file) > 1 or file == Path(CARD):
            raise ExportError(
                f"two of the formats write {file}.", "Export them into separate directories."
            )
    card = make_card(request, Counted(exported, deployment), written, part)
    write_bytes(part / CARD, (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    return [*files, Path(CARD)]


def _run(one: ExportFormat, job: ExportJob, part: Path) -> Written:
    """Write the files of one format."""
    with FORMATS.blaming(one.name):
        return one.write(job, part)


def _count(layers: list[Layer], shape: Shape, classes: int) -> Counts:
    """Count a network by nas and by fvcore; raise an error if the counts differ."""
    counts = Counts(shape, classes, total_cost(layers), fvcore_cost(layers, shape))
    if counts.nas != counts.fvcore:
        raise ExportError(
            f"the counts at {shape} differ: nas {counts.nas}, fvcore {counts.fvcore}.",
            "Nothing was exported. Please report this with the architecture.",
        )
    return counts


def sync_directory(path: Path) -> None:
    """Flush the entries of a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Yield an empty directory next to `target`, deleted at the end unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    directory = _sibling(target, "part")
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def publish(directory: Path, target: Path) -> None:
    """Rename `directory` to `target`; an existing directory is replaced."""
    if not target.exists():
        directory.rename(target)
    else:
        old = _sibling(target, "old")
        target.rename(old)
        try:
            directory.rename(target)
        except BaseException:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    sync_directory(target.parent)


def _sibling(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.{suffix}")
