"""Any encoding of the terminal, a pipe that is closed, and no home folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.training.data.cache import cache_dir
from tests.cli.runner import Shell

NAS = [sys.executable, "-c", "from nas.cli import main; main()"]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
Home = Callable[[str | None], str]
LATIN = {"PYTHONIOENCODING": "latin-1"}


def run(words: list[str], tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [*NAS, *words], cwd=tmp_path, env=environment, capture_output=True, timeout=120
    )


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["search", "--help"], ASCII),
        (["prove", "--help"], LATIN),
        (["space", "mobilenetv1", "--budget", "300M-flops"], ASCII),
        (["count", "--arch", "nothing-of-mine"], LATIN),
    ],
)
def test_no_character_stops_a_verb(nas: Shell, tmp_path: Path, words: Any, variables: Any) -> None:
    usual, done = nas(*words), run(words, tmp_path, **variables)
    assert done.returncode == usual.code, done.stderr
    assert b"unexpected" not in done.stderr
    assert len(done.stdout.splitlines()) == len(usual.out.splitlines())


def test_what_an_encoding_lacks_is_written_in_ascii(tmp_path: Path) -> None:
    done = run(["search", "--help"], tmp_path, PYTHONIOENCODING="latin-1")
    assert b"--rungs N,N,...  " in done.stdout


def test_a_name_that_is_no_text_is_printed(tmp_path: Path) -> None:
    name = b"caf\xe9.toml"
    done = run(["space", os.fsdecode(name)], tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(b"nas: ")


@pytest.mark.parametrize("name", ["a\x1b[31mb", "a\u202eb", "a\x9bb"])
def test_a_terminal_obeys_no_character_of_a_name(nas: Shell, name: str) -> None:
    err = nas.refused("list", "--db", f"{name}.db", code=4)
    assert name not in err
    assert f"{name!r}"[1:-1] in err


def test_a_name_that_is_no_text_is_refused_where_ray_would_take_it(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    done = run(["search", "--budget", "20M-flops", "--data", folder.name], tmp_path)
    assert done.returncode == 2
    assert b"'caf\\udce9' is not text" in done.stderr
    assert not (tmp_path / "nas.db").exists()


def test_a_deleted_working_directory_is_no_fault(tmp_path: Path) -> None:
    code = 'mkdir here && cd here && rmdir ../here && exec "$0" -c "$1" list'
    done = subprocess.run(
        ["sh", "-c", code, sys.executable, NAS[2]], cwd=tmp_path, capture_output=True, timeout=120
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"nas: the working directory has been deleted.")


def test_an_interrupt_ends_a_command_that_a_script_has_put_in_the_background(
    tmp_path: Path,
) -> None:
    code = (
        "import os, signal, sys; sys.argv[1:] = ['interrupted']\n"
        "import nas.cli\n"
        "nas.cli.app = lambda **_: os.kill(os.getpid(), signal.SIGINT) or signal.pause()\n"
        "nas.cli.main()"
    )
    done = subprocess.run(
        ["sh", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, code],
        cwd=tmp_path, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 130
    assert b"nas: interrupted." in done.stderr


@pytest.mark.parametrize(
    "words", [["published"], ["search", "--help"], ["count", "--arch", "igcv3-w"]]
)
def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path: Path, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as broken:
        done = subprocess.run(
            [*NAS, *words], cwd=tmp_path, stdout=broken, stderr=subprocess.PIPE, timeout=120
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_broken_pipe_to_another_process_is_a_fault(
    nas: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("nas.space.file.builtin_names", broken)
    called = nas("published")
    assert called.code == 1


def test_a_closed_output_is_no_fault(tmp_path: Path) -> None:
    closing = ["sh", "-c", 'exec "$@" >&-', "sh", *NAS, "count", "--arch", "igcv3-w"]
    done = subprocess.run(closing, cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def cache_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a function that tells the cache of a user with a home, or with none."""
    for name in [name for name in os.environ if name.startswith(("NAS_", "XDG_", "HOME"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def found(home: str | None) -> str:
        if home is not None:
            monkeypatch.setenv("HOME", home)
        return str(cache_dir())

    return found


def test_the_cache_is_in_the_home(tmp_path: Path, cache_of: Home) -> None:
    assert cache_of(str(tmp_path)) == str(tmp_path / ".cache" / "nas")


def test_without_home_the_cache_is_where_the_system_says_or_among_the_temporary_files(
    cache_of: Home,
) -> None:
    assert Path(cache_of(None)).name in ("nas", f"nas-user-{os.getuid()}")


def test_a_home_that_is_a_file_or_locked_leaves_the_cache_among_the_temporary_files(
    tmp_path: Path, cache_of: Home
) -> None:
    (tmp_path / "home").write_text("")
    own = str(tmp_path / f"nas-user-{os.getuid()}")
    assert cache_of(str(tmp_path / "home")) == own
    assert Path(own).stat().st_mode & 0o777 == 0o700


def test_the_folder_of_another_user_is_left_alone(tmp_path: Path, cache_of: Home) -> None:
    (tmp_path / "home").write_text("")
    own = tmp_path / f"nas-user-{os.getuid()}"
    own.mkdir(mode=0o777)
    own.chmod(0o777)
    found = Path(cache_of(str(tmp_path / "home")))
    assert found != own
    assert found.parent == tmp_path


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_files_with_a_byte_order_mark_are_read(nas: Shell, tmp_path: Path, encoding: str) -> None:
    space = (Path(__file__).parents[2] / "search_spaces" / "igcv2.toml").read_text()
    (tmp_path / "mine.toml").write_text(space, encoding=encoding)
    assert nas("space", "mine.toml").code == 0


def test_a_file_in_another_encoding_is_named(nas: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes('title = "Mêine"'.encode("latin-1"))
    (tmp_path / "mine.csv").write_bytes("a,b\né,1\n".encode("latin-1"))
    assert "mine.toml" in nas.refused("space", "mine.toml")
    assert "UTF-8" in nas.refused("search", "--budget", "300M-flops", "--recipe", "mine.toml")
    assert "line 2" in nas.refused("prove", "mine.csv")
