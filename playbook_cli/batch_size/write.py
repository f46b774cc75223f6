"""The study with another batch size, as a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.batch_size.answer import CHANGE
from playbook_cli.errors import StudyError
from playbook_cli.files import atomic
from playbook_cli.spec.load import annotated, plain

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.spec.model import StudySpec


def write_study(file: Path, study: StudySpec, parameter: str, batch_size: int, reason: str) -> str:
    """Write the study with `parameter` fixed at `batch_size`, under a new name, and return that name.

    StudyError, and nothing is written, if the file already exists.
    """
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
    text = annotated(data, {("fixed", parameter): reason}, [header])
    try:
        atomic.create(file, text)
    except FileExistsError:
        raise StudyError("this file already exists", where=str(file), hint="choose another: --output FILE") from None
    except OSError as error:
        raise StudyError(f"cannot write the study: {error.strerror}", where=str(file)) from None
    return name
