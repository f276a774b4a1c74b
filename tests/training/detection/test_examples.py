"""Examples of a detector: drawn from the validation split, recorded with hashes, and shown."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.dashboards.reader import Reader
from nas.figures import write_report
from nas.metrics import DETECTION
from nas.results import Picture, Pictures, StudyResults
from nas.store import (
    EXAMPLES_FOLDER,
    EXAMPLES_REPORT,
    example_entry,
    open_store,
    read_examples,
)
from nas.training import Session, build, drawn_examples
from nas.training.data import load_task
from nas.training.network.weights_file import save_weights
from nas.workflows.finish_study import record_examples
from tests.figures.stored import store_study
from tests.studies import complete_trial, small_spec, study_view
from tests.training.detection.coco_sets import coco_set
from tests.training.detection.test_training import RECIPE, session

SHOWN = Pictures("What it shows.", (Picture("a <b>.png", b"one"), Picture("c.png", b"two")))


@pytest.fixture
def trained(tmp_path: Path, cache: None, one_thread: None) -> Session:
    return session(load_task("detection", str(coco_set(tmp_path, 60)), image_size=64), 1)


def test_they_show_the_true_boxes_and_those_of_the_network(trained: Session) -> None:
    with torch.no_grad():
        for name, bias in trained.network.named_parameters():
            if name.startswith("class_heads") and name.endswith("bias"):
                bias[0::3] = 5.0  # all is background
    found = list(drawn_examples(trained, 2))
    assert found == list(drawn_examples(trained, 2))
    names = [name for name, _ in found]
    assert len(set(names)) == 2
    for _, content in found:
        with Image.open(BytesIO(content)) as picture:
            assert picture.size == (2 * 80 + 4, 60)
            pixels = np.asarray(picture.convert("HSV"), dtype=int)
        coloured = (pixels[..., 1] > 120) & (pixels[..., 2] > 120)
        assert coloured[:, :80].sum() > 60  # a true box of each class
        assert not coloured[:, 84:].any()  # no box is probable


def test_the_boxes_of_an_untrained_network_are_drawn_where_they_are_probable(
    trained: Session,
) -> None:
    ((_, content),) = drawn_examples(trained, 1)
    with Image.open(BytesIO(content)) as picture:
        right = np.asarray(picture.convert("HSV"), dtype=int)[:, 84:]
    assert ((right[..., 1] > 120) & (right[..., 2] > 120)).any()


def test_no_more_images_than_there_are(trained: Session) -> None:
    count = len(trained.task.val)
    assert len(list(drawn_examples(trained, 100))) == count
    assert len(list(drawn_examples(trained))) == min(6, count)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A study with two pictures, of which the second was changed later."""
    path = tmp_path / "nas.db"
    store_study(path, small_spec(published=False), [complete_trial(0, 0.5)])
    with open_store(str(path)) as store:
        folder = tmp_path / "results" / store.claim_folder("study", tmp_path / "results")
        (folder / EXAMPLES_FOLDER).mkdir()
        entries = []
        for picture in SHOWN.pictures:
            file = f"{picture.content.decode()}.jpg"
            (folder / EXAMPLES_FOLDER / file).write_bytes(picture.content)
            entries.append(example_entry(file, picture))
        record = {"caption": SHOWN.caption, "files": entries}
        store.record_report("study", 0, EXAMPLES_REPORT, record)
    (folder / EXAMPLES_FOLDER / "two.jpg").write_bytes(b"other")
    return path


def test_a_changed_picture_is_not_shown(database: Path) -> None:
    with open_store(str(database), read_only=True) as store:
        found = StudyResults(store.spec("study"), store.trials("study"), store.reports("study"))
        assert read_examples(store, found, 0) == Pictures(SHOWN.caption, SHOWN.pictures[:1])
        assert read_examples(store, found, 7) is None
        reader = Reader(store)
        assert reader.examples(reader.snapshot("study"), 0) == read_examples(store, found, 0)


def test_the_report_shows_them(tmp_path: Path) -> None:
    view = study_view(small_spec(published=False), [complete_trial(0, 0.5)])
    write_report(view, tmp_path / "report.html", examples=SHOWN)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What it shows." in page
    assert 'src="data:image/jpeg;base64,b25l" alt="a &lt;b&gt;.png"' in page


def test_they_are_drawn_once_from_the_weights_of_a_trial(trained: Session, tmp_path: Path) -> None:
    spec = small_spec(
        task="detection", metrics=DETECTION, objectives=("map", "madds"),
        reference_point=(0.0, 1000.0), published=False, recipe=RECIPE.text,
    )  # fmt: skip
    trial = complete_trial(0, 0.0)
    layers = spec.task_layers(trial.architecture, trained.task.input, trained.task.outputs)
    store_study(tmp_path / "nas.db", spec, [trial])
    with open_store(str(tmp_path / "nas.db")) as store:
        folder = tmp_path / "results" / store.claim_folder("study", tmp_path / "results")
        sha256 = save_weights(build(layers), folder / "w.safetensors")
        own = replace(trial, weights_path="study/w.safetensors", weights_sha256=sha256)
        record_examples(store, spec, own, trained.task, folder)
        found = StudyResults(spec, store.trials("study"), store.reports("study"))
        shown = read_examples(store, found, 0)
        assert shown is not None
        assert [Image.open(BytesIO(each.content)).format for each in shown.pictures] == ["JPEG"] * 6
        save_weights(build(layers), folder / "w.safetensors")
        record_examples(store, spec, own, trained.task, folder)
        assert read_examples(store, found, 0) == shown
