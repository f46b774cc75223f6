"""Colours of the HTML report and its charts, light and dark, and the charts' common looks.

Arms take Paul Tol's vibrant and muted hues, which stay apart for colour-blind readers; red is for infeasible trials
alone. Each colour is a signal of every chart and a custom property of the page, so that both change together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LIGHT = {
    "paper": "#ffffff",
    "panel": "#f7f7f5",
    "ink": "#1f2328",
    "muted": "#656d76",
    "line": "#d9dadb",
    "grid": "#ececea",
    "zone": "#eef1f4",
    "bad": "#cc3311",
    "warn": "#9a5b00",
    "fine": "#2b7a4b",
    "arm0": "#0077bb",
    "arm1": "#ee7733",
    "arm2": "#009988",
    "arm3": "#aa4499",
    "arm4": "#999933",
    "arm5": "#332288",
}
DARK = {
    "paper": "#15181c",
    "panel": "#1c2026",
    "ink": "#e6e8ea",
    "muted": "#9aa4ae",
    "line": "#353b43",
    "grid": "#262b31",
    "zone": "#20262d",
    "bad": "#ff6b52",
    "warn": "#e8a33d",
    "fine": "#5fc08a",
    "arm0": "#4aa8e8",
    "arm1": "#ff9a5c",
    "arm2": "#35c4b1",
    "arm3": "#d884cb",
    "arm4": "#cfcf5a",
    "arm5": "#a6a2ff",
}
ARM_COLOURS = 6
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def properties() -> str:
    """The colours as CSS custom properties: light, dark where the reader's screen is, and light again on paper."""

    def block(colours: Mapping[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in colours.items())

    light, dark = block(LIGHT), block(DARK)
    return (
        f":root{{color-scheme:light dark;--font:{FONT};{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        f"@media print{{:root{{color-scheme:light;{light}}}}}"
    )


def config() -> dict[str, Any]:
    """Vega-Lite configuration in which every colour is one of the signals."""

    def colour(name: str) -> dict[str, str]:
        return {"expr": name}

    return {
        "background": None,
        "font": FONT,
        "aria": False,
        "view": {"stroke": None},
        "axis": {
            "domainColor": colour("line"),
            "tickColor": colour("line"),
            "gridColor": colour("grid"),
            "labelColor": colour("muted"),
            "titleColor": colour("muted"),
            "titleFontWeight": "normal",
            "titleFontSize": 12,
            "labelFontSize": 11,
            "labelLimit": 150,
            "titleLimit": 320,
            "tickSize": 4,
            "labelPadding": 4,
            "titlePadding": 8,
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5},
        "legend": {
            "labelColor": colour("muted"),
            "titleColor": colour("muted"),
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "labelLimit": 220,
            "orient": "top",
            "direction": "horizontal",
            "columnPadding": 16,
        },
    }
