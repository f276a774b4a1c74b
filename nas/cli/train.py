"""`nas train`: one network from scratch to the end, with replicates and comparison."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nas.cli import effects, options
from nas.cli.train_record import record_name, to_record
from nas.units import duration, percent

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from nas.cli.training import Subject, Trained, TrainingPlan
    from nas.store import Store
    from nas.study import StudySpec
    from nas.training import Execute

_MENDED = "Type the same with --resume to go on."


@click.command()
@options.network
@click.option(
    "--against",
    metavar="NAME|STUDY#N|DIR",
    help="Compare with a network that is trained in the same way: a name as in --arch, trial N "
    "of a study, or the --out folder of an earlier training.",
)
@click.option(
    "--task",
    help="digits, cifar10, cifar100, imagenet, folder.  [default: the study's, else digits]",
)
@options.data("Folder with the images of the task; without --task it implies --task folder.")
@options.image_size("Height and width to train at.  [default: detected]")
@options.skip_corrupt
@options.strides
@options.task_strides
@click.option("--limit", type=click.IntRange(1), help="Train on this many images only.")
@click.option(
    "--recipe", metavar="NAME|FILE.toml",
    help="Training recipe; `paper` is that of the IGCV3 paper.  [default: the task's]",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="FIELD=VALUE",
    help="Replace a field of the recipe, e.g. lr=0.05; may be given several times.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="[default: the recipe's]")
@click.option(
    "--seeds", type=click.IntRange(1, 100), default=1, show_default=True, metavar="N",
    help="Train N times, with the seeds seed, seed + 1, …",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="The first seed."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path),
    help="Folder for checkpoints, weights and report.  [default: nas-results/train/…]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue the training in --out.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="Train on N GPUs, or on N CPU cores without a GPU; each gets an equal part of every "
    "batch.",
)  # fmt: skip
@click.option(
    "--ray-address", metavar="HOST:PORT",
    help="The Ray cluster of the workers.  [default: a local Ray]",
)  # fmt: skip
@options.loaders
@click.option("--export/--no-export", default=True, help="Export the network as well.")
@click.option(
    "--profile", is_flag=True,
    help="Measure the time of each part: data, forward, backward, …",
)  # fmt: skip
@click.option("--quiet", is_flag=True, help="Print only the result.")
@options.as_json
@effects.refuses(*effects.TRAIN)
def train(**given: Any) -> None:
    """Train one network from scratch to the end: a trial of a STUDY, or --arch of a --space.

    \b
    Example:
      nas train igcv3-300m-madds-digits --best --seeds 3
      nas train --arch igcv3-d-1.0 --task cifar10 --recipe igcv3-cifar --against mobilenetv2-1.0
      nas train igcv3-300m-madds-digits --best --against igcv3-300m-madds-digits#4
      nas train --arch igcv3-d-1.0 --task imagenet --data /data/imagenet --workers 4
      nas train --arch igcv3-d-1.0 --task cifar10 --task-strides 1,1,2,2,2,1,1,1
    """  # fmt: skip
    from nas.cli.options import check_named
    from nas.cli.subjects import from_space, from_study
    from nas.errors import InterruptedStudyError
    from nas.space import load_space
    from nas.store import open_store
    from nas.workflows import SPACE

    check_named(given["arch"], given["study"], given["trial"], given["best"])
    try:
        if given["arch"] is not None:
            _train(from_space(given, load_space(given["space_name"] or SPACE)), None, given)
            return
        with open_store(given["db"], create=False, read_only=True) as store:
            spec, subject = from_study(store, given["study"], given["trial"])
        _train(subject, spec, given)
    except KeyboardInterrupt:
        raise InterruptedStudyError("the training was interrupted.", _MENDED) from None


def _train(subject: "Subject", spec: "StudySpec | None", given: dict[str, Any]) -> None:
    from nas.cli import output, training
    from nas.cli.subjects import alike, on_images, rival_of
    from nas.store import open_store

    rival = rival_of(given, subject)
    plan = _plan(subject, spec, given)
    subject = on_images(subject, spec, plan, given["task_strides"])
    if isinstance(rival, training.Subject):
        rival = alike(rival, subject)
    training.check_folder(plan)
    with _execution(plan, given["ray_address"]) as execute, open_store(given["db"]) as store:
        training.prepare(plan)
        quiet = given["quiet"] or given["json_"]
        if not quiet:
            _introduce(subject, plan, spec)
        networks = _networks(plan, subject, rival, execute, store, quiet)
    findings = [training.summary_line(trained) for trained in networks]
    if rival is not None:
        other = rival if isinstance(rival, tuple) else (rival.name, networks[1].errors)
        findings.append(training.compare(networks[0], other[1], other[0])[1])
    files = training.write_all(plan, networks, findings)
    if given["json_"]:
        output.echo_json(training.document(plan, networks, findings))
        return
    _show(networks, findings, files)
    click.echo(store.command(f"show {record_name(plan, subject)}"))


def _networks(
    plan: "TrainingPlan",
    subject: "Subject",
    rival: "Subject | tuple[str, list[float]] | None",
    execute: "Execute | None",
    store: "Store",
    quiet: bool,
) -> "list[Trained]":
    """Train the subject, and its rival where that is a network; every replicate is recorded."""
    from nas.cli import training
    from nas.cli.train_progress import Bar

    def keep(trained: "Trained") -> None:
        store.record_training(to_record(plan, trained))

    places = [(subject, plan.out)]
    if rival is not None and not isinstance(rival, tuple):
        places.append((rival, plan.out / f"against-{rival.folder_name}"))
    with Bar(quiet) as bar:
        return [
            training.train_all(plan, one, folder, bar.watch, execute, keep)
            for one, folder in places
        ]


def _introduce(subject: "Subject", plan: "TrainingPlan", spec: "StudySpec | None") -> None:
    from nas.cli import output, training
    from nas.study import UNCHECKED
    from nas.training import describe_devices

    output.field("network", f"{subject.name}: {subject.architecture.text}")
    deployed, trained = subject.deployed, subject.trained(plan.task.input)
    output.field("counted at", f"{deployed.describe()}, {subject.classes} classes")
    output.field("trained at", f"{trained.describe()}, {plan.task.outputs} classes")
    output.field("task", plan.task.note)
    output.field("recipe", f"{plan.recipe_name}, {output.plural(plan.epochs, 'epoch')}")
    output.field("devices", describe_devices())
    if plan.workers > 1:
        size = plan.recipe.batch_size
        output.field("workers", f"{plan.workers}, each with its part of a batch of {size} images")
    output.field("out", str(plan.out))
    if training.is_unchecked(plan):
        output.field("note", UNCHECKED.format(f"the training in {plan.out}"))
    before = spec.data if spec is not None and spec.task == plan.task_name else None
    if spec is not None and before is not None and before.digest != plan.task.digest:
        output.field("note", f"these are not the images on which {spec.name} was measured")


def _execution(
    plan: "TrainingPlan", ray_address: str | None
) -> "AbstractContextManager[Execute | None]":
    """Return what trains: several workers of Ray, or None for this process."""
    from contextlib import nullcontext

    from nas.training import Team

    if plan.workers == 1:
        return nullcontext()
    Team(size=plan.workers).check(plan.recipe.batch_size, len(plan.task.train))
    from nas.tuner import training_workers

    return training_workers(plan.workers, plan.request, ray_address)


def _plan(subject: "Subject", spec: "StudySpec | None", given: dict[str, Any]) -> "TrainingPlan":
    """Read the task and the recipe; every mistake is found before anything is written."""
    from nas.cli.training import TrainingPlan
    from nas.errors import NasError
    from nas.metrics import CLASSIFICATION
    from nas.study import TASKS, TaskRequest
    from nas.training import (
        Files,
        load_recipe,
        override,
        prepare_worker,
        read_recipe,
        recipe_name,
        use_processes,
        usual_threads,
    )

    task_name = given["task"] or (_default_task(spec) if given["data_dir"] is None else "folder")
    kind = TASKS.load(task_name)
    if kind.metrics != CLASSIFICATION:
        raise NasError(
            f"nas train compares top-1 errors, which the task {task_name} does not measure.",
            f"Search with it: nas search --task {task_name}",
        )
    same = spec is not None and task_name == spec.task
    data_dir, limit, seed = given["data_dir"], given["limit"], given["seed"]
    image_size, skip_corrupt = given["image_size"], given["skip_corrupt"]
    if spec is not None and same:
        data_dir, limit, seed = data_dir or spec.data_dir, limit or spec.limit, spec.seed
        image_size = image_size or spec.image_size
        skip_corrupt = skip_corrupt or spec.skip_corrupt
    name = recipe_name(given["recipe"] or kind.recipe, task_name)
    if spec is not None and same and given["recipe"] is None:
        recipe = read_recipe(spec.recipe, "the study's recipe")
        epochs = max(recipe.epochs, spec.ladder.max_epochs)
    else:
        recipe = load_recipe(name)
        epochs = recipe.epochs
    recipe = override(recipe, given["settings"])
    epochs = given["epochs"] or (recipe.epochs if _sets_epochs(given) else epochs)
    from nas.workflows import check_loaders

    prepare_worker(usual_threads())
    use_processes(given["loaders"])
    request = TaskRequest(
        task_name,
        str(data_dir) if data_dir else None,
        seed,
        limit,
        image_size,
        skip_corrupt,
    )
    task = request.load()
    check_loaders(given["loaders"], isinstance(task.train, Files))
    stem = Path(name).stem
    default = Path("nas-results", "train", f"{subject.folder_name}-{task_name}-{stem}")
    first = given["seed"]
    return TrainingPlan(
        task=task,
        task_name=task_name,
        data_seed=seed,
        recipe=recipe,
        recipe_name=stem,
        epochs=epochs,
        seeds=tuple(range(first, first + given["seeds"])),
        out=given["out"] or default,
        resume=given["resume"],
        export=given["export"],
        request=request,
        workers=given["workers"],
        profile=given["profile"],
    )


def _default_task(spec: "StudySpec | None") -> str:
    return spec.task if spec is not None else "digits"


def _sets_epochs(given: dict[str, Any]) -> bool:
    return any(setting.partition("=")[0].strip() == "epochs" for setting in given["settings"])


def _show_profiles(networks: "list[Trained]") -> None:
    from nas.cli.profile import print_profiles

    for trained in networks:
        found = [result.profile for result in trained.results if result.profile]
        if found:
            click.echo(f"\n{trained.subject.name}")
            print_profiles(found, "training")


def _show(networks: "list[Trained]", findings: list[str], files: list[Path]) -> None:
    from nas.cli import output

    rows = [
        {
            "name": trained.subject.name,
            "seed": result.seed,
            "val": percent(result.validation["top1_error"]),
            "test": percent(result.test["top1_error"]),
            "top5": percent(result.test.get("top5_error")),
            "pace": f"{result.images_per_second:,.0f}",
            "time": duration(result.seconds),
            "notes": "; ".join(result.notes),
        }
        for trained in networks
        for result in trained.results
    ]
    columns = {
        "name": "network", "seed": "seed", "val": "val error", "test": "test error",
        "top5": "test top-5 error", "pace": "images/s", "time": "time", "notes": "",
    }  # fmt: skip
    click.echo("")
    output.table("", columns, rows, numbers="seed val test top5 pace time")
    _show_profiles(networks)
    for line in ["", *findings, "", *map(str, files)]:
        click.echo(line)
