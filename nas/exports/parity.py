"""Parity: a comparison of the outputs of an exported file and of the network, on probes.

The probes are zeros, 64 images of N(0, 1) noise from a fixed seed (4 singly, 60 in batches of four)
and four images with values a hundred times as large. Errors are relative to the largest absolute
logit, for the zeros and the noise together and for the large images; the tolerance is 1e-4, for
float32. The highest logit must have the same index, unless the two highest differ by less than the
tolerance. For several outputs, errors are relative to the largest value of all; in a map, the
highest channel of every pixel must be the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from nas.errors import ExportError
from nas.space import Shape

TOLERANCE = 1e-4
_SEED = 20180601
_SINGLES = 4
_FOURS = 15
_LARGE = 100.0

Outputs: TypeAlias = Tensor | Sequence[Tensor]
Forward: TypeAlias = Callable[[Tensor], Outputs]


@dataclass(frozen=True)
class Parity:
    """The result of a comparison; `max_relative_error` is relative to the largest logit."""

    inputs: int
    max_abs_error: float
    max_relative_error: float
    top1_agreement: float
    tolerance: float = TOLERANCE

    def to_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Reference:
    """Probes, each (N, C, H, W), and the output of the network: logits (N, classes), or maps."""

    ordinary: tuple[tuple[Tensor, Outputs], ...]
    large: tuple[tuple[Tensor, Outputs], ...]


def reference(network: nn.Module, shape: Shape) -> Reference:
    """Put `network` into eval mode and return its output on every probe.

    Raises:
        ExportError: an output is not finite.
    """
    network.eval()
    generator = torch.Generator().manual_seed(_SEED)
    ordinary = [torch.zeros(1, *shape), *_noise(shape, generator)]
    large = [_LARGE * torch.randn(4, *shape, generator=generator)]
    with torch.inference_mode():
        pairs = [(x, network(x)) for x in ordinary + large]
    if not all(y.isfinite().all() for _, outputs in pairs for y in _each(outputs)):
        raise ExportError(
            "the network outputs infinity or NaN for ordinary images.",
            "Export another trial, or train this one again with a lower learning rate.",
        )
    return Reference(tuple(pairs[: len(ordinary)]), tuple(pairs[len(ordinary) :]))


def compare(expected: Reference, forward: Forward, what: str) -> Parity:
    """Compare the outputs of `forward` with those of the network over all probes.

    Raises:
        ExportError: the outputs differ; the message names `what`.
    """
    errors, relatives, agreeing, inputs = [0.0], [0.0], 0, 0
    for pairs in (expected.ordinary, expected.large):
        scale = max(float(y.abs().max()) for _, ys in pairs for y in _each(ys)) or 1.0
        for x, outputs in pairs:
            wanted, found = _each(outputs), _each(forward(x))
            if (shapes := _shapes(found)) != (right := _shapes(wanted)):
                raise _mismatch(what, f"its output is {shapes}, not {right}")
            same = torch.ones(len(x), dtype=torch.bool)
            for y, other in zip(wanted, found, strict=True):
                error = float((other - y).abs().max())
                errors.append(error)
                relatives.append(error / scale)
                same &= _agreeing(y, other, TOLERANCE * scale)
            agreeing += int(same.sum())
            inputs += len(x)
    parity = Parity(inputs, max(errors), max(relatives), agreeing / inputs)
    if not parity.max_relative_error <= TOLERANCE or agreeing < inputs:  # `not <=` also for NaN
        detail = (
            f"largest error {parity.max_abs_error:.3g}, {parity.max_relative_error:.3g} of the "
            f"largest logit ({TOLERANCE:g} is allowed); same class for {agreeing} of {inputs}"
        )
        raise _mismatch(what, detail)
    return parity


def _noise(shape: Shape, generator: torch.Generator) -> Iterator[Tensor]:
    for size in [1] * _SINGLES + [4] * _FOURS:
        yield torch.randn(size, *shape, generator=generator)


def _each(outputs: Outputs) -> Sequence[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else outputs


def _shapes(outputs: Sequence[Tensor]) -> str:
    return ", ".join(str(list(each.shape)) for each in outputs)


def _agreeing(expected: Tensor, found: Tensor, allowed: float) -> Tensor:
    """Return for each row whether the highest value has the same index, up to ties; bool (N,).

    `expected` and `found` are (N, classes), or maps (N, C, H, W).
    """
    chosen = expected.gather(1, found.argmax(1, keepdim=True))
    return (chosen >= expected.amax(1, keepdim=True) - 2 * allowed).flatten(1).all(1)


def _mismatch(what: str, detail: str) -> ExportError:
    return ExportError(
        f"{what} disagrees with PyTorch: {detail}.",
        "No file was kept. Try again with the library versions of constraints.txt.",
    )
