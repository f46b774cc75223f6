"""The script that draws the charts of a page: Vega and vega-embed in one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from playbook_cli.files import atomic, regular
from playbook_cli.report.drawing import drawing

_SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""What the script does once it is loaded."""


@cache
def script() -> str:
    """Can stand in a page. Bundling it takes seconds, so it is kept in the user's cache, one file for each release."""
    kept = _kept()
    with suppress(OSError, UnicodeDecodeError):
        if kept and (text := _read(kept)):
            return text
    bundle: str = drawing().javascript_bundle(snippet=_SNIPPET)
    made = bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    with suppress(OSError):  # for example, a full disk
        if kept:
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic.write(kept, made, mode=0o600)
    return made


def _kept() -> Path | None:
    """Its file in the user's cache, as the XDG base directories have it; None for a user without a home."""
    name = f"vega-{drawing().__version__}-{sha256(_SNIPPET.encode()).hexdigest()[:8]}.js"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        cached = named if named.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return cached / "playbook" / name


def _read(kept: Path) -> str | None:
    """The script, unless somebody else can have written it: it becomes a part of pages that people trust."""
    with regular.opened(kept) as file:
        about = os.fstat(file.fileno())
        ours = about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        return file.read().decode() if ours else None
