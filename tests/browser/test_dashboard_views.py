"""What a reader does with several studies, filters and files, in a real browser."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import torch

from nas.cost import total_cost
from nas.results import PointGroup, Selection, narrowed
from nas.space import Shape
from nas.store import open_store
from nas.study import Trial, TrialState
from nas.training import load_recipe
from nas.training.network.module import build
from nas.training.network.weights_file import save_weights
from tests.browser.served import served
from tests.classified import classified
from tests.cli.test_networks import WORDS
from tests.compared import spec_of as tiny_spec
from tests.figures.drawn_study import make_spec, make_trials, make_view
from tests.figures.stored import store_study, store_trial

pytestmark = pytest.mark.browser

SPEC = make_spec()
TRIALS = make_trials(SPEC)
VIEW = make_view(SPEC)
SEED = replace(SPEC, name="seed-2", seed=2)
SEED_TRIALS = make_trials(SEED, seed=2)
OTHER = replace(SPEC, name="other-task", task="cifar10")
STUDY = f"study/{SPEC.name}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = tmp_path_factory.mktemp("views") / "nas.db"
    store_study(database, SPEC, TRIALS)
    store_study(database, SEED, SEED_TRIALS)
    store_study(database, OTHER, TRIALS[:4])
    with served(database) as address:
        yield address


def drawn(seen: Any) -> Any:
    seen.page.wait_for_selector("#front .scatterlayer .trace", timeout=60_000)
    seen.page.wait_for_selector("#table tbody tr", timeout=60_000)
    seen.page.wait_for_selector("#edf .scatterlayer .trace", timeout=60_000)
    return seen


def names(seen: Any, graph: str = "front") -> list[str]:
    found: list[str] = seen.page.evaluate(
        f"document.querySelector('#{graph} .js-plotly-plot').data.map(t => t.name)"
    )
    return found


def test_studies_are_overlaid_and_a_click_on_another_one_opens_it(visit: Any, address: str) -> None:
    seen = drawn(visit(address + STUDY))
    seen.page.click("#others")
    seen.page.wait_for_selector(".dash-dropdown-option", timeout=30_000)
    listed = seen.page.locator(".dash-dropdown-option").all_inner_texts()
    assert listed == [f"{SEED.name} (seed 2 of the same search)"]  # not the one of another task
    seen.page.click(".dash-dropdown-option")
    seen.page.keyboard.press("Escape")
    seen.page.wait_for_url("**/*with=seed-2")
    seen.page.wait_for_selector("#overlay-text:has-text('best to the worst of 2 seeds')")
    assert {"best to the worst of 2 seeds", SPEC.name, SEED.name} <= {
        name.removeprefix("the ") for name in names(seen)
    }
    seen.page.wait_for_function(
        "document.querySelector('#edf .js-plotly-plot').data.length === 2", timeout=30_000
    )
    seen.page.mouse.click(*seen.at("front", SEED.name, 0))
    seen.page.wait_for_url(f"{address}study/{SEED.name}/trial/**", timeout=30_000)
    assert f"with={SPEC.name}" in seen.page.url
    seen.page.wait_for_selector(f"#name:has-text('{SEED.name}')")
    assert seen.complaints == []


@pytest.mark.slow
def test_a_brush_keeps_its_trials_in_every_view_and_in_the_address(
    visit: Any, address: str
) -> None:
    seen = drawn(visit(address + STUDY))
    seen.page.click("#front .modebar-btn[data-title='Box Select']")
    ends = seen.page.evaluate(
        """() => {
            const gd = document.querySelector('#front .js-plotly-plot');
            gd.scrollIntoView({block: 'center'});
            const {xaxis, _size} = gd._fullLayout, box = gd.getBoundingClientRect();
            const at = share => box.x + _size.l + xaxis._length * share;
            return [at(.05), box.y + _size.t + 5, at(.6), box.y + _size.t + _size.h - 5];
        }"""
    )
    seen.page.mouse.move(*ends[:2])
    seen.page.mouse.down()
    seen.page.mouse.move(*ends[2:], steps=4)
    seen.page.mouse.up()
    seen.page.wait_for_url("**/*box=*", timeout=30_000)
    seen.page.wait_for_selector("#overlay-text:has-text('The filters keep')")
    counted = "document.querySelectorAll('#table tbody tr').length"
    seen.page.wait_for_function(f"0 < {counted} && {counted} < {len(TRIALS)}", timeout=30_000)
    rows = seen.page.locator("#table tbody tr").count()
    seen.page.reload()
    drawn(seen)
    seen.page.wait_for_function(f"{counted} === {rows}", timeout=30_000)
    assert seen.page.locator("#front .selectionlayer path").count() > 0  # the box is drawn
    seen.page.click("#all-trials")
    seen.page.wait_for_url(lambda url: "box=" not in url)
    seen.page.wait_for_function(f"{counted} === {len(TRIALS)}", timeout=30_000)
    assert seen.complaints == []


@pytest.mark.slow
def test_a_study_that_cannot_be_overlaid_is_said_and_the_rest_is_drawn_and_filtered(
    visit: Any, address: str
) -> None:
    """The top share is a filter, and parallel coordinates have the stages of one choice."""
    others = f"{OTHER.name},none,{SEED.name}"
    seen = drawn(visit(f"{address}{STUDY}?with={others}&top=25&along=relu"))
    seen.page.wait_for_selector("#overlay-text:has-text('There is no study')")
    text = seen.page.inner_text("#overlay-text")
    assert f"{OTHER.name} is not drawn: it has another task" in text
    assert SEED.name in names(seen)
    kept = narrowed(VIEW, Selection(top=25.0))
    rows = "document.querySelectorAll('#table tbody tr').length"
    seen.page.wait_for_function(f"{rows} === {len(kept.points)}", timeout=30_000)
    axes = "document.querySelector('#parallel .js-plotly-plot').data[0].dimensions"
    seen.page.wait_for_function(f"{axes}.length > 2", timeout=30_000)
    lines = f"{axes}[0].values.length"
    seen.page.wait_for_function(f"{lines} === {len(kept.complete)}", timeout=30_000)
    first = seen.page.evaluate(f"{axes}[0]")
    assert first["label"].startswith("stage")
    networks = [kept.points.architecture(row) for row in kept.complete.tolist()]
    stage = VIEW.stage_names["igcv3"].index(first["label"])
    values = {network.column("relu")[stage] for network in networks}
    assert set(first["ticktext"]) == {"–" if value is None else value for value in values}
    assert "top=25" in seen.page.url
    assert seen.complaints == []


def test_the_list_is_sorted_by_a_heading_and_has_the_times_of_the_reader(
    visit: Any, address: str
) -> None:
    seen = visit(address, timezone_id="Asia/Kathmandu")
    seen.page.wait_for_selector("#studies tbody tr:nth-child(3)", timeout=60_000)
    first = "#studies tbody tr:first-child td:first-child"
    assert seen.page.inner_text(f"{first} a") == OTHER.name  # the newest
    seen.page.click("#studies th button:has-text('Study')")
    seen.page.wait_for_selector(f"{first}:has-text('{SPEC.name}')")
    assert seen.page.locator("#studies tbody img[alt^=hypervolume]").count() >= 2
    created = seen.page.inner_text("#studies tbody tr:first-child td:last-child")
    zone = ZoneInfo("Asia/Kathmandu")
    shown = datetime.strptime(created, "%Y-%m-%d %H:%M").replace(tzinfo=zone)
    assert abs(datetime.now(UTC) - shown) < timedelta(minutes=30)
    assert seen.complaints == []


@pytest.mark.slow
def test_the_address_opens_a_trial_which_without_weights_offers_its_source_alone(
    visit: Any, address: str
) -> None:
    failed = VIEW.group(PointGroup.FAILED)[0]
    seen = visit(f"{address}{STUDY}/trial/{failed.number}")
    seen.page.wait_for_selector("#downloads button")
    assert "failed: nan" in seen.page.inner_text("#detail")
    assert seen.page.locator("#command").count() == 0
    assert "No weights are recorded" in seen.page.inner_text("#downloads")
    assert seen.page.locator("#downloads button").count() == 1


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study of one trial with weights."""
    folder = tmp_path_factory.mktemp("searched")
    spec = tiny_spec("random", 2)
    spec = replace(spec, name="tiny", task="digits", recipe=load_recipe("digits").text)
    architecture = spec.space.parse(WORDS["lean"])
    cost = total_cost(spec.deployed_layers(architecture))
    layers = spec.task_layers(architecture, Shape(1, 8, 8), 10)
    weights = folder / "trial-0.safetensors"
    save_weights(build(layers, torch.Generator().manual_seed(1)), weights)
    measured = (classified(spec.rungs[-1], 0, 0.3, 1.0, 1.0, 1.0),)
    trial = Trial(0, architecture, cost, TrialState.COMPLETE, 7, measurements=measured)
    with open_store(str(folder / "nas.db")) as store:
        store.create_study(spec, {"nas": "1"})
        store_trial(store, "tiny", trial, weights)
    return folder


def test_the_onnx_file_is_built_outside_the_page_and_runs(
    visit: Any, searched: Path, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    with served(searched / "nas.db") as address:
        seen = visit(f"{address}study/tiny/trial/0")
        seen.page.click("button:has-text('Build the ONNX file')")
        link = seen.page.wait_for_selector("#downloads a:has-text('network.onnx')", timeout=120_000)
        with seen.page.expect_download() as coming:
            link.click()
        coming.value.save_as(tmp_path / "network.onnx")
        assert coming.value.suggested_filename == "tiny-trial-0-network.onnx"
        with seen.page.expect_download() as coming:
            seen.page.click("#downloads a:has-text('model card')")
        coming.value.save_as(tmp_path / "card.json")
        assert seen.complaints == []
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    (images,) = session.get_inputs()
    logits = session.run(None, {images.name: np.zeros((1, *images.shape[1:]), np.float32)})[0]
    assert logits.shape == (1, 10)
    assert np.isfinite(logits).all()
    assert json.loads((tmp_path / "card.json").read_text())["files"]
