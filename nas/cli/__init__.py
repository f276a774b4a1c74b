"""The command line: its verbs, its errors and its exit codes.

    0 done · 1 a fault in nas · 2 usage · 3 too many failed trials · 4 the database or Ray failed ·
    5 another process runs the study · 6 database of another version · 7 paused, because a disk, a
    folder or data failed · 130 interrupted; the last two can be resumed

Every verb imports what it needs when it runs, so that `nas --help` loads no heavy library.
"""

import importlib
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from nas import __version__
from nas.cli import streams
from nas.cli.output import say_failure
from nas.errors import NasError, NoEffectError
from nas.interruption import EXIT_INTERRUPTED, interruptible
from nas.suggestion import did_you_mean
from nas.user_folders import home_folder

STARTED = time.monotonic()

_ON_RAY = ("search", "resume", "drive", "train", "compare-spaces")
_VERBS = {
    "search": ("nas.cli.search", "Search a space for the best networks within a budget."),
    "resume": ("nas.cli.search", "Continue a study that was interrupted."),
    "submit": ("nas.cli.drive", "Queue a study for nas drive."),
    "drive": ("nas.cli.drive", "Run studies that were queued."),
    "stop": ("nas.cli.drive", "Pause a study wherever it runs."),
    "list": ("nas.cli.list", "List the studies of a database."),
    "show": ("nas.cli.show", "Show one study: its settings and its trials."),
    "front": ("nas.cli.front", "Print the Pareto front of a study."),
    "rename": ("nas.cli.housekeeping", "Give a study another name."),
    "delete": ("nas.cli.housekeeping", "Delete a study and its files."),
    "proxies": ("nas.cli.proxies", "Audit the training-free scores of a study."),
    "report": ("nas.cli.pages", "Write a study as one self-contained HTML page."),
    "plot": ("nas.cli.pages", "Write a figure of a study as SVG, PDF or PNG."),
    "dashboard": ("nas.cli.pages", "Serve the live page of a database on this machine."),
    "train": ("nas.cli.train", "Train one network from scratch to the end."),
    "export": ("nas.cli.export", "Export one network: source, weights, ONNX and a card."),
    "predict": ("nas.cli.predict", "Run an exported network on images."),
    "count": ("nas.cli.count", "Count a network layer by layer."),
    "latency": ("nas.cli.latency", "Measure the latency of a network."),
    "space": ("nas.cli.space", "Show a space, and how many architectures fit a budget."),
    "published": ("nas.cli.published", "Compare every known network with its published numbers."),
    "compare-spaces": (
        "nas.cli.compare_spaces",
        "Compare spaces, or one choice, with networks drawn at random.",
    ),
    "prove": ("nas.cli.prove", "Measure samplers on a table of trained networks."),
    "doctor": ("nas.cli.doctor", "Check the packages, the database, Ray and the data."),
    "db": ("nas.cli.db", "Manage the database."),
}


class _LazyGroup(click.Group):
    """A group whose verbs are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_VERBS]  # the module nas.cli.list hides the function of that name here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            if ctx.resilient_parsing or cmd_name.startswith("-"):
                return None
            near = did_you_mean(cmd_name, _VERBS)
            raise NasError(
                f"there is no verb {cmd_name!r}.", f"{near}Type 'nas --help' to see all verbs."
            )
        module = importlib.import_module(_VERBS[cmd_name][0])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        if ctx.resilient_parsing:  # for completion in the shell
            from nas.cli.completion import complete_values

            return complete_values(command)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        with streams.reading():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with streams.reading():
            try:
                return super().invoke(ctx)
            except NoEffectError as error:
                raise self._worded(error, ctx) from error

    def _worded(self, error: NoEffectError, ctx: click.Context) -> NoEffectError:
        """Return an error with the options of the verb that was called."""
        from nas.cli.binding import option_of

        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        return error.worded(option_of(command)) if command else error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="nas")
def app() -> None:
    """Find the best small convolutional networks within a compute budget.

    \b
    Example:
      nas search --space igcv3 --budget 300M-flops
    """


def main() -> None:
    """Run the command line; every failure prints two lines on stderr and sets the exit code."""
    _prepare()
    with interruptible(True, streams.silence, streams.say_stopping):
        _run()


def _run() -> NoReturn:
    try:
        _check_arguments(sys.argv[1:])
        code = app(standalone_mode=False)
    except NasError as error:
        _fail(error.cause, error.remedy, error.exit_code, error)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except click.ClickException as error:
        _fail(error.format_message(), _usage(error), 2)
    except (click.Abort, KeyboardInterrupt) as error:  # Click turns the latter into the former
        first = error.__cause__ or error
        _fail("interrupted.", "All measurements are kept.", EXIT_INTERRUPTED, first)
    except streams.ReaderGoneError:
        streams.silence()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - no traceback may reach a user
        _fault(error)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _prepare() -> None:
    """Set up the process before it reads its arguments."""
    _import_no_files()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries; -W or PYTHONWARNINGS shows them
    streams.prepare()
    os.environ.setdefault("HOME", str(home_folder()))  # libraries fail without it


def _import_no_files() -> None:
    """Remove the working directory from Python's path, unless the user has added it by name.

    `PYTHONPATH=$PYTHONPATH:/my/folder` adds it by mistake if the variable was empty before.
    """
    named = os.environ.get("PYTHONPATH") or "."
    parts = named.split(os.pathsep)
    if "" not in parts:
        return
    here, ours = Path.cwd(), Path(__file__).parents[2]
    if here not in map(Path, parts) and here != ours and str(here) in sys.path:
        sys.path.remove(str(here))


def _has_place() -> bool:
    """Tell whether the working directory exists."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _check_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments that are not text if the verb starts Ray, which does not accept them.

    Raises:
        NasError: an argument is not text.
    """
    if not arguments or arguments[0] not in _ON_RAY:
        return
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise NasError(
                f"{argument!r} is not text in the encoding of the locale.",
                "Rename the file or folder, or set LC_ALL=C.UTF-8.",
            )


def _fail(cause: str, remedy: str, code: int, error: BaseException | None = None) -> NoReturn:
    say_failure(cause, remedy, error)
    sys.exit(code)


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"Type '{context.command_path if context else 'nas'} --help' to see the options."


def _fault(error: Exception) -> NoReturn:
    if isinstance(error, FileNotFoundError) and not _has_place():
        _fail("the working directory has been deleted.", "Change to one that exists: cd", 2)
    said = f"unexpected {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    try:
        handle, name = tempfile.mkstemp(prefix="nas-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    except OSError as full:
        remedy = f"This is a fault in nas; its traceback could not be written ({full})."
        _fail(said, remedy, 1, error)
    _fail(said, f"This is a fault in nas; its traceback is in {Path(name)}.", 1, error)
