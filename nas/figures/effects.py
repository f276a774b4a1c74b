"""The figure and the table of effects: how much each choice changes the metric of a study."""

from html import escape

import plotly.graph_objects as go

from nas.figures.theme import PageTheme, empty, title
from nas.results import Effect, Effects
from nas.stats import Interval
from nas.units import plural

EFFECTS_HEADERS = ("Choice", "From", "To", "Change", "95 % interval", "Importance", "Multiply-adds")
_ROW, _FRAME = 30, 110  # pixels


def effects_figure(found: Effects, look: PageTheme | None = None) -> go.Figure:
    """Return the change by each choice with its interval, the largest above."""
    look = look or PageTheme()
    shown = found.effects
    figure = go.Figure(layout=look.frame(max(220, _FRAME + _ROW * len(shown))))
    if not shown:
        return empty(figure, "no effects yet", look)
    figure.update_layout(margin_t=34)
    figure.add_vline(x=0, line={"color": look.colour("muted"), "width": 1})
    for strong in (True, False):
        rows = [effect for effect in shown if effect.significant is strong]
        changes = [_scaled(found, effect) for effect in rows]
        figure.add_scatter(
            x=[change.value for change in changes],
            y=[_name(effect) for effect in rows],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [change.high - change.value for change in changes],
                "arrayminus": [change.value - change.low for change in changes],
                "thickness": 1.4,
                "width": 3,
            },
            mode="markers",
            marker={
                "size": 9,
                "color": look.colour("front" if strong else "muted"),
                "symbol": "circle" if strong else "circle-open",
            },
            name="interval without zero" if strong else "interval with zero",
            hovertext=[escape(", ".join(_cells(found, effect))) for effect in rows],
            hoverinfo="text",
        )
    names = [_name(effect) for effect in shown]
    figure.update_yaxes(categoryorder="array", categoryarray=names, autorange="reversed")
    figure.update_xaxes(title_text=title(_axis(found), look, narrow=24))
    return figure


def effects_caption(found: Effects) -> str:
    """Return a description of the effects, or why there are none yet."""
    networks = f"{plural(found.networks, 'complete network')} {found.used}"
    if not found.effects:
        return (
            f"No effects yet: they need {plural(found.needed, 'complete network')} with choices "
            f"that vary independently, and there {'is' if found.networks == 1 else 'are'} "
            f"{networks}."
        )
    return (
        f"How the {found.metric.label} changes if one choice goes from its lowest to its highest "
        "value in all stages while the other choices stay the same. A linear model of "
        f"{networks} explains {100 * found.explained:.0f} % of the variance; the importance of a "
        "choice is its share of the variance, with the 95 % interval. The effect of a choice "
        "includes that of a higher cost: the last column has the change of the multiply-adds."
    )


def effects_rows(found: Effects) -> list[tuple[str, ...]]:
    """Return the rows of the table."""
    return [_cells(found, effect) for effect in found.effects]


def _cells(found: Effects, effect: Effect) -> tuple[str, ...]:
    change = _scaled(found, effect)
    digits = ".1f" if effect.relative else found.metric.digits
    unit = "%" if effect.relative else found.metric.unit
    middle, low, high = (
        f"{each:+{digits}} {unit}".strip() for each in (change.value, change.low, change.high)
    )
    ends = middle, f"{low} to {high}", _importance(effect), f"{100 * effect.cost:+.0f} %"
    return effect.choice, effect.low, effect.high, *ends


def _importance(effect: Effect) -> str:
    value, low, high = (
        100 * each
        for each in (effect.importance.value, effect.importance.low, effect.importance.high)
    )
    return f"{value:.0f} % ({low:.0f} to {high:.0f})"


def _name(effect: Effect) -> str:
    return f"{effect.choice}: {effect.low} → {effect.high}"


def _scaled(found: Effects, effect: Effect) -> Interval:
    """Return the change in the displayed unit."""
    factor, change = 100.0 if effect.relative else found.metric.factor, effect.change
    return Interval(factor * change.value, factor * change.low, factor * change.high)


def _axis(found: Effects) -> str:
    relative = any(effect.relative for effect in found.effects)
    unit = "% of it" if relative else found.metric.unit
    return f"change of the {found.metric.label}" + (f" ({unit})" if unit else "")
