"""The documents: what they tell a user to type exists, and does what they say."""

import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from ray.scripts.scripts import start as ray_start

from nas import errors
from nas.exports.bundle import export_network
from nas.exports.request import ExportRequest, WeightsOrigin
from nas.samplers import SAMPLERS
from nas.space.file import read_space
from nas.space.layers import Shape
from nas.study import TASKS
from nas.training.loop.recipe import builtin_recipes, read_recipe
from nas.training.network.module import build
from nas.training.network.weights_file import save_weights

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = [page for page in PAGES if page.name != "cli.md"]
MAKE_CLI = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))
VERBS: dict[str, click.Context] = dict(MAKE_CLI["verbs"]())
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fences(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text()) if kind == language]


def typed(page: Path, program: str) -> Iterator[str]:
    """Yield the lines of the page's shell blocks that call `program`, without their comments."""
    for block in fences(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.partition("#")[0].strip().removeprefix(".venv/bin/")
            if words.startswith(f"{program} "):
                yield words


def options(context: click.Context) -> set[str]:
    given = [p for p in context.command.get_params(context) if isinstance(p, click.Option)]
    return {name for option in given for name in (*option.opts, *option.secondary_opts)}


def check_call(line: str) -> str:
    """Parse a line as the program would, without running it; return its verb."""
    words = shlex.split(re.split(r"\s[>|]", line)[0])
    verb = " ".join(words[:3]) if " ".join(words[:3]) in VERBS else " ".join(words[:2])
    assert verb in VERBS, line
    rest = words[len(verb.split()) :]
    VERBS[verb].command.make_context(verb, list(rest))  # raises on what it does not know
    return verb


def calls() -> list[tuple[str, str]]:
    return [(page.name, line) for page in GUIDES for line in typed(page, "nas")]


def test_the_reference_is_what_the_program_prints() -> None:
    """In an interpreter of its own: click keeps what the first caller of a verb's help made."""
    printed = subprocess.run(
        [sys.executable, "-c",
         "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1])['render']())",
         str(ROOT / "docs" / "make_cli.py")],
        capture_output=True, text=True, encoding="utf-8", check=True, timeout=120,
    )  # fmt: skip
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == printed.stdout, (
        "out of date: run python docs/make_cli.py"
    )


def test_the_reference_holds_every_option_of_every_verb() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert len(VERBS) >= 12
    for name, context in VERBS.items():
        section = page.split(f"\n## `{name}`\n")[1].split("\n## ")[0]
        for option in options(context):
            assert re.search(rf"(^|[ ,]){re.escape(option)}\b", section, re.MULTILINE), option


@pytest.mark.parametrize(("page", "line"), calls())
def test_commands_in_the_documents_can_be_typed(page: str, line: str) -> None:
    assert check_call(line)


def test_every_verb_is_shown() -> None:
    leaves = {
        name for name, context in VERBS.items() if not isinstance(context.command, click.Group)
    }
    assert {check_call(line) for _, line in calls()} == leaves


@pytest.mark.parametrize(
    "line", ["nas serach --budget 1M-params", "nas front x --cvs", "nas search --trials many"]
)
def test_the_check_of_commands_sees_mistakes(line: str) -> None:
    with pytest.raises((AssertionError, click.ClickException)):
        check_call(line)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_options_in_the_text_exist(page: Path) -> None:
    known = set().union(*(options(context) for context in VERBS.values())) | {"--help"}
    text = FENCE.sub("", page.read_text())
    for span in re.findall(r"`([^`]+)`", text):
        words = span.split()
        if words[0] == "nas" and len(words) > 1:
            assert words[1].isupper() or " ".join(words[:2]) in VERBS, span
        if words[0] == "nas" or words[0].startswith("--"):
            for option in re.findall(r"--[a-z-]+", span):
                assert option in known, span


def test_the_first_screen_has_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE))
    named = [line.split()[1] for line in typed(ROOT / "README.md", "make")]
    assert named[:2] == ["search", "test"]
    assert fences(ROOT / "README.md", "sh")[0].count("\n") == 2
    assert readme.index("make test") < 1500
    assert readme.count("\n") <= 150
    for page in GUIDES:
        assert {line.split()[1] for line in typed(page, "make")} <= targets


