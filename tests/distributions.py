"""Installed packages written by hand: a module, and the metadata that pip would write."""

from collections.abc import Mapping
from pathlib import Path


def install(
    folder: Path, name: str, entries: Mapping[str, Mapping[str, str]], modules: Mapping[str, str]
) -> None:
    """Put `modules` (source by name) and the metadata of version 1.5 of `name` into `folder`.

    `entries` are the entry points: group, then name, then value.
    """
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
    info = folder / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    lines = []
    for group, values in entries.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
