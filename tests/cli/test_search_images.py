"""`nas search` on the user's images: the same options as in `nas train`."""

from pathlib import Path

import pytest

from tests.cli.runner import Shell
from tests.messages import carries
from tests.training.data.pictures import write_folder

pytestmark = pytest.mark.usefixtures("ray_ahead")

SEARCH = ["search", "--budget", "300M-flops"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "images", ("owl", "cat"), side=20)


def test_a_data_folder_alone_means_images_of_ones_own(nas: Shell, images: Path) -> None:
    (images / "owl" / "3.png").write_bytes(b"nothing")
    said = nas.refused(*SEARCH, "--data", "images")
    assert carries(said, "owl/3.png … --skip-corrupt")
    assert [path.name for path in images.parent.iterdir()] == ["images"]


def test_an_image_size_is_for_images_of_ones_own(nas: Shell) -> None:
    assert carries(nas.refused(*SEARCH, "--task", "digits", "--image-size", "64"), "8x8 … 64")


def test_both_options_are_part_of_the_study(images: Path) -> None:
    from nas.study.spec import StudySpec
    from nas.training.data import load_study_task
    from nas.workflows import SearchRequest, plan_study

    (images / "owl" / "3.png").write_bytes(b"nothing")
    request = SearchRequest(budgets=("300M-flops",), data=images, image_size=16, skip_corrupt=True)
    spec = StudySpec.from_json(plan_study(request).to_json())
    assert (spec.task, spec.image_size, spec.skip_corrupt) == ("folder", 16, True)
    task = load_study_task(spec)
    assert str(task.input) == "3x16x16"
    assert "left out: 1 (1 unreadable: " in task.note
