"""The study with another batch size, as a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.batch_size.answer import CHANGE
from playbook_cli.spec.load import annotated, plain

if TYPE_CHECKING:
    from playbook_cli.spec.model import StudySpec


def study_with(study: StudySpec, parameter: str, batch_size: int, reason: str) -> tuple[str, str]:
    """The study with `parameter` fixed at `batch_size`: its new name, and its text."""
    data = plain(study)
    name = f"{study.name}-b{batch_size}"
    for role in ("scientific", "nuisance"):
        data.get(role, {}).pop(parameter, None)
        if not data.get(role, True):
            del data[role]
    data["name"] = name
    data["fixed"] = {**data.get("fixed", {}), parameter: batch_size}
    same = study.fixed.get(parameter) == batch_size
    header = f"{study.name}, {parameter} unchanged" if same else f"{study.name} with another {parameter}. {CHANGE}"
    return name, annotated(data, {("fixed", parameter): reason}, [header])
