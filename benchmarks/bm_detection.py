"""Detection on a small set: the curve of one detector, examples, and a search of backbones.

Trains IGCV3-D at a third of its widths with the head SSDLite2, then searches backbones of two
spaces within a budget. Both continue after an interruption, in the database of --work.

    nice -n 15 python benchmarks/bm_detection.py --data ../shared/data/bccd --work DIR
"""

import argparse
import os
import time
from pathlib import Path

from curves_svg import Curves, draw
from PIL import Image

import nas
from nas.metrics import metric
from nas.results import recorded_scores
from nas.store import open_store
from nas.workflows import (
    FigureRequest,
    PredictRequest,
    RunRequest,
    StoredStudy,
    predict,
    write_figure,
)

HERE = Path(__file__).parent
SPACES = [str(HERE / f"detection_{name}.toml") for name in ("igcv3", "mobilenetv1")]
EXAMPLES = 6
TILE = 320


def main() -> None:
    given = arguments()
    os.environ["OMP_NUM_THREADS"] = "1"
    given.work.mkdir(parents=True, exist_ok=True)
    db = f"sqlite:///{given.work / 'nas.db'}"
    run = RunRequest(results_dir=given.work / "results", max_concurrent=1)
    lines = ["# Detection on a CPU", "", *trained(given, run, db), *searched(given, run, db)]
    (given.out / "detection.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder in COCO's format")
    parser.add_argument("--work", type=Path, required=True, help="database and weights")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--epochs", type=int, default=45)
    parser.add_argument("--trials", type=int, default=12)
    return parser.parse_args()


def trained(given: argparse.Namespace, run: RunRequest, db: str) -> list[str]:
    """Train one detector; write its curve and examples; return the text."""
    study = existing(db, "bccd-igcv3-d") or nas.train(
        "igcv3-d-0.35", space=SPACES[0], task="detection", data=given.data, image_size=160,
        epochs=given.epochs, name="bccd-igcv3-d", run=run, db=db,
    )  # fmt: skip
    found = study.results
    (trial,) = found.trials
    curves = {
        metric(name).label: [[100 * one.metrics[name] for one in trial.measurements]]
        for name in ("map", "ap50")
    }
    losses = {"training loss": [[one.train_loss for one in trial.measurements]]}
    title = f"IGCV3-D 0.35 with SSDLite2 at 160x160, {given.epochs} epochs from scratch"
    picture = draw(title, [Curves("validation, %", curves), Curves("training loss", losses)])
    (given.out / "detection.svg").write_text(picture, encoding="utf-8")
    artifact = run.results_dir / folder_of(db, study.name) / "best"
    examples(artifact, given.data, given.work / "drawn", given.out / "detection.jpg")
    test = recorded_scores(found.reports)[trial.number]
    rows = [
        f"| {name} | {metric('map').show(own['map'])} | {metric('ap50').show(own['ap50'])} |"
        for name, own in [("all", test), *test["by_class"].items()]
    ]
    minutes = (trial.seconds or 0) / 60
    return [
        f"`{title}`: {found.spec.data.counts}, 3 classes, one seed, recipe ssdlite-short, "
        f"{trial.cost.madds / 1e6:.1f}M multiply-adds at {found.spec.input}, "
        f"{minutes:.0f} minutes of training on one thread of a shared machine.",
        "",
        "![Validation AP and training loss by epoch](detection.svg)",
        "",
        "Test images, measured once after the last epoch:",
        "",
        "| class | mAP | AP50 |",
        "|---|---|---|",
        *rows,
        "",
        f"The first {EXAMPLES} test images with the boxes of a probability of 0.3 or more "
        "(`nas predict`):",
        "",
        "![Boxes on test images](detection.jpg)",
        "",
    ]


def searched(given: argparse.Namespace, run: RunRequest, db: str) -> list[str]:
    """Search backbones; write the report; return the text."""
    began = time.time()
    study = existing(db, "bccd-backbones") or nas.search(
        SPACES, budget="30M-flops", classes=3, input="3x128x128", task="detection",
        data=given.data, image_size=128, trials=given.trials, rungs=(6, 18), confirm=0,
        study="bccd-backbones", run=run, db=db,
    )  # fmt: skip
    found = study.results
    print(f"searched in {time.time() - began:.0f} s")
    tested = recorded_scores(found.reports)
    shown = [*found.front, *found.references]
    rows = []
    for trial in sorted(shown, key=lambda trial: trial.cost.madds):
        name = trial.reference or f"trial {trial.number}, {trial.architecture.space}"
        test = tested.get(trial.number, {})
        values = [metric("map").show(trial.value("map")), metric("ap50").show(trial.value("ap50")),
                  metric("map").show(test.get("map"))]  # fmt: skip
        place = "reference" if trial.reference else "front"
        rows.append(f"| {name} | {place} | {trial.cost.madds / 1e6:.1f}M | {' | '.join(values)} |")
    picture = given.out / "detection_front.svg"
    write_figure(FigureRequest(study=study.name, figure="front", path=picture, force=True, db=db))
    return [
        f"A search of {found.spec.num_trials} backbones within 30M multiply-adds of backbone and "
        "head at 128x128 for 3 classes, trained for up to 18 epochs and judged after 6, one seed:",
        "",
        "| network | | madds | val mAP | val AP50 | test mAP |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        "![Validation mAP against multiply-adds](detection_front.svg)",
        "",
        "So few images, epochs and seeds show that the search works; they rank no backbones.",
    ]


def existing(db: str, name: str) -> StoredStudy | None:
    """Return the study of this name, None if there is none."""
    with open_store(db) as store:
        return StoredStudy(name, db) if name in store.names() else None


def folder_of(db: str, name: str) -> str:
    """Return the folder of a study in its results."""
    with open_store(db, read_only=True) as store:
        return str(store.folder(name))


def examples(artifact: Path, data: Path, drawn: Path, target: Path) -> None:
    """Draw the boxes on the first test images side by side."""
    images = sorted((data / "val").iterdir())[:EXAMPLES]
    found = predict(PredictRequest(artifact=artifact, images=images, output=drawn, force=True))
    tiles = [Image.open(each.drawn).resize((TILE, TILE * 3 // 4)) for each in found if each.drawn]
    sheet = Image.new("RGB", (3 * TILE, 2 * (TILE * 3 // 4)))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % 3 * TILE, place // 3 * (TILE * 3 // 4)))
    sheet.save(target, quality=85)


if __name__ == "__main__":
    main()
