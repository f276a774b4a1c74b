"""The block kind `bottleneck`: the residual bottleneck of He et al. (2016), without its expansion.

1x1 convolution to width / ratio, 3x3 convolution with the stride, 1x1 convolution to the width.
"""

from collections.abc import Mapping

from nas.space import ActivationName, Builder, ChoiceRule, Value


class Bottleneck:
    """Blocks with one choice: by what the width is divided inside."""

    name = "bottleneck"
    activation: ActivationName = "relu"
    rules: Mapping[str, ChoiceRule] = {
        "ratio": ChoiceRule(
            "width / inner width", lambda value: value in (1, 2, 4, 8), "1, 2, 4 or 8"
        ),
    }

    def canonical(self, choices: Mapping[str, Value]) -> dict[str, Value]:
        """Return the choices: each of them makes a difference."""
        return dict(choices)

    def problem(
        self, choices: Mapping[str, Value], in_width: int, width: int
    ) -> tuple[str, str] | None:
        """Refuse a ratio that does not divide the width."""
        ratio = int(choices["ratio"])
        return ("ratio", f"ratio={ratio} does not divide width={width}") if width % ratio else None

    def lower(
        self, net: Builder, choices: Mapping[str, Value], width: int, stride: int, first: bool
    ) -> None:
        """Append one block; the first of a stage has no residual."""
        source, inner = net.last, width // int(choices["ratio"])
        for name, channels, kernel, step in (
            ("reduce", inner, 1, 1), ("spatial", inner, 3, stride), ("expand", width, 1, 1),
        ):  # fmt: skip
            net.conv(name, channels, kernel=kernel, stride=step)
            net.batch_norm(f"{name}_bn")
            if name != "expand":
                net.activation(f"{name}_relu", self.activation)
        if not first:
            net.add("add", source)


KIND = Bottleneck()
