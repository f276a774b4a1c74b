"""`nas predict`: run an exported network on images."""

from dataclasses import asdict
from pathlib import Path

import click

from nas.cli import options, output
from nas.cli.binding import into
from nas.workflows import PredictRequest


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument(
    "images", metavar="IMAGE…", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Folder for the images with drawn boxes.  [default: the working directory]",
)  # fmt: skip
@click.option(
    "--threshold", type=click.FloatRange(0, 1),
    help="Minimum probability of a box.  [default: 0.3]",
)  # fmt: skip
@click.option(
    "--most", type=click.IntRange(1), metavar="N", help="Number of classes to print.  [default: 5]"
)
@click.option("--force", is_flag=True, help="Replace existing images.")
@options.as_json
@into("request", PredictRequest)
def predict(request: PredictRequest, json_: bool) -> None:
    """Run the network in ARTIFACT, a folder of `nas export`, on images.

    A classifier prints the most probable classes. A detector prints the boxes in pixels (left, top,
    right, bottom), and writes each image with its boxes as NAME-boxes.png.

    \b
    Example:
      nas predict nas-results/STUDY/best photo.jpg
      nas predict best *.jpg --threshold 0.5 -o found
    """  # fmt: skip
    from nas.workflows import predict

    found = []
    for each in predict(request):
        if json_:
            guesses = [asdict(guess) for guess in each.guesses]
            drawn_in = str(each.drawn) if each.drawn else None
            found.append({"image": str(each.image), "guesses": guesses, "drawn": drawn_in})
            continue
        boxes = f" boxes: {len(each.guesses)}, drawn in {each.drawn}" if each.drawn else ""
        click.echo(f"{each.image}:{boxes}")
        for guess in each.guesses:
            box = "" if guess.box is None else "  " + " ".join(f"{edge:.0f}" for edge in guess.box)
            click.echo(f"  {100 * guess.probability:5.1f} %  {guess.label}{box}")
    if json_:
        output.echo_json(found)
