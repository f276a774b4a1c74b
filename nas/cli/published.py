"""`nas published`: the known networks of spaces, our counts and the published ones."""

import re
from collections.abc import Mapping
from typing import Any

import click

from nas.cli import options, output
from nas.errors import NasError
from nas.units import percent

_COUNTS = ("params", "madds")


@click.command()
@click.argument("spaces", nargs=-1, metavar="[NAME|FILE.toml]...")
@options.as_json
def published(spaces: tuple[str, ...], json_: bool) -> None:
    """Count every known network of the SPACES, and compare it with the published numbers.

    Without arguments, the networks of all built-in spaces are counted.

    "exact" is an independent count of the same network; if it differs from ours, the exit code is
    1. "printed" is the number in the publication, rounded and counted by its authors' rules.

    Detectors are counted with backbone, extras and predictors, without the decoding of boxes and
    the suppression of duplicates.

    \b
    Example:
      nas published
      nas published mine.toml
    """
    from nas.workflows import published_counts

    rows = published_counts(spaces)
    off = [row["name"] for row in rows if not row["agrees"]]
    if json_:
        output.echo_json({"networks": rows, "off": off})
    else:
        _show(rows)
    if off:
        message = NasError(
            f"{len(off)} of {len(rows)} networks differ from their exact count: {', '.join(off)}.",
            "Correct the block kind, or the space file; its counts are wrong.",
        )
        message.exit_code = 1
        raise message


def _show(rows: list[dict[str, Any]]) -> None:
    columns = {
        "space": "space", "name": "network", "input": "input", "strides": "strides",
        "classes": "classes",
        "params": "our params", "madds": "our madds", "exact": "exact count",
        "printed_params": "printed params", "params_off": "difference",
        "printed_madds": "printed madds", "madds_off": "difference",
        "others": "other printed counts",
        "source": "source of the printed",
    }  # fmt: skip
    output.table(
        "", columns, [_cells(row) for row in rows],
        numbers="classes params madds printed_params params_off printed_madds madds_off",
        optional="source others strides classes space",
    )  # fmt: skip
    exact = sum(any(row["exact"].values()) for row in rows)
    equal = sum(any(row["exact"].values()) and row["agrees"] for row in rows)
    click.echo(
        f"\n{len(rows)} networks; {equal} of the {exact} that have an exact count are equal to it."
    )
    click.echo(
        "madds: multiply-adds of convolution and linear layers, batch 1; params: all trainable."
    )


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    """Return one row as text for the table."""
    printed, share = row["published"], row["published_difference"]
    return {
        **{key: str(row[key]) for key in ("space", "name", "input", "strides", "classes")},
        **{key: f"{row[key]:,}" for key in _COUNTS},
        "exact": _exactness(row),
        "others": ", ".join(printed_besides(printed)),
        "source": str(printed.get("source", "")),
        **{f"printed_{key}": str(printed.get(key, "")) for key in _COUNTS},
        **{
            f"{key}_off": "" if share[key] is None else f"{100 * share[key]:+.1f} %"
            for key in _COUNTS
        },
    }


def printed_besides(numbers: Mapping[str, Any]) -> list[str]:
    """Return the other printed numbers of a network: `5.30 % top-1 error`.

    A number with error, accuracy or map in its name is a share, and shown as a percentage.
    """
    found = []
    for key, value in numbers.items():
        if key in (*_COUNTS, "source"):
            continue
        words = (
            key.replace("imagenet", "ImageNet").replace("coco_map", "COCO mAP").replace("_", " ")
        )
        name = re.sub(r"\btop ?([0-9]+)\b", r"top-\1", words)
        share = isinstance(value, int | float) and re.search(r"(error|accuracy|acc|_map)$", key)
        found.append(f"{percent(value) if share else value} {name}")
    return found


def _exactness(row: Mapping[str, Any]) -> str:
    """Return which exact counts exist and are equal, or the differences."""
    known = {key: off for key, off in row["exact_difference"].items() if off is not None}
    wrong = [f"{key} {off:+,}" for key, off in known.items() if off]
    return ", ".join(wrong) or (f"equal ({', '.join(known)})" if known else "")
