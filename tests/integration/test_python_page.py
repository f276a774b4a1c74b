"""The Python API: the page's examples as they are typed, and a cell that is interrupted."""

import io
import re
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import nas
from tests.members import TINY

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def examples() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def shortened(code: str) -> str:
    """Return an example that takes seconds: fewer trials, of a tiny space, in one worker."""
    one = "run=nas.RunRequest(max_concurrent=1)"
    code = code.replace("trials=24)", f"trials=24, {one})").replace("concurrent=2", "concurrent=1")
    small = 'trials=2, epochs=1, confirm=0, published=False, limit=100, task="digits"'
    code = re.sub(r'task="digits",\s+trials=24', small, code)
    code = code.replace("epochs=2, seeds=2", f"epochs=1, seeds=2, limit=100, {one}")
    code = code.replace('against="igcv3-w"', 'against="example"')
    code = code.replace('"igcv3-d-1.0", "igcv3-d"', '"igcv3-d-0.25-os", "igcv3-d"')
    code = re.sub(r'search\(\s*"igcv3"', 'search("tiny.toml"', code)
    own = '["tiny.toml", "other.toml"], budget="1.5M-flops", task="digits", limit=100, number=6, '
    return re.sub(r'\["igcv3", "mobilenetv2"\].*number=20, ', f"{own}{one}, ", code)


def run_cells(folder: Path, cells: list[str]) -> list[str]:
    """Run cells one after another in this process, as a notebook does; return the lines printed."""
    (folder / "tiny.toml").write_text(TINY)
    (folder / "other.toml").write_text(TINY.replace('"tiny"', '"other"'))
    names: dict[str, Any] = {"__name__": "__main__"}
    with chdir(folder), redirect_stdout(io.StringIO()) as said:
        for cell in cells:
            try:
                exec(compile(cell, "cell", "exec"), names)
            except BaseException as error:  # noqa: BLE001
                print("raised", type(error).__name__, error)  # noqa: T201
    return said.getvalue().splitlines()


@pytest.mark.timeout(280)
def test_the_examples_of_the_page_run_as_they_are_typed(cluster: None, tmp_path: Path) -> None:
    cells = [shortened(code) for code in examples()]
    assert sum("tiny.toml" in cell for cell in cells) == 4  # each study is a short one
    assert not any("trials=24" in cell for cell in cells)
    checks = """
import pathlib
print('front', study.front() and set(columns) <= set(study.front()[0]))
print('logits', tuple(logits.shape))
print('files', sorted(path.name for path in pathlib.Path('best').iterdir()))
print('report', pathlib.Path('report.html').stat().st_size > 10_000)
print('counted', counted.madds)
print('elsewhere', len(list(pathlib.Path('elsewhere').rglob('best/network.onnx'))))
print('card', pathlib.Path('igcv3-d/card.json').is_file())
print('compared', len(compared.comparison()['groups']))
print('state', study.state.value, other.name != study.name)
"""
    said = run_cells(tmp_path, [*cells, checks])
    assert [line for line in said if line.startswith("raised")] == []
    assert "front True" in said
    assert "logits (1, 10)" in said
    files = "['card.json', 'network.onnx', 'network.py', 'weights.safetensors']"
    assert f"files {files}" in said
    assert {"report True", "counted 312970176", "elsewhere 1", "card True"} <= set(said)
    assert {"compared 2", "state COMPLETE True"} <= set(said)
    told = [line.split()[0] for line in said if line.endswith((" COMPLETE", " STOPPED"))]
    assert {"0", "1"} <= set(told)  # by on_event
    assert any("floops" in line for line in said)


@pytest.mark.timeout(280)
def test_an_interrupted_cell_leaves_the_study_and_the_process_usable(
    cluster: None, tmp_path: Path
) -> None:
    cells = [
        "import os, signal, nas\nfrom nas.study import TrialFinished",
        "def stop(event):\n"
        "    if isinstance(event, TrialFinished):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n",
        "nas.search('tiny.toml', budget='1.5M-flops', task='digits', trials=3, epochs=1,"
        " limit=100, confirm=0, published=False, study='mine',"
        " run=nas.RunRequest(max_concurrent=1), on_event=stop)",
        "print('state', nas.open_study('mine').state.value)",
        "before = nas.open_study('mine').trials()",
        "study = nas.resume('mine')",
        "print('state', study.state.value, len(study.trials()))",
        "kept = [row for row in before if row['state'] == 'COMPLETE']",
        "print('kept', len(kept) > 0 and all(row in study.trials() or"
        " study.trial(row['trial']).record['seconds'] == row['seconds'] for row in kept))",
        "print('handler', signal.getsignal(signal.SIGINT) is signal.default_int_handler)",
    ]
    said = run_cells(tmp_path, cells)
    raised = [line for line in said if line.startswith("raised")]
    assert len(raised) == 1, said
    assert raised[0].startswith("raised KeyboardInterrupt")
    assert "nas.resume('mine')" in raised[0]
    assert said[-4:] == ["state INTERRUPTED", "state COMPLETE 3", "kept True", "handler True"]


def test_counts_are_those_of_the_command() -> None:
    counted = nas.count(nas.load_space("igcv3"), "igcv3-d-1.0")
    assert (counted.madds, counted.params) == (312_970_176, 3_491_688)
    assert sum(row["madds"] for row in counted.layers) == counted.madds


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budget": ()}, "no budget"),
        ({"budget": "300M-floops"}, "floops"),
        ({"budget": "300M-flops", "trials": 0}, "trials = 0"),
        ({"budget": "300M-flops", "trials": "24"}, "trials = '24'"),
        ({"budget": "300M-flops", "confirm": -1}, "confirm = -1"),
        ({"budget": "300M-flops", "time": "soon"}, "soon"),
        ({"budget": "300M-flops", "space": "no-such-space"}, "no-such-space"),
        ({"budget": 300}, "300"),
    ],
)
def test_a_mistake_is_a_nas_error_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nas.NasError) as caught:
        nas.search(**settings)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_is_a_nas_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nas.NasError, match="igcv9"):
        nas.count("igcv3", "igcv9")
    with pytest.raises(nas.NasError):
        nas.open_study("mine")
    with pytest.raises(nas.NasError):
        nas.resume("mine")
