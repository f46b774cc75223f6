"""What the pages of lr-sweep, batch-size and instability have in common: HTML that runs no script and loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.report import theme, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from playbook_cli.acts import Command


def page(study: str, kind: str, headline: str, *, remarks: Iterable[str], command: Command | None, body: str) -> str:
    """The whole page: what it answers, in text, and then `body`, in HTML."""
    said = "".join(f"<p>{words.escape(remark)}" for remark in remarks)
    where = "Run it in the same directory as the command that made this page."
    shown = f'<pre>{words.escape(str(command))}</pre><p class="fine">{where}' if command else ""
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{words.escape(words.shortened(study, 80))}: {kind}</title>
<style>
:root {{ color-scheme: light dark; {_properties(theme.LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_properties(theme.DARK)} }} .light {{ display: none }} }}
@media not (prefers-color-scheme: dark) {{ .dark {{ display: none }} }}
body {{ margin: 2.5rem auto; max-width: 46rem; padding: 0 1.2rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 {theme.FONT}; overflow-wrap: anywhere }}
h1 {{ font-size: 1rem; font-weight: normal; color: var(--muted); margin: 0 }}
h2 {{ font-size: 1.15rem; margin: 2.5rem 0 .4rem }}
.answer {{ font-size: 1.45rem; line-height: 1.3; font-weight: 600; margin: .3rem 0 1.2rem }}
figure {{ margin: 2rem 0; overflow-x: auto }}
svg {{ width: 100%; min-width: 26rem; height: auto }}
pre {{ background: var(--panel); padding: .7rem .9rem; overflow-x: auto }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100% }}
th, td {{ padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top;
  white-space: nowrap }}
th:last-child, td:last-child {{ text-align: left; width: 99%; white-space: normal }}
th {{ font-weight: normal; color: var(--muted) }}
.fine {{ color: var(--muted); font-size: .9rem }}
.wide {{ overflow-x: auto }}
</style>
<h1>{words.escape(study)}: {kind}</h1>
<p class="answer">{words.escape(headline)}</p>
{said}{shown}
{body}
</html>
"""


def figures(light: str, dark: str) -> str:
    """One chart as SVG, for light and for dark screens."""
    return f'<figure class="light">{light}</figure><figure class="dark">{dark}</figure>'


def coloured(chart: Any, colours: Mapping[str, str]) -> dict[str, Any]:
    """An Altair chart as Vega-Lite in the theme, whose signals are these colours."""
    spec: dict[str, Any] = chart.to_dict()
    spec["config"] = _plain(theme.config(), colours) | {"background": colours["paper"]}
    return spec


def _properties(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def _plain(config: Any, colours: Mapping[str, str]) -> Any:
    """The theme's configuration with colours in place of signals."""
    if isinstance(config, dict):
        if config.keys() == {"expr"}:
            return colours[config["expr"]]
        return {key: _plain(value, colours) for key, value in config.items()}
    return config
