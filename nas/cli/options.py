"""The options that several verbs share."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from nas.cli.binding import into, setting
from nas.errors import NasError, NoEffectError
from nas.storage import Keep
from nas.user_folders import RESULTS, results_folder
from nas.workflows import (
    SPACE,
    LatencyRequest,
    NetworkRequest,
    Request,
    RunRequest,
    SearchRequest,
)

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Output(Request):
    """The output of a command that runs a study: progress, then the result as JSON or text."""

    quiet: bool = False
    json: bool = False
    verbose: bool = False
    dashboard: bool = False

    @property
    def say(self) -> bool:
        """Whether progress is printed."""
        return not (self.quiet or self.json)

    def no_effects(self) -> Iterator[NoEffectError]:
        """Yield each option that has no effect."""
        if not self.say:
            other = "{json}" if self.json else "{quiet}"
            for name in ("verbose", "dashboard"):
                yield NoEffectError(name, f"{other} prints only the result", "Leave out one.")


_MOST_CHANNELS = 16  # of images; 224x224x3 has more, and is refused: its channels are at the end


database = click.option(
    "--db",
    metavar="URL",
    help="Database: a file, sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME.  "
    "[default: nas.db; env: NAS_DB]",
)

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")

space_name = click.option(
    "--space", "space_name", metavar="NAME|FILE.toml",
    help="The search space: a built-in one or a file.  `nas search` accepts several, separated by "
    f"commas.  [default: {SPACE}]",
)  # fmt: skip


def network(function: F) -> F:
    """Add the options that name a network: STUDY, --best, --trial, --arch, --space and --db."""
    for option in (
        database,
        space_name,
        click.option(
            "--arch",
            help="A name that nas published prints, the full list of choices, or the arch_id "
            "that tables print.",
        ),
        click.option("--trial", type=click.IntRange(0), metavar="N", help="This trial of STUDY."),
        click.option("--best", is_flag=True, help="The best trial of STUDY."),
        click.argument("study", required=False),
    ):
        function = option(function)
    return function


def network_request(function: F) -> F:
    """Add the options of `network` and `deployment`; the command gets them as one `network`.

    Raises:
        NasError: when the command is called with no network, or more than one.
    """
    function = deployment(one_network(into("network", NetworkRequest)(function)))
    return network(
        click.option(
            "--task", metavar="NAME",
            help="With --arch: the network with the head of this task, such as coco.",
        )(function)
    )  # fmt: skip


def one_network(function: F) -> F:
    """Check that the options of `network` name one; put it below them.

    Raises:
        NasError: when the command is called with no network, or more than one.
    """

    @wraps(function)
    def call(**values: Any) -> Any:
        check_named(values["arch"], values["study"], values["trial"], values.pop("best"))
        return function(**values)

    return call  # type: ignore[return-value]


def check_named(arch: str | None, study: str | None, trial: int | None, best: bool) -> None:
    """Refuse a call that names no network, or more than one.

    Raises:
        NasError: no network is named, or more than one.
    """
    chosen = sum((best, trial is not None, arch is not None))
    if chosen != 1 or (arch is None) != bool(study):
        verb = click.get_current_context().info_name
        raise NasError(
            f"nas {verb} needs one network.",
            f"Type: nas {verb} STUDY --best, or STUDY --trial N, or --arch NAME.",
        )


strides = click.option(
    "--strides", metavar="N,N,…",
    help="Strides at deployment, 1 or 2 each: the stem, its pooling if the space has one, "
    "and the stages, such as 2,1,2,2,2,1,2,1.  [default: the space's; fewer below 96 "
    "pixels]",
)  # fmt: skip

task_strides = click.option(
    "--task-strides", metavar="N,N,…",
    help="Strides on the training images, written like --strides.  [default: those at "
    "deployment from 96 pixels upwards, fewer below]",
)  # fmt: skip


def _channels_first(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
    """Refuse 224x224x3, which would be 224 channels of 224x3 pixels."""
    match = re.fullmatch(r"([0-9]{2,4})x([0-9]{2,4})x([13])", text or "")
    if match and int(match[1]) > _MOST_CHANNELS:
        raise NasError(
            f"--input {text} would be {match[1]} channels of {match[2]}x{match[3]} pixels.",
            f"Write the channels first: {match[3]}x{match[1]}x{match[2]}.",
        )
    return text


def deployment(function: F) -> F:
    """Add `--input`, `--classes` and `--strides`, which replace the space's deployment."""
    function = strides(function)
    function = click.option(
        "--classes", type=click.IntRange(2), help="Classes at deployment.  [default: the space's]"
    )(function)
    return click.option(
        "--input", "input_", metavar="CxHxW", callback=_channels_first,
        help="Input size at deployment, where costs are counted.  [default: the space's]",
    )(function)  # fmt: skip


budget = click.option(
    "--budget", "budgets", multiple=True, metavar="LIMIT",
    help="A ceiling such as 300M-flops (= madds = macs), 3.5M-params, 5M-acts or "
    "5ms-latency@cpu (or @cuda); may be given several times.",
)  # fmt: skip


def latency(function: F) -> F:
    """Add the options for measuring latency; the command gets them as one `latency`."""
    function = into("latency", LatencyRequest, "latency_")(function)
    for option in (
        setting(
            LatencyRequest,
            "threads",
            "--latency-threads",
            type=click.IntRange(1),
            help="CPU threads for measuring latency.",
        ),
        click.option(
            "--latency-runtime",
            metavar="NAME",
            help="onnxruntime or torch.  [default: onnxruntime on the CPU, torch on a GPU]",
        ),
        click.option(
            "--latency-table",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Read the latency table of the space from this file; if it does not exist, "
            "measure the table and write it.",
        ),
    ):
        function = option(function)
    return function


