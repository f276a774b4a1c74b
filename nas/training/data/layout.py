"""Find the folders or files of the training, validation and test part of a data set.

Data sets use many names for the parts: `train`, `Training`, `seg_train`, `train2017`,
`images_train`, `trainset`; `val`, `valid`, `Validation`, `dev`, `eval`; `test`, `Testing`. The
parts may be below folders without other content, below each class, or nested
(`seg_train/seg_train`).
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from nas.errors import TaskError
from nas.training.data.folder import (
    contains_images,
    has_images,
    images_below,
    leave_out_files,
    subfolders,
)
from nas.training.data.left_out import LeftOut, LeftOutReason

PARTS = ("train", "val", "test")

# In English, then German, French, Spanish, Portuguese, Italian, Turkish, Russian, Chinese, Japanese
# and Korean, without accents and in lower case
_WORDS = {
    "train": "train|training|trn|entrainement|apprentissage|entrenamiento|treino|treinamento|"
    "addestramento|egitim|обучение|обучающая|训练|訓練|学習|훈련|학습",
    "val": "val|valid|validation|vld|dev|eval|evaluation|validierung|validacion|validacao|"
    "convalida|validazione|dogrulama|валидация|проверка|验证|驗證|検証|검증",
    "test": "test|testing|tst|holdout|prueba|pruebas|teste|testes|тест|тестовая|测试|測試|テスト|"
    "시험|테스트",
}
_FILLERS = r"data|dataset|set|split|images?|imgs?|集"
_LETTER = r"[^\W\d_]"
_PATTERN = re.compile(
    rf"(?<!{_LETTER})(?:{'|'.join(f'(?P<{part}>{words})' for part, words in _WORDS.items())})"
    rf"(?:{_FILLERS})?(?!{_LETTER})"
)
_FILLER = re.compile(rf"(?<!{_LETTER})(?:{_FILLERS})(?!{_LETTER})")

_VOICED = "\u3099\u309a"  # they distinguish Japanese letters

Classes = list[tuple[str, str]]
"""The folders of a part, each with the name of its class."""


def part_of(name: str) -> tuple[str, str] | None:
    """Return the part that `name` means, and the rest of the name; None if it means no part.

    A name that means two parts, such as `train_test`, means none.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    for text in map(_plain, (words, name)):  # `TrainSet`, and `vALID`
        found = list(_PATTERN.finditer(text))
        if len({match.lastgroup for match in found}) == 1:
            rest = _FILLER.sub("", _PATTERN.sub("", text))
            return str(found[0].lastgroup), "".join(re.findall(_LETTER, rest))
        if found:
            return None
    return None


def _plain(name: str) -> str:
    """Return `name` in lower case and without accents, in the form of this module: `egitim`."""
    parts = unicodedata.normalize("NFKD", name.lower().replace("ı", "i"))
    bare = "".join(c for c in parts if unicodedata.category(c) != "Mn" or c in _VOICED)
    return unicodedata.normalize("NFKC", bare)


def shared_folders(classes: Classes) -> list[str]:
    """Return the names of the subfolders if all `classes` have the same ones and no images.

    Then the `classes` may be parts with unknown names, and the subfolders the classes. Empty
    otherwise, or if there is only one class.
    """
    names = [sorted(entry.name for entry in subfolders(path)) for _, path in classes]
    equal = len(names) > 1 and all(each == names[0] for each in names)
    if not equal or len(names[0]) < 2 or any(has_images(path) for _, path in classes):
        return []
    return names[0]


