"""Where a study came from: its file, the command, the commit."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

from playbook_cli import __version__

if TYPE_CHECKING:
    from pathlib import Path


def origin(file: Path) -> dict[str, Any]:
    """What reproduces a run of this study file: command, commit, and whether there were uncommitted changes."""
    folder = file.absolute().parent
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {
        "source": str(file.absolute()),
        "command": ["playbook", *sys.argv[1:]],
        "commit": commit,
        "uncommitted_changes": bool(changes) if commit else None,
        "version": __version__,
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None
