"""Predict: the classes or the boxes that an exported network finds in images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.errors import NasError, NoEffectError
from nas.exports import Artifact, open_artifact
from nas.training import (
    BROKEN,
    THRESHOLD,
    Guess,
    drawn_boxes,
    guesses_of_boxes,
    guesses_of_classes,
    image_size,
    network_input,
)
from nas.workflows.request import Request


@dataclass(frozen=True, kw_only=True)
class PredictRequest(Request, least={"threshold": 0, "most": 1}):
    """Images for the exported network in the folder `artifact`.

    A detector returns the boxes with at least the probability `threshold` (None: 0.3) and draws
    them into images in the folder `output` (None: the working directory); a classifier returns the
    `most` probable classes (None: 5). `force` replaces images in `output`.
    """

    artifact: Path
    images: Sequence[Path]
    output: Path | None = None
    threshold: float | None = None
    most: int | None = None
    force: bool = False


@dataclass(frozen=True)
class Prediction:
    """The prediction for one image; `drawn` is the image with the boxes of a detector."""

    image: Path
    guesses: list[Guess]
    drawn: Path | None = None


def predict(request: PredictRequest) -> Iterator[Prediction]:
    """Yield the prediction of each image.

    Raises:
        NasError: the folder is not an export of a trained network, an image cannot be read or
            written, or a setting has no effect.
    """
    network = open_artifact(request.artifact)
    _refuse_no_effects(request, network.detects)
    targets = [_target(request, image) if network.detects else None for image in request.images]
    twice = [target for target in targets if target and targets.count(target) > 1]
    if twice:
        raise NasError(
            f"two images would be drawn as {twice[0]}.", "Predict them one after the other."
        )
    for image, target in zip(request.images, targets, strict=True):
        yield _predicted(request, network, image, target)


def _predicted(
    request: PredictRequest, network: Artifact, image: Path, target: Path | None
) -> Prediction:
    try:
        data = image.read_bytes()
    except OSError as error:
        raise NasError(f"{image} cannot be read: {error.strerror}.", "Name an image.") from error
    try:
        shown = network_input(data, network.input, network.mean, network.std, crop=target is None)
        outputs, names = network.run(shown), network.class_names
        if target is None:
            return Prediction(image, guesses_of_classes(outputs[0], names, request.most or 5))
        least = THRESHOLD if request.threshold is None else request.threshold
        guesses = guesses_of_boxes(outputs, names, image_size(data), least)
        drawn = drawn_boxes(data, guesses, names)
    except BROKEN as error:
        raise NasError(f"{image} is not a readable image.", "Name a file of an image.") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        drawn.save(target)
    except OSError as error:
        raise NasError(
            f"{target} cannot be written: {error.strerror or error}.",
            "Name another folder with -o.",
        ) from error
    return Prediction(image, guesses, target)


def _refuse_no_effects(request: PredictRequest, detects: bool) -> None:
    idle = {"most": request.most} if detects else {
        "threshold": request.threshold, "output": request.output, "force": request.force or None,
    }  # fmt: skip
    why = "the network finds boxes" if detects else "the network gives classes for a whole image"
    for name, value in idle.items():
        if value is not None:
            raise NoEffectError(name, why)


def _target(request: PredictRequest, image: Path) -> Path:
    """Return the file for the drawn boxes."""
    target = (request.output or Path()) / f"{image.stem}-boxes.png"
    if target.exists() and not request.force:
        raise NasError(f"{target} exists.", "Add --force, or name another folder with -o.")
    return target
