"""`nas train`: one network to the end, with further seeds and a comparison."""

import click

from nas.cli import options
from nas.cli.binding import into, setting
from nas.workflows import RunRequest, TrainRequest


@click.command()
@options.network
@click.option(
    "--against",
    metavar="NAME|STUDY|STUDY#N",
    help="Compare with a network that is trained in the same way: a name as in --arch, the best "
    "trial of a study, or its trial N.",
)
@click.option(
    "--name", metavar="NAME",
    help="Name of the study of this training.  [default: made from network, task and recipe]",
)  # fmt: skip
@click.option(
    "--task",
    help="digits, cifar10, cifar100, imagenet, folder, coco, detection.  [default: the study's, "
    "else digits]",
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
@click.option(
    "--teacher", metavar="study|STUDY|STUDY#N",
    help="Train with teachers in addition to the labels: the best networks of a study, or one "
    "trial; several are separated by commas. `study` is STUDY. --set teacher_weight=… and "
    "teacher_temperature=… change the loss.",
)  # fmt: skip
@click.option(
    "--from", "start", metavar="STUDY|STUDY#N|FILE",
    help="Start with the weights of a trained network (the best of a study, or a trial), except "
    "its last layers; for example a detector with the weights of a classifier. FILE: a state "
    "dict of a network with the same layers, such as torchvision's mobilenet_v2, saved by "
    "torch.save.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1), help="[default: the recipe's; with --teacher STUDY's]"
)
@setting(
    TrainRequest, "seeds", type=click.IntRange(1, 100), metavar="N",
    help="Train N times, with the seeds seed, seed + 1, …",
)  # fmt: skip
@setting(TrainRequest, "seed", type=click.IntRange(0), help="The first seed.")
@setting(
    TrainRequest,
    "reuse",
    "--reuse/--no-reuse",
    help="Reuse the result of an equal training with the same seed in this database.",
)
@setting(RunRequest, "export", "--export/--no-export", help="Export the network as well.")
@options.workers
@options.execution
@options.live_page
@options.progress
@options.one_network
@into("request", TrainRequest)
def train(request: TrainRequest, run: RunRequest, said: options.Output, db: str | None) -> int:
    """Train one network to the end: a trial of a STUDY, or --arch of a --space.

    The training is recorded as a study: nas resume continues it from its last epoch, and nas show
    and nas report print its results.

    \b
    Example:
      nas train igcv3-300m-madds-digits --best --seeds 3
      nas train --arch igcv3-d-1.0 --task cifar10 --recipe igcv3-cifar --against mobilenetv2-1.0
      nas train igcv3-300m-madds-digits --best --teacher study --seeds 3
      nas train igcv3-300m-madds-digits --best --against igcv3-300m-madds-digits#4
      nas train photos --best --task detection --data DIR --from photos
      nas train --arch mobilenetv2-1.0 --task detection --data DIR --from mobilenet_v2.pth
      nas train --arch igcv3-d-1.0 --task imagenet --data /data/imagenet --workers 4
      nas train --arch igcv3-d-1.0 --task cifar10 --task-strides 1,1,2,2,2,1,1,1
    """  # fmt: skip
    from nas.cli.study_screen import Screen, conclude
    from nas.workflows import train

    with Screen(said, run, db) as screen:
        outcome = train(request, screen.run, db, screen.watch)
    return conclude(outcome, said, db)
