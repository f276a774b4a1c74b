"""PageState: the view of a page as its address, so that a view can be sent to a colleague."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isfinite
from urllib.parse import parse_qs, quote, unquote, urlencode

from nas.figures import FrontOptions, ProgressBy, ProgressOf, ProgressOptions
from nas.results import Box, PointGroup, Selection

MOST_COMPARED = 4
THEMES = ("light", "dark")
MOST_OVERLAID = 6  # with the study itself as many as there are colours


@dataclass(frozen=True)
class PageState:
    """The page of a study, or the list of studies if `study` is None.

    `trial` is the chosen one, `compared` are the trials side by side, `others` the studies that are
    also drawn in the front. `x`, `y` name metrics; `under` is a ceiling on `x` in its exact unit.
    `hidden`, `top` and `box` are the filters, as in `Selection`. `along` is the choice whose stages
    are the parallel coordinates. `shows` and `against` are the axes of the figure of the progress.
    `theme` is one of THEMES, or None for that of the system. `wrong` is a path without a page.
    `window` is the visible part of the front, as in FrontOptions; it is not in the address.
    """

    study: str | None = None
    trial: int | None = None
    x: str | None = None
    y: str | None = None
    log_x: bool = False
    log_y: bool = False
    colour: str | None = None
    hidden: tuple[str, ...] = ()
    under: float | None = None
    compared: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    top: float | None = None
    box: Box | None = None
    along: str | None = None
    shows: str = ProgressOf.HYPERVOLUME.value
    against: str = ProgressBy.TRAININGS.value
    theme: str | None = None
    wrong: str | None = None
    window: tuple[float, float, float, float] | None = None

    @classmethod
    def of(cls, path: str | None, search: str | None) -> "PageState":
        """Return the state of an address; unknown parameters are ignored."""
        parts = [unquote(part) for part in (path or "/").strip("/").split("/") if part]
        query = parse_qs((search or "").removeprefix("?"))

        def one(name: str) -> str | None:
            return query.get(name, [None])[0]

        state = cls(
            x=one("x"),
            y=one("y"),
            log_x=one("log_x") == "1",
            log_y=one("log_y") == "1",
            colour=one("colour"),
            hidden=tuple(group for group in query.get("hide", []) if group in set(PointGroup)),
            under=_number(one("under")),
            compared=_trials(query.get("compare", [])),
            others=_studies(query.get("with", [])),
            top=_percent(one("top")),
            box=_box(one("box")),
            along=one("along"),
            shows=_one_of(ProgressOf, one("shows"), cls.shows),
            against=_one_of(ProgressBy, one("against"), cls.against),
            theme=theme if (theme := one("theme")) in THEMES else None,
        )
        match parts:
            case []:
                return state
            case ["study", name]:
                return replace(state, study=name)
            case ["study", name, "trial", number] if _trial(number) is not None:
                return replace(state, study=name, trial=_trial(number))
            case _:
                return cls(wrong=path)

    @property
    def path(self) -> str:
        """The path of the page."""
        if self.wrong is not None:
            return self.wrong
        if self.study is None:
            return "/"
        trial = "" if self.trial is None else f"/trial/{self.trial}"
        return f"/study/{quote(self.study, safe='')}{trial}"

    @property
    def search(self) -> str:
        """The query string of the page, with its question mark; empty for the default view."""
        pairs: list[tuple[str, object]] = [
            ("x", self.x),
            ("y", self.y),
            ("log_x", 1 if self.log_x else None),
            ("log_y", 1 if self.log_y else None),
            ("colour", self.colour),
            *(("hide", group) for group in self.hidden),
            ("under", None if self.under is None else f"{self.under:.15g}"),
            *(("compare", number) for number in self.compared),
            ("with", ",".join(self.others) or None),
            ("top", None if self.top is None else f"{self.top:.15g}"),
            ("box", self.box and ",".join(f"{end:.6g}" for end in self.box)),
            ("along", self.along),
            ("shows", None if self.shows == PageState.shows else self.shows),
            ("against", None if self.against == PageState.against else self.against),
            ("theme", self.theme),
        ]
        if self.wrong is not None:
            return ""
        if self.study is None:
            pairs = pairs[-1:]
        words = urlencode([(name, value) for name, value in pairs if value is not None], safe=",")
        return f"?{words}" if words else ""

    @property
    def address(self) -> str:
        """The path with the query string."""
        return self.path + self.search

    @property
    def options(self) -> FrontOptions:
        """The options of the front figure."""
        chosen = (*self.compared, *([] if self.trial is None else [self.trial]))
        return FrontOptions(
            log_x=self.log_x,
            log_y=self.log_y or None,
            colour=self.colour,
            limit=self.under,
            chosen=tuple(dict.fromkeys(chosen)),
            box=self.box,
            window=self.window,
        )

    @property
    def progress_options(self) -> ProgressOptions:
        """The options of the figure of the progress."""
        return ProgressOptions(ProgressOf(self.shows), ProgressBy(self.against))

    @property
    def selection(self) -> Selection:
        """The trials that the figures and tables show."""
        return replace(self.in_front, box=self.box)

    @property
    def in_front(self) -> Selection:
        """The trials that the front shows, including those outside the box."""
        return Selection(frozenset(map(PointGroup, self.hidden)), self.top)


def _trial(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None


def _one_of(kinds: type[StrEnum], text: str | None, usual: str) -> str:
    return text if text is not None and text in set(kinds) else usual


def _trials(texts: Sequence[str]) -> tuple[int, ...]:
    numbers = [number for text in texts if (number := _trial(text)) is not None]
    return tuple(dict.fromkeys(numbers))[:MOST_COMPARED]


def _studies(texts: Sequence[str]) -> tuple[str, ...]:
    names = [name for text in texts for name in text.split(",") if name]
    return tuple(dict.fromkeys(names))[:MOST_OVERLAID]


def _percent(text: str | None) -> float | None:
    value = _number(text)
    return value if value is not None and value < 100 else None


def _box(text: str | None) -> Box | None:
    try:
        left, right, low, high = map(float, (text or "").split(","))
    except ValueError:
        return None
    ends = (left, right, low, high)
    return ends if all(map(isfinite, ends)) and left <= right and low <= high else None


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