task = click.option(
    "--task",
    help="digits, cifar10, cifar100, imagenet, folder, coco or detection.  "
    "[default: cifar10 with a GPU, else digits]",
)


def data(help_: str) -> Callable[[F], F]:
    """Return a decorator that adds `--data`; `help_` states whether it selects the task as well."""
    return click.option(
        "--data", "data_dir", metavar="DIR", type=click.Path(path_type=Path), help=help_
    )


limit = click.option(
    "--limit", type=click.IntRange(1),
    help="Train on this many images only, the same number for each class.",
)  # fmt: skip


def image_size(help_: str) -> Callable[[F], F]:
    """Return a decorator that adds `--image-size`; `help_` states for which images it is."""
    return click.option("--image-size", type=click.IntRange(8, 1024), metavar="N", help=help_)


skip_corrupt = click.option(
    "--skip-corrupt",
    is_flag=True,
    help="Skip images that cannot be decoded, and invalid boxes.",
)

recipe = click.option(
    "--recipe", metavar="NAME|FILE.toml", help="Training recipe.  [default: the task's]"
)


def split(_ctx: click.Context, _parameter: click.Parameter, given: Sequence[str]) -> Any:
    """Return the names that were given in several options, or separated by commas."""
    return tuple(name.strip() for text in given for name in text.split(","))


formats = click.option(
    "--format", "formats", multiple=True, metavar="NAME", callback=split,
    help="A format of the export: source, weights, onnx, detections (ONNX of a detector that "
    "suppresses duplicates), or one of an installed package; may be given several times. The card "
    "is always written.  [default: source, weights, onnx]",
)  # fmt: skip

seed = setting(SearchRequest, "seed", type=click.IntRange(0), help="Seed of all random numbers.")


def plot(help_: str) -> Callable[[F], F]:
    """Return a decorator that adds `--plot`, a page to write; `help_` describes its content."""
    return click.option(
        "--plot", metavar="FILE.html", type=click.Path(path_type=Path, dir_okay=False), help=help_
    )


loaders = click.option(
    "--loaders", type=click.IntRange(0, 256), default=RunRequest.loaders, metavar="N",
    help="Processes that decode images streamed from disk, for each training.  "
    "[default: one for each CPU core of the training]",
)  # fmt: skip

workers = click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="Train each network of nas train on N GPUs, or on N CPU cores without a GPU; each "
    "worker gets an equal part of every batch.",
)  # fmt: skip


def results(help_: str) -> Callable[[F], F]:
    """Return a decorator that adds `--results`; `help_` states its purpose."""
    return click.option(
        "--results", "results_dir", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
        default=results_folder,
        help=f"{help_}  [default: {RESULTS}; env: NAS_RESULTS]",
    )  # fmt: skip


ray_address = click.option(
    "--ray-address", metavar="HOST:PORT", help="A running Ray cluster.  [default: a local Ray]"
)


_EXECUTION = (
    ray_address,
    click.option(
        "--cpus-per-trial", type=click.FloatRange(0, min_open=True),
        help="CPU cores for one trial.  [default: 1; for nas train with a GPU all]",
    ),
    click.option(
        "--gpus-per-trial", type=click.FloatRange(0),
        help="GPUs for one trial; trials with fractions share a GPU.  [default: 1 if there is a "
        "GPU]",
    ),
    click.option(
        "--max-concurrent", type=click.IntRange(1),
        help="Maximum number of concurrent trials.  [default: as many as fit]",
    ),
    setting(
        RunRequest, "priority", type=click.FloatRange(0.01),
        help="Weight of this study on a cluster that several studies share: 2 gets twice as many "
        "concurrent trials as 1.",
    ),
    click.option(
        "--report-timeout", type=click.FloatRange(1),
        help="Seconds without a report after which a trial is killed.  [default: 1800; no limit "
        "for nas train]",
    ),
    results("Directory for report and export, and for weights without --storage."),
    click.option(
        "--storage", metavar="PLACE",
        help="Place of weights and checkpoints: a folder, s3://BUCKET/PREFIX or "
        "gs://BUCKET/PREFIX. It is stored with the study.  [default: --results]",
    ),
    click.option(
        "--profile", is_flag=True,
        help="Measure the time of each part of a trial: data, forward, backward, …",
    ),
    loaders,
)  # fmt: skip


keep = click.option(
    "--keep", type=click.Choice([each.value for each in Keep]),
    help="Weights to keep after the study: those of the front, of the confirmed networks and of "
    "the best five, or all. This is stored with the study.  [default: front]",
)  # fmt: skip


def progress(function: F) -> F:
    """Add `--quiet`, `--verbose` and `--json`; the command gets them as `said`."""
    function = into("said", Output)(function)
    for option in (
        as_json,
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Print every setting of the study before it starts.",
        ),
        click.option("--quiet", is_flag=True, help="Print only the result."),
    ):
        function = option(function)
    return function  # fmt: skip


# Put it above `progress`.
live_page = click.option(
    "--dashboard",
    is_flag=True,
    help="Serve the live page of the study on this machine while it runs, and open it in a "
    "browser if there is a screen.",
)


def execution(function: F) -> F:
    """Add the options for running trials; the command gets them as one `run`."""
    function = into("run", RunRequest)(function)
    for option in reversed(_EXECUTION):
        function = option(function)
    return function
