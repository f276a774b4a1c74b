"""Commands: arguments become requests of the workflows, whose defaults options show."""

from pathlib import Path

import click
import pytest

from nas import workflows
from nas.cli import app
from nas.cli.options import Output
from nas.errors import NasError
from nas.user_folders import results_folder
from nas.workflows import (
    AuditRequest,
    CompareRequest,
    LatencyRequest,
    NetworkExportRequest,
    NetworkLatencyRequest,
    NetworkRequest,
    ProveRequest,
    Request,
    RunRequest,
    SearchRequest,
    SpaceRequest,
    default_of,
)
from tests.cli.runner import Shell

ARCH = NetworkRequest(arch="igcv3-w", space="igcv3", input="3x64x64", classes=7, strides="2,1")
WORDS = ["--arch", "igcv3-w", "--space", "igcv3", "--input", "3x64x64", "--classes", "7",
         "--strides", "2,1"]  # fmt: skip
CALLS = [
    (
        "search",
        "--space a,b --budget 1M-flops --budget 5ms-latency@cpu --study s --task digits --trials 5 "
        "--time 1h30m --rungs 2,4 --resolutions 4,8 --eta 2 --objective loss --sampler random "
        "--seed 4 --no-published --no-reuse --confirm 1 --seeds 2 --proxies --limit 9 --recipe r "
        "--latency-table t --latency-runtime torch --latency-threads 2 --input 3x8x8 --classes 3 "
        "--strides 1,1 --task-strides 1,2",
        SearchRequest(
            space="a,b", budgets=("1M-flops", "5ms-latency@cpu"), study="s", task="digits",
            trials=5, time=5400.0, rungs=(2, 4), resolutions=(4, 8), eta=2, objectives=("loss",),
            sampler="random", seed=4, published=False, reuse=False, confirm=1, seeds=2,
            proxies=True, limit=9, recipe="r", input="3x8x8", classes=3, strides="1,1",
            task_strides="1,2",
            latency=LatencyRequest(table=Path("t"), runtime="torch", threads=2),
        ),
    ),
    ("search", "--budget 1M-flops", SearchRequest(budgets=("1M-flops",))),
    (
        "compare-spaces",
        "a b --budget 1M-flops -n 30 --vary g1 --data d --epochs 3",
        CompareRequest(
            search=SearchRequest(space="a,b", budgets=("1M-flops",), data=Path("d"), epochs=3),
            number=30,
            vary="g1",
        ),
    ),
    ("count", WORDS, ARCH),
    ("count", "s --trial 3 --db x.db", NetworkRequest(study="s", trial=3, db="x.db")),
    (
        "export",
        [*WORDS, "-o", "out", "--opset", "12", "--force"],
        NetworkExportRequest(network=ARCH, directory=Path("out"), opset=12, force=True),
    ),
    (
        "export",
        "s --best --deploy --results r -o out",
        NetworkExportRequest(
            network=NetworkRequest(study="s"), directory=Path("out"), deploy=True,
            results_dir=Path("r"),
        ),
    ),
    (
        "latency",
        [*WORDS, "--runtime", "torch", "--threads", "3"],
        NetworkLatencyRequest(network=ARCH, runtime="torch", threads=3),
    ),
    (
        "space",
        "a --budget 1M-flops --band 85-100 --classes 3",
        SpaceRequest(space="a", budgets=("1M-flops",), band="85-100", classes=3),
    ),
    ("proxies", "s --compute", AuditRequest(study="s", compute=True)),
    (
        "prove",
        "t.csv --budget 1M-flops --samplers tpe,random:single --front flops,latency --seeds 2 "
        "--trainings 9,5 --workers 2 --reference 80 --confirm 2 --ours tpe --jobs 1 --resume f",
        ProveRequest(
            table=Path("t.csv"), budgets=("1M-flops",), samplers=("tpe", "random:single"),
            front=("flops", "latency"), seeds=2, trainings=(5, 9), workers=2, reference=80.0,
            confirm=2, ours="tpe", jobs=1, resume=Path("f"),
        ),
    ),
]  # fmt: skip
FUNCTIONS = {
    "compare-spaces": "compare_spaces", "latency": "network_latency", "space": "summarise_space",
    "proxies": "audit_study",
}  # fmt: skip
BOUND = {
    "search": (SearchRequest, RunRequest, Output),
    "resume": (RunRequest, Output),
    "compare-spaces": (CompareRequest, SearchRequest, RunRequest, Output),
    "space": (SpaceRequest,),
    "export": (NetworkExportRequest, NetworkRequest),
    "latency": (NetworkLatencyRequest, NetworkRequest),
    "prove": (ProveRequest,),
}


@pytest.mark.parametrize(("verb", "words", "wanted"), CALLS, ids=str)
def test_words_become_the_request(
    nas: Shell, monkeypatch: pytest.MonkeyPatch, verb: str, words: str | list[str], wanted: Request
) -> None:
    asked = []

    def record(request: Request, *rest: object) -> None:
        asked.append((request, rest))
        raise NasError("asked.", "Nothing else.")

    monkeypatch.setattr(workflows, FUNCTIONS.get(verb, verb), record)
    said = nas.refused(verb, *(words.split() if isinstance(words, str) else words))
    assert asked, said
    assert asked[0][0] == wanted


def test_words_say_how_trials_run(nas: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def record(
        study: str, run: RunRequest, db: str | None, on_event: object, *, retry_failed: bool
    ) -> None:
        asked.append((study, run, db, retry_failed))
        raise NasError("asked.", "Nothing else.")

    monkeypatch.setattr(workflows, "resume", record)
    words = (
        "resume s --results r --ray-address h:1 --cpus-per-trial 2 --gpus-per-trial 0.5 "
        "--max-concurrent 3 --priority 2 --report-timeout 9 --profile --loaders 2 --retry-failed "
        "--db x.db"
    )
    nas.refused(*words.split())
    assert asked == [
        (
            "s",
            RunRequest(
                results_dir=Path("r"), ray_address="h:1", cpus_per_trial=2.0, gpus_per_trial=0.5,
                max_concurrent=3, priority=2.0, report_timeout=9.0, profile=True, loaders=2,
                owns_process=True,
            ),
            "x.db",
            True,
        )
    ]  # fmt: skip


@pytest.mark.parametrize("verb", BOUND)
def test_options_have_the_defaults_of_their_requests(verb: str) -> None:
    command = app.get_command(click.Context(app), verb)
    for parameter in command.params:
        if parameter.default is results_folder or not isinstance(parameter, click.Option):
            continue
        for request in BOUND[verb]:
            name = parameter.name
            if name in request.__dataclass_fields__ and isinstance(parameter.default, int | float):
                assert parameter.default == default_of(request, name), (verb, name)
                break


def test_a_text_is_taken_as_a_path_or_as_one_of_several_names() -> None:
    assert SearchRequest(budgets="1M-flops", task="folder", data="images") == SearchRequest(  # type: ignore[arg-type]
        budgets=("1M-flops",), task="folder", data=Path("images")
    )
    assert LatencyRequest(table="t.csv").table == Path("t.csv")  # type: ignore[arg-type]
    run = RunRequest(results_dir="r", formats="onnx")  # type: ignore[arg-type]
    assert (run.results_dir, run.formats) == (Path("r"), ("onnx",))


def test_the_environment_names_database_and_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAS_RESULTS", "elsewhere")
    assert RunRequest().results_dir == Path("elsewhere")
    monkeypatch.delenv("NAS_RESULTS")
    assert RunRequest().results_dir == Path("nas-results")
