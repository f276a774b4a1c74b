"""Export: one network as files, from a study with its weights, or by its name."""

from dataclasses import dataclass, replace
from pathlib import Path

from nas.errors import NoEffectError
from nas.exports import OPSET, ExportRequest, check_target, choose_formats, export_network
from nas.store import open_store
from nas.workflows.network_requests import NetworkExportRequest, NetworkRequest
from nas.workflows.networks import network_of, study_trial, trial_network


@dataclass(frozen=True)
class Exported:
    """The network that was exported, and the files."""

    request: ExportRequest
    files: list[Path]


def export(request: NetworkExportRequest) -> Exported:
    """Write the files of one network.

    Raises:
        NasError: there is no such network, or it has no weights.
        ExportError: the directory may not be written, a format cannot be used, or a file failed
            its check.
        WeightsError: the trained weights are missing or changed.
    """
    check_target(request.directory, request.force)
    _check_formats(request)
    content = _untrained(request.network) if request.network.arch is not None else _trained(request)
    content = replace(content, opset=request.opset or OPSET)
    files = export_network(content, request.directory, request.force, request.formats)
    return Exported(content, files)


def _check_formats(request: NetworkExportRequest) -> None:
    """Check that the formats can be written, and that one of them reads the opset.

    Raises:
        NasError: a format cannot be written, or none reads the opset.
    """
    chosen = choose_formats(request.formats)
    if request.opset is not None and not any("opset" in each.settings for each in chosen):
        raise NoEffectError(
            "opset",
            f"it is not a setting of {', '.join(each.name for each in chosen)}",
            "Leave {opset} out, or add a format that has it with {formats}.",
        )


def _trained(request: NetworkExportRequest) -> ExportRequest:
    """Return the export request of a trial; without a number, of the best one."""
    network = request.network
    content = trained_network(network, request.results_dir)
    if not request.deploy:
        return content
    with open_store(network.db, create=False, read_only=True) as store:
        found, chosen = study_trial(store, network.study or "", network.trial)
    words = (network.input, network.classes, network.strides)
    return content.deployed(*trial_network(found.spec, chosen, *words).place)


def trained_network(network: NetworkRequest, results_dir: Path) -> ExportRequest:
    """Return a trial of a study with its weights, which may also be in `results_dir`.

    Raises:
        NasError: there is no such trial, or it has no weights.
        WeightsError: they are missing.
    """
    from nas.training import load_study_task
    from nas.workflows.finish_study import trial_request

    with open_store(network.db, create=False) as store:
        store.look_in(results_dir)
        found, chosen = study_trial(store, network.study or "", network.trial)
        if network.trial is None:
            chosen = found.exported(chosen)
        return trial_request(store, found, chosen, load_study_task(found.spec))


def _untrained(request: NetworkRequest) -> ExportRequest:
    network = network_of(request)
    return ExportRequest(
        **vars(network),
        deployment=network.input,
        deployment_classes=network.classes,
        deployment_strides=network.strides,
    )
