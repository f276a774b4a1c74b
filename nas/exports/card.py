"""The card of an exported network: its description, origin and measurements.

It is JSON with `schema` 1. Costs are given twice, counted from the layers and by fvcore, for the
exported network and for the architecture at deployment. Times are UTC.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from nas import __version__
from nas.cost import Cost
from nas.exports.format import FORMATS, ExportFormat, Written
from nas.exports.request import ExportRequest, WeightsOrigin
from nas.metrics import metric
from nas.results import Estimate, Figures
from nas.space import BLOCK_KINDS, Shape
from nas.storage import file_sha256

SCHEMA = 1
_LIBRARIES = ("torch", "numpy", "fvcore")
_UNITS = {
    "madds": "multiply-adds of convolution and linear layers, one image (also called FLOPs, MACs)",
    "params": "trainable parameters: weights, biases, batch-norm scale and shift",
    "acts": "output elements of convolution and linear layers, one image",
    "nas": "summed over the layers, exact",
    "fvcore": "counted by fvcore, PyTorch network in eval mode, convolution and linear operators",
}


@dataclass(frozen=True)
class Counts:
    """The costs of one network, counted by nas and by fvcore."""

    input: Shape
    classes: int
    nas: Cost
    fvcore: Cost

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {
            "input": str(self.input),
            "classes": self.classes,
            "nas": _counts(self.nas),
            "fvcore": _counts(self.fvcore),
        }


def _counts(cost: Cost) -> dict[str, int]:
    """Return the costs that both count, which excludes latency."""
    return {"madds": cost.madds, "params": cost.params, "acts": cost.acts}


class Counted(NamedTuple):
    """The counts of the exported network, and of the architecture at its deployment."""

    exported: Counts
    deployment: Counts


def make_card(
    request: ExportRequest,
    counted: Counted,
    written: Mapping[ExportFormat, Written],
    directory: Path,
) -> dict[str, Any]:
    """Return the card of `request` with the files `written` into `directory`, by format.

    It states the size and the SHA-256 of each file.
    """
    training = request.training
    origin = training or request.source
    card = {
        "schema": SCHEMA,
        "name": request.name,
        "study": origin.study if origin else None,
        "trial": origin.trial if origin else None,
        "trained": training is not None,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "architecture": _architecture(request),
        "network": {
            "input": str(request.input),
            "layout": "float32, (batch, channels, height, width)",
            "classes": request.classes,
            "class_names": list(training.class_names) or None if training else None,
            "strides": request.adaptation.text,
            "adaptation": request.adaptation.describe(),
        },
        "normalisation": _normalisation(training),
        "cost": {
            "deployment": {
                **counted.deployment.to_dict(),
                "strides": request.deployment_adaptation.text,
                "adaptation": request.deployment_adaptation.describe(),
            },
            "exported": counted.exported.to_dict(),
            "units": _UNITS,
        },
        "training": _training(training),
        "weights": request.weights,
        "checks": {
            "reference": "the network in PyTorch, float32, CPU; errors in its outputs",
            **{one.files[0].name: one.parity.to_dict() for one in written.values() if one.parity},
        },
        "files": [
            {
                "name": file.relative_to(directory).as_posix(),
                "bytes": file.stat().st_size,
                "sha256": file_sha256(file),
            }
            for one in written.values()
            for file in one.files
        ],
        "versions": _versions(request, list(written)),
    }
    details = {each.name: dict(one.details) for each, one in written.items() if one.details}
    return details | card  # a format cannot replace these fields


def _versions(request: ExportRequest, formats: Sequence[ExportFormat]) -> dict[str, str]:
    """Return the versions of all libraries that wrote the files, by name."""
    libraries = [*_LIBRARIES, *(name for each in formats for name in each.libraries)]
    providers = [
        BLOCK_KINDS.provider(request.space.kind.name),
        *(FORMATS.provider(each.name) for each in formats),
    ]
    return {
        "nas": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in libraries},
        **dict(provider for provider in providers if provider),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a format of another package may give a wrong name
        return "unknown"


def _architecture(request: ExportRequest) -> dict[str, Any]:
    space, architecture = request.space, request.architecture
    stages = [
        {"name": stage.name, **architecture.choices(index)}
        for index, stage in enumerate(space.stages)
    ]
    return {
        "space": space.name,
        "space_sha256": space.space_hash,
        "arch_id": architecture.arch_id,
        "text": architecture.text,
        "stages": stages,
    }


def _normalisation(training: WeightsOrigin | None) -> Mapping[str, Any] | None:
    if training is None:
        return None
    return {
        "scale": "(pixel / 255 - mean) / std, by channel",
        "mean": list(training.mean),
        "std": list(training.std),
    }


def _training(training: WeightsOrigin | None) -> Mapping[str, Any] | None:
    if training is None:
        return None
    return {
        "task": training.task,
        "data": training.data,
        "recipe": training.recipe,
        "epochs": training.epochs,
        "study_seed": training.study_seed,
        "trial_seed": training.trial_seed,
        "scores": {split: _estimate(own) for split, own in training.estimates.items()},
        "exported_weights": {split: dict(score) for split, score in training.scores.items()},
        "units": _score_units(training),
        "teachers": list(training.teachers),
        "figures": {split: _figures(both) for split, both in training.figures.items()},
    }


def _figures(both: Figures) -> dict[str, Any]:
    return {
        "text": str(both),
        "from_scratch": _estimate(both.scratch) if both.scratch else None,
        "taught": _estimate(both.taught),
        "teachers": list(both.teachers),
    }


def _score_units(training: WeightsOrigin) -> dict[str, str]:
    labels = dict.fromkeys(own.metric.label for own in training.estimates.values())
    names = dict.fromkeys(name for score in training.scores.values() for name in score)
    how = ", taught," if training.teachers else ""
    return {
        "scores": f"of the network{how}: {', '.join(labels)} as the mean over its seeds, with the "
        "95 % interval",
        "exported_weights": "of the one training whose weights are exported",
        **{name: metric(name).meaning for name in names},
    }


def _estimate(own: Estimate) -> dict[str, Any]:
    bounds = {"low": own.low, "high": own.high, "seeds": own.n, "images": own.images}
    return {own.metric.column: own.mean, **bounds}