def test_make_does_what_the_readme_says_under_it() -> None:
    printed = subprocess.run(
        ["make", "-n", "search", "test", "check"], cwd=ROOT, capture_output=True, text=True
    )
    assert printed.returncode == 0, printed.stderr
    words = [line.removeprefix(".venv/bin/") for line in printed.stdout.splitlines()]
    assert next(typed(ROOT / "README.md", "nas")) in words
    (tests,) = (line for line in words if line.startswith("pytest "))
    assert tests.endswith(' -m "not slow and not gpu"')


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, *(ROOT / "docs" / "adr").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", page.read_text())):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_picture_is_small() -> None:
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 200_000, picture
        assert picture.name in (ROOT / "README.md").read_text()


def test_exit_codes_are_those_of_the_errors() -> None:
    section = (
        (ROOT / "docs" / "guide.md").read_text().split("\n## Exit codes\n")[1].split("\n## ")[0]
    )
    table = dict(re.findall(r"^\| (\d+) \| (.+) \|$", section, re.M))
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {str(kind.exit_code) for kind in kinds if issubclass(kind, errors.NasError)}
    assert set(table) == raised | {"0", "1", "130"}


def test_names_in_the_guide_exist() -> None:
    guide = (ROOT / "docs" / "guide.md").read_text()
    (tasks,) = re.findall(r"^\| \| `(\w+)` \| `(\w+)` \|$", guide, re.MULTILINE)
    assert set(tasks) <= set(TASKS.names())
    assert set(tasks) <= set(builtin_recipes())
    samplers = guide.split("| `--sampler` |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in samplers.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(SAMPLERS.names())


def test_environment_variables_are_in_the_guide() -> None:
    used = set()
    for file in (*(ROOT / "nas").rglob("*.py"), ROOT / "docker-compose.yml"):
        used |= set(re.findall(r"\bNAS_[A-Z]+\b", file.read_text()))
    guide = (ROOT / "docs" / "guide.md").read_text()
    assert used == set(re.findall(r"\bNAS_[A-Z]+\b", guide))


def test_the_recipe_in_the_guide_is_one() -> None:
    (text,) = fences(ROOT / "docs" / "guide.md", "toml")
    assert read_recipe(text, "guide.md").epochs > 0


def test_the_space_in_the_guide_is_one() -> None:
    for text in fences(ROOT / "docs" / "spaces.md", "toml"):
        assert read_space(text, "spaces.md").stages


def test_digits_are_split_as_the_guide_says() -> None:
    from nas.training.data import load_task

    guide = (ROOT / "docs" / "guide.md").read_text()
    task = load_task("digits")
    splits = (task.train, task.val, task.test)
    assert " / ".join(f"{len(split):,}" for split in splits) in guide


def test_the_predictor_runs_in_a_study_of_optuna_as_the_guide_says() -> None:
    (snippet,) = [t for t in fences(ROOT / "docs" / "guide.md", "python") if "for_optuna" in t]
    names: dict[str, Any] = {}
    exec(snippet, names)
    study, madds = names["study"], names["madds"]
    for _ in range(12):
        trial = study.ask(names["space"])
        study.tell(trial, [1 / trial.params["width"], madds(trial.params)])
    assert all(madds(trial.params) <= 1_000_000 for trial in study.trials)


def test_an_untrained_export_loads_as_the_guide_says(tmp_path: Path) -> None:
    (snippet,) = [
        text for text in fences(ROOT / "docs" / "guide.md", "python") if "onnxruntime" in text
    ]
    request = replace(trained_digits(tmp_path / "weights"), training=None)
    export_network(request, tmp_path / "best")
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=tmp_path / "best", capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_export_loads_as_the_guide_says(tmp_path: Path) -> None:
    (snippet,) = [t for t in fences(ROOT / "docs" / "guide.md", "python") if "onnxruntime" in t]
    export_network(trained_digits(tmp_path / "weights"), tmp_path / "best")
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=tmp_path / "best", capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names, error = re.fullmatch(r"(\[.+\]) (\S+)\n", done.stdout).groups()
    assert len(re.findall(r"'digit \d'", names)) == 4
    assert float(error) < 1e-4


def trained_digits(weights: Path) -> ExportRequest:
    """A network of the guide's own example space with weights in a file, as a trial leaves it."""
    import torch

    (text,) = fences(ROOT / "docs" / "spaces.md", "toml")[:1]
    space = read_space(text, "spaces.md")
    request = ExportRequest(
        name="trial-0", space=space, architecture=space.published[0].architecture,
        input=Shape(1, 8, 8), classes=10, deployment=space.deployment,
        deployment_classes=space.classes,
        training=WeightsOrigin(
            weights=weights, study="s", trial=0, task="digits", data="", recipe="digits",
            study_seed=0, trial_seed=0, epochs=1, scores={"validation": {"top1_error": 0.9}},
            estimates={},
            mean=(0.3,), std=(0.35,), class_names=tuple(f"digit {k}" for k in range(10)),
        ),
    )  # fmt: skip
    network = build(request.layers(), torch.Generator().manual_seed(0))
    save_weights(network, weights)
    return request


def test_constraints_pin_what_is_required() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in pins)
    pinned = {
        re.sub(r"[-_.]+", "-", name).lower(): Version(version)
        for name, version in (line.split("==") for line in pins)
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        wanted = Requirement(text)
        assert pinned[wanted.name] in wanted.specifier, text


def test_the_containers_run_commands_that_exist_and_publish_the_page_alone() -> None:
    """The commands of nas and of Ray are parsed; nothing is started."""
    read = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = read["services"]
    ports = {name: each["ports"] for name, each in services.items() if "ports" in each}
    assert ports == {"dashboard": ["127.0.0.1:${NAS_PORT:-8050}:8050"]}
    for name in ("migrate", "dashboard"):
        check_call("nas " + " ".join(services[name]["command"]))
    for name in ("head", "worker"):
        command = [*services[name]["entrypoint"], *services[name]["command"]]
        assert command[:2] == ["ray", "start"]
        ray_start.make_context("start", [*command[2:]])
        assert services[name]["environment"]["RAY_AUTH_MODE"] == "token"
    start, _, drive = services["drive"]["command"][0].partition(" && exec ")
    ray_start.make_context("start", start.split()[2:])
    check_call(drive)
    assert 'ENTRYPOINT ["nas"]' in (ROOT / "Dockerfile").read_text()


def test_only_services_that_write_or_read_the_record_have_its_password() -> None:
    read = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    passwords = {"database", "pgpass"}
    having = {
        name for name, each in read["services"].items() if passwords & {*each.get("secrets", [])}
    }
    assert having == {"postgres", "migrate", "drive", "dashboard"}
    assert {each["file"] for each in read["secrets"].values()} == {
        f"./secrets/{name}" for name in read["secrets"]
    }
    over = yaml.safe_load((ROOT / "docker-compose.gpu.yml").read_text())["services"]
    assert {*over} == {"worker"}
    (job,) = yaml.safe_load_all((ROOT / "deploy" / "kuberay" / "rayjob.yaml").read_text())
    check_call(job["spec"]["entrypoint"])
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    for group in cluster["workerGroupSpecs"]:
        pod = group["template"]["spec"]
        assert "env" not in pod["containers"][0]
        assert not any("secret" in volume for volume in pod["volumes"])


def test_the_script_for_slurm_runs_commands_that_exist() -> None:
    script = ROOT / "deploy" / "slurm" / "nas.sbatch"
    subprocess.run(["bash", "-n", script], check=True)
    calls = re.findall(r"^ +(nas [^\n]+)$", script.read_text(), re.M)
    assert len(calls) == 2
    for call in calls:
        check_call(call.replace('"$STUDY"', "study"))
