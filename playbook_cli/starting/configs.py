"""Config files as nested values, for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.files import regular
from playbook_cli.formats.configs import ConfigError, values

if TYPE_CHECKING:
    from pathlib import Path


def read_config(path: Path) -> dict[str, Any]:
    """The values of a config by their dotted names; none where there is no file that can be read."""
    try:
        return values(regular.content(path).decode("utf-8"), path.suffix)
    except (OSError, UnicodeDecodeError, ConfigError):
        return {}