def find_parts(folder: Path, left_out: LeftOut) -> dict[str, Classes]:
    """Return the class folders of each part below `folder`; without named parts, all are `train`.

    Raises:
        TaskError: two folders are the same part, or there is none for training.
        OSError: a folder cannot be read.
    """
    place = str(folder)
    while not (named := _named_parts(place)):
        inner = _only_one(place, left_out)
        if inner is None:
            leave_out_files(place, left_out)
            classes = [(entry.name, entry.path) for entry in subfolders(place)]
            return _below_classes(classes) or {"train": classes}
        place = inner
    if "train" not in named:
        raise TaskError(
            f"{place} has the parts {', '.join(named)}, but none for training.",
            "Name the folder of the training images 'train'.",
        )
    leave_out_files(place, left_out)
    for entry in subfolders(place):
        if entry.path not in named.values():
            count = sum(1 for _ in images_below(entry.path, LeftOut()))
            left_out.add(LeftOutReason.NO_PART, entry.path, max(count, 1))
    parts: dict[str, Classes] = {}
    for part in PARTS:
        if part in named:
            known = [name for name, _ in parts.get("train", [])]
            parts[part] = _classes(named[part], known, left_out)
    return parts


def _named_parts(place: str) -> dict[str, str]:
    """Return the folders in `place` with names of parts; empty if they are classes."""
    folders = subfolders(place)
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for entry in folders:
        if (found := part_of(entry.name)) is not None:
            groups[found[1]][found[0]].append(entry.path)
    for _, group in sorted(groups.items()):  # names without other words come first
        if len(group) > 1 or _is_split(group, len(folders)):
            return _single(group, place)
    return {}


def _is_split(group: dict[str, list[str]], folders: int) -> bool:
    """Tell whether the only folder of `group` is a training part, not a class of that name."""
    if set(group) != {"train"} or len(group["train"]) > 1:
        return False
    (train,) = group["train"]
    return folders == 1 or (not has_images(train) and bool(subfolders(train)))


def _single(group: dict[str, list[str]], place: str) -> dict[str, str]:
    """Return the single folder, or file, of each part in `group`."""
    for part, paths in group.items():
        if len(paths) > 1:
            names = " and ".join(os.path.relpath(path, place) for path in paths)
            raise TaskError(
                f"{place} has several {part} parts: {names}.",
                "Keep one of them there, or give --data a folder that has one.",
            )
    return {part: paths[0] for part, paths in group.items()}


def _classes(place: str, known: Collection[str], left_out: LeftOut) -> Classes:
    """Return the class folders of the part in `place`; `known` are known names of classes."""
    while (inner := _only_one(place, left_out, known)) is not None:
        place = inner
    leave_out_files(place, left_out)
    return [(entry.name, entry.path) for entry in subfolders(place)]


def _only_one(place: str, left_out: LeftOut, known: Collection[str] = ()) -> str | None:
    """Return the only subfolder of `place` with images below it; None if it is a class."""
    if has_images(place):
        return None
    folders = subfolders(place)
    found = [entry for entry in folders if contains_images(entry.path)]
    if len(found) != 1 or found[0].name in known or has_images(found[0].path):
        return None
    leave_out_files(place, left_out)
    for entry in folders:
        if entry.path != found[0].path:
            left_out.add(LeftOutReason.NO_CLASS, entry.path)
    return found[0].path


def _below_classes(classes: Classes) -> dict[str, Classes]:
    """Return the parts inside class folders, as in `cat/train` and `cat/test`."""
    parts: dict[str, Classes] = {}
    for name, path in classes:
        inner = _named_parts(path)
        if len(inner) < 2 or "train" not in inner:
            return {}
        for part, place in inner.items():
            parts.setdefault(part, []).append((name, place))
    return parts


def file_parts(files: Iterable[Path], folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return `files` by part, from their names or folders; and the remaining files.

    If no file has the name of a part, all are `train`.
    """
    parts: dict[str, list[Path]] = {}
    rest = []
    for file in files:
        words = [file.stem, *reversed(file.relative_to(folder).parent.parts)]
        found = next((part for word in words if (part := part_of(word))), None)
        if found is None:
            rest.append(file)
        else:
            parts.setdefault(found[0], []).append(file)
    return (parts, rest) if parts else ({"train": rest} if rest else {}, [])
