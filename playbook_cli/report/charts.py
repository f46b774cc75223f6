"""Vega-Lite in few words: fields, marks and colours as plain values, and charts that are made of layers of them.

Colours are signals, so that one chart is drawn for light and for dark screens, and the trial that is chosen is one,
too: `trial`, shared by all charts of a page. No name that a user chose is ever a field name or part of an expression:
hyperparameters are p0, p1, ..., and names appear as plain titles and plain data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import theme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.report.section import Spec

NOBODY = -1
"""Value of the signal `trial` where no trial is chosen."""
CROSS = "M-1,-1L1,1M1,-1L-1,1"
_GONE, _DIM, _PALE, _FULL = 0.02, 0.14, 0.42, 0.95
OFF = "off[datum.i]"
"""Whether a reader has filtered a trial out: the signal `off` holds those trials, shared by all charts of a page."""
HOLLOW = "datum.s === 'running' || datum.s === 'stopped'"
"""Whether a trial has no result, and is drawn without a filling."""
CHOSEN = "(datum.i === trial || also[datum.i])"
"""Whether a reader has chosen a trial: the signal `trial`, and `also` those that are compared with it."""
_TYPES = {"Q": "quantitative", "N": "nominal"}


def field(name: str, **more: Any) -> Spec:
    """A field of the data as a channel: `y:Q` is a number, `L:N` a name."""
    name, kind = name.split(":")
    return {"field": name, "type": _TYPES[kind], **more}


def mark(kind: str, data: str | Sequence[Mapping[str, Any]], where: str = "", **looks: Any) -> Spec:
    """A layer without channels: a mark, of the data of that name or of these rows, as far as `where` holds."""
    source = {"name": data} if isinstance(data, str) else {"values": list(data)}
    wanted = {"transform": [{"filter": part} for part in where.split(" & ")]} if where else {}
    return {"data": source, **wanted, "mark": {"type": kind, **looks}}


def over(layer: Spec, **channels: Any) -> Spec:
    """A layer with its channels; those that are None are left out."""
    return {**layer, "encoding": {name: channel for name, channel in channels.items() if channel is not None}}


def colour(name: str) -> Spec:
    """A colour of the theme as a property of a mark or an end of a scale."""
    return {"expr": name}


def coloured(name: str) -> Spec:
    """A colour of the theme as a channel."""
    return {"value": colour(name)}


def when(test: str, then: Any, otherwise: Any) -> Spec:
    """One value where `test` holds, else another one, as a channel."""
    return {"condition": {"test": test, "value": then}, "value": otherwise}


def opacity(shown: str) -> Spec:
    """Full for the chosen trial, dim for all others; where none is chosen full where `shown` holds, pale elsewhere."""
    return {
        "condition": [
            {"test": f"{OFF} && !{CHOSEN}", "value": _GONE},
            {"test": f"trial < 0 ? ({shown}) : {CHOSEN}", "value": _FULL},
            {"test": "trial < 0", "value": _PALE},
        ],
        "value": _DIM,
    }


def chosen(data: str, where: str = "", **channels: Any) -> Spec:
    """A ring around the chosen trial."""
    looks = {"size": 190, "filled": False, "strokeWidth": 2, "stroke": colour("ink"), "opacity": 1}
    return over(mark("point", data, f"{where} & {CHOSEN}" if where else CHOSEN, **looks), **channels)


def layered(
    layers: Sequence[Spec],
    *,
    width: int | None,
    height: Any,
    data: Mapping[str, Any] | None = None,
    signals: Mapping[str, Any] | None = None,
) -> Spec:
    """Marks drawn over each other, the first one below, `width` pixels wide, or as wide as what contains it.

    `signals` are what a page's script sets, with their first values.
    """
    own = [{"name": name, "value": value} for name, value in (signals or {}).items()]
    chart = {"layer": list(layers), "width": width or "container", "height": height, "params": own}
    return finished(chart, width, data)


def finished(chart: Spec, width: int | None, data: Mapping[str, Any] | None = None) -> Spec:
    """A chart with its signals, its looks and the data that it names."""
    spec = chart | {"config": theme.config(), "datasets": dict(data or {})}
    spec["autosize"] = {"type": "fit-x" if width is None else "pad", "contains": "padding"}
    return with_colours(spec, theme.LIGHT, background=width is not None)


def with_colours(spec: Spec, colours: Mapping[str, str], *, background: bool = True) -> Spec:
    """A finished chart in these colours."""
    shared: dict[str, Any] = {"trial": NOBODY, "also": {}, "off": {}, **colours}
    own = [param for param in spec.get("params", ()) if param["name"] not in shared]
    params = [*({"name": name, "value": value} for name, value in shared.items()), *own]
    config = spec["config"] | ({"background": colours["paper"]} if background else {})
    return spec | {"params": params, "config": config}
