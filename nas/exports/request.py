"""The request of an export: one network, and the origin of its weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nas.errors import ExportError
from nas.results import Estimate, Figures
from nas.space import Adaptation, Layer, NamedNetwork, Shape, Strides, adapt, lower
from nas.storage import File

OPSET = 17
OPSETS = range(11, 23)


@dataclass(frozen=True)
class WeightsOrigin:
    """The training of a network's weights.

    `task` is the name of the task, `data` a text on its images. `scores` has the metrics of these
    weights by split (`validation`, `test`) and name; `estimates` has the reported metric of the
    network by split, over all its trainings. `mean` and `std` are those of the pixels scaled to
    [0, 1], one for each input channel. `sha256` is the recorded hash of the weights file; None if
    none was recorded. `teachers` are the trials that taught the network, empty if it was trained
    from scratch; `figures` compares a taught network with its training from scratch, by split, if
    known.
    """

    weights: File
    study: str | None
    trial: int | None
    task: str
    data: str
    recipe: str
    study_seed: int | None
    trial_seed: int
    epochs: int
    scores: Mapping[str, Mapping[str, float]]
    estimates: Mapping[str, Estimate]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    sha256: str | None = None
    teachers: tuple[str, ...] = ()
    figures: Mapping[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ExportRequest(NamedNetwork):
    """One network to export.

    A trained network (with `training`) is exported at the `input` and `classes` of its task; an
    untrained one gets weights drawn from `seed`. The card also has its cost at `deployment` with
    `deployment_classes`, which the budget limits. `strides` are used at `input`,
    `deployment_strides` at `deployment`; by default they follow the rule (`nas.space.strides`).
    `opset` is the ONNX opset. `source` is a training on another input: the network gets its weights
    of the same shape, except those of the head. `head` is the head of a task other than
    classification.

    Raises:
        ExportError: the opset is not among `OPSETS`.
    """

    deployment: Shape
    deployment_classes: int
    training: WeightsOrigin | None = None
    seed: int = 0
    deployment_strides: Strides = ()
    opset: int = OPSET
    source: WeightsOrigin | None = None

    def __post_init__(self) -> None:
        """Check the opset."""
        if self.opset not in OPSETS:
            raise ExportError(
                f"an ONNX file of opset {self.opset} cannot be written.",
                f"Use opset {OPSETS[0]} to {OPSETS[-1]}.",
            )

    @property
    def deployment_adaptation(self) -> Adaptation:
        """The strides of the architecture at deployment."""
        return adapt(self.space, self.deployment, self.deployment_strides)

    @property
    def weights(self) -> str:
        """The origin of the weights as text."""
        if self.training:
            return "trained"
        if self.source:
            return (
                f"from the training on {self.source.task}, except the head, and the stem if the "
                f"images have other channels, which are untrained, drawn from seed {self.seed}"
            )
        return f"drawn from seed {self.seed}, not trained"

    def deployed(self, shape: Shape, classes: int, strides: Strides) -> "ExportRequest":
        """Return the same network for another input, with the trained weights of equal shape."""
        return replace(
            self,
            name=f"{self.name}-deployed",
            input=shape,
            classes=classes,
            strides=strides,
            deployment=shape,
            deployment_classes=classes,
            deployment_strides=strides,
            training=None,
            source=self.training,
        )

    def deployment_layers(self) -> list[Layer]:
        """Return the layers of the architecture at deployment."""
        at = self.deployment_adaptation
        classes = self.deployment_classes
        return lower(self.space, self.architecture, at.input, classes, at.strides, self.head)
