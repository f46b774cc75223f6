"""A study file as every verb reads it: checked, including the names of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.acts import command, run
from playbook_cli.advice.rules import rules
from playbook_cli.commands.options import runs_of
from playbook_cli.errors import SpecError
from playbook_cli.files.paths import StudyPaths
from playbook_cli.spec.load import load
from playbook_cli.storage.store import Store, read_history
from playbook_cli.wording import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source


def read(path: Path) -> tuple[StudySpec, Source]:
    """Read and check a study file. SpecError for anything wrong with it, including an unknown threshold of a rule."""
    paths = StudyPaths(path)
    if paths.journal.is_file():
        origin = read_history(paths).source
        hint = origin and f"its study file is {origin}: {run(origin, runs_of(path))}"
        raise SpecError("this is a folder of results, not a study file", where=str(path), hint=hint)
    spec, source = load(path)
    for rule, thresholds in spec.rules.items():
        every = rules()
        if rule not in every:
            hint = did_you_mean(rule, list(every), f"the rules are {', '.join(every)}")
            raise SpecError(f"rules.{rule}: there is no such rule", where=source.where(("rules", rule)), hint=hint)
        known = {threshold.name: threshold for threshold in every[rule].thresholds}
        for name, value in thresholds.items():
            if name not in known:
                raise SpecError(
                    f"rules.{rule}.{name}: the rule has no such threshold",
                    where=source.where(("rules", rule, name)),
                    hint=f"it has {', '.join(known)}; {command('explain', rule)}",
                )
            if known[name].default < 1 and not 0 <= value <= 1:
                raise SpecError(
                    f"rules.{rule}.{name}: must be between 0 and 1, not {value:g}",
                    where=source.where(("rules", rule, name)),
                    hint=f"the default is {known[name].default:g}: {known[name].meaning}",
                )
    return spec, source


def opened(argument: Path, runs: Path) -> Store:
    """The results of a study, given by its folder or its file; a given file decides how they are read.

    StudyError if there are no results; SpecError as `read`.
    """
    from playbook_cli.commands.options import study_folder
    from playbook_cli.spec.load import reading

    store = Store(study_folder(argument, runs))
    if argument.is_file():
        store.spec = reading(store.spec, read(argument)[0])
    return store
