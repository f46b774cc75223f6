"""The library that draws charts, where this process may have the room that it takes."""

from __future__ import annotations

from typing import Any

from playbook_cli.errors import PlaybookError

RESERVED = 72 * 10**9
"""Bytes of addresses that its JavaScript engine sets aside, of which it uses next to nothing; with fewer it aborts."""


def drawing() -> Any:
    """The module `vl_convert`. PlaybookError under a limit on addresses that would end the process without a word."""
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit not in (resource.RLIM_INFINITY, -1) and limit < RESERVED:
        raise PlaybookError(
            f"charts can't be drawn under this shell's limit on virtual memory, {limit / 1e9:.3g} GB",
            hint=f"ulimit -v unlimited, or at least {RESERVED // 1000}; little of it is used",
        )
    import vl_convert

    return vl_convert
