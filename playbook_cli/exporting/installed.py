"""Whether a tool that a study is written to is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from playbook_cli.errors import PlaybookError

if TYPE_CHECKING:
    from collections.abc import Mapping

CALLED: Mapping[str, str] = {"mlflow": "MLflow", "wandb": "W&B", "tensorboard": "TensorBoard"}
_PACKAGES = ("mlflow", "wandb")
"""TensorBoard's files are written without it."""


def require(tool: str) -> None:
    """PlaybookError where the tool's package is needed and missing. It is not imported."""
    spec = find_spec(tool) if tool in _PACKAGES else None
    if tool in _PACKAGES and (spec is None or spec.origin is None):  # without an origin it is a folder, as W&B leaves
        raise PlaybookError(f"this needs {CALLED[tool]}, which is not installed", hint=f"pip install {tool}")
