"""Storages: the same contract for a folder and for a real S3 server."""

import hashlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import NasError, StorageError
from nas.storage import (
    FolderStorage,
    Storage,
    file_at,
    file_sha256,
    file_text,
    open_storage,
    storage_text,
)
from nas.storage import objects as object_storage
from nas.study.results_folder import claim_folder, folder_owner, sign_folder
from tests.s3_server import BUCKET, KEYS, S3Server


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "folder":
        yield FolderStorage(tmp_path / "storage")
    else:
        server: S3Server = request.getfixturevalue("s3")
        yield open_storage(server.uri).below(f"{tmp_path.name}-{os.getpid()}")


def test_files_are_written_whole_listed_and_deleted(storage: Storage) -> None:
    assert storage.sizes() == {}
    assert storage.is_empty()
    storage.make()
    below = storage.below("study")
    below.make()
    digest = below.write("weights.safetensors", b"first")
    assert below.write("weights.safetensors", b"12345678") != digest
    below.write("trial-3/state", b"")
    assert storage.sizes() == {"study/weights.safetensors": 8, "study/trial-3/state": 0}
    assert not storage.is_empty()
    assert below.read("weights.safetensors") == b"12345678"
    assert storage.has("study/weights.safetensors")
    assert not storage.has("study/none")
    assert not storage.has("study")
    with pytest.raises(FileNotFoundError):
        storage.read("study/none")
    below.create("weights.safetensors", b"other")
    assert below.read("weights.safetensors") == b"12345678"
    below.remove("trial-3")
    below.remove("trial-3")
    below.delete("none")
    assert below.sizes() == {"weights.safetensors": 8}
    below.delete("weights.safetensors")
    assert storage.sizes() == {}


def test_a_file_is_named_by_its_text(storage: Storage) -> None:
    storage.make()
    digest = storage.below("a").write("b.safetensors", b"content")
    file = storage.file("a/b.safetensors")
    assert file.name == "b.safetensors"
    assert file.read_bytes() == b"content"
    assert file_sha256(file) == digest == hashlib.sha256(b"content").hexdigest()
    assert str(file) == f"{storage}/a/b.safetensors"
    assert file_text(file).startswith(str(file))


def test_the_probe_leaves_nothing(storage: Storage) -> None:
    storage.make()
    storage.probe()
    assert storage.sizes() == {}


def test_a_folder_in_both_places_belongs_to_one_study(storage: Storage, tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert claim_folder(results, ["study", "study-b"], "b", storage) == "study"
    assert claim_folder(results, ["study", "study-b"], "b", storage) == "study"
    assert folder_owner(storage.below("study")) == "b"
    elsewhere = tmp_path / "elsewhere"  # of another database, with the same storage
    assert claim_folder(elsewhere, ["study", "study-c"], "c", storage) == "study-c"
    sign_folder(storage.below("study-c"), "d")
    assert folder_owner(storage.below("study-c")) == "c"
    with pytest.raises(NasError, match="belong"):
        claim_folder(elsewhere, ["study"], "e", storage)


def test_a_file_of_a_server_is_found_by_its_text(s3: S3Server) -> None:
    storage = open_storage(s3.uri).below("found")
    storage.write("one", b"content")
    text = file_text(storage.file("one"))
    assert text == f"s3://{BUCKET}/studies/found/one?{s3.settings}"
    assert file_at(text).read_bytes() == b"content"
    assert str(storage.file("one")) == f"s3://{BUCKET}/studies/found/one"


def test_what_cannot_be_used_is_said_plainly(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match=r"s3://no-such/x .*no such bucket"):
        open_storage(f"s3://no-such/x?{s3.settings}").probe()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    with pytest.raises(StorageError, match=r"denied|refused") as error:
        open_storage(f"s3://{BUCKET}/denied?{s3.settings}").probe()
    shown = f"{error.value} {error.value.__cause__}"
    assert not any(secret in shown for secret in ("another-secret", *KEYS.values()))


def test_an_endpoint_that_refuses_or_does_not_answer_has_a_time_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_storage, "PROBE_SECONDS", 0.5)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"s3://b/p?endpoint_override=http://127.0.0.1:{silent.getsockname()[1]}&region=x"
        with pytest.raises(StorageError, match=r"not answered|cannot be reached"):
            open_storage(place).probe()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ftp://host/folder", "ftp://"),
        ("https://bucket.s3.amazonaws.com/x", "https://"),
        ("s3://", "bucket"),
        ("s3:///prefix", "bucket"),
        ("s3://bucket/../other", "dots"),
        ("s3://bucket/x?timeout=3", "timeout"),
        ("s3://bucket/x#part", "#"),
        ("gs://bucket/x?region=eu", "region"),
    ],
)
def test_places_that_are_none_are_refused(text: str, told: str) -> None:
    with pytest.raises(NasError, match=told.replace("#", "[#]")):
        storage_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:hidden@bucket/prefix",
        "s3://bucket/x?access_key=hidden&secret_key=hidden",
        "s3://bucket/x?endpoint_override=http://key:hidden@127.0.0.1:1",
        "gs://user:hidden@bucket",
    ],
)
def test_credentials_in_a_uri_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(NasError) as error:
        storage_text(text)
    assert "hidden" not in str(error.value)
    assert (
        "environment" in str(error.value)
        or "AWS" in str(error.value)
        or ("GOOGLE" in str(error.value))
    )


_PART = st.text("abcdefgh0123456789-_", min_size=1, max_size=8)


@given(st.sampled_from(["s3", "gs"]), st.lists(_PART, min_size=1, max_size=4), st.booleans())
def test_one_place_has_one_text(scheme: str, parts: list[str], settings: bool) -> None:
    query = "scheme=http&endpoint_override=127.0.0.1:8333" if settings else ""
    text = storage_text(f"{scheme.upper()}://{'/'.join(parts)}/?{query}")
    assert storage_text(text) == text
    assert text == storage_text(f"{scheme}://{'//'.join(parts)}" + (f"?{query}" if query else ""))


def test_a_folder_has_one_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert storage_text("weights") == str(tmp_path / "weights")
    assert storage_text(f"file://{tmp_path}/weights") == str(tmp_path / "weights")
    assert isinstance(open_storage("weights"), FolderStorage)
