"""What a study's folder already holds, compared with the study file to run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.errors import StudyError
from playbook_cli.files import atomic
from playbook_cli.records import DECIDED, searched
from playbook_cli.sampling import make
from playbook_cli.spec.load import deciding, difference, dump
from playbook_cli.storage.store import Store, read_history, replaced, stored_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source

Changes = list[tuple[str, object, object]]


def is_outdated(spec: StudySpec, source: Source, paths: StudyPaths) -> bool:
    """Whether an earlier attempt at this study has no results and ran with settings that the study file has changed.

    StudyError, with the difference, if it has results: trials from before and after can't be compared.
    """
    before = stored_study(paths)
    changes = [] if before is None else [one for one in deciding(before, spec) if not _grew(before, spec, one[0])]
    fewer = before is not None and (spec.trials or 0) < (before.trials or 0)
    only_trials = [key for key, _, _ in changes] == ["trials"]
    if before is None or not changes or (only_trials and not fewer):
        return _is_of_another_file(spec, source, paths, sampled=before is None)
    if not _has_results(paths):
        return True
    if only_trials:
        raise StudyError(
            f"the study already has {before.trials} trials, but {source.path} asks for {spec.trials}",
            where=str(paths.dir),
            hint=f"set trials: {before.trials} in the study file (trials can be added to a study, never removed), or "
            "start over with --anew",
        )
    raise _other_settings(changes, source, paths)


def _grew(before: StudySpec, spec: StudySpec, key: str) -> bool:
    """Whether this key only differs because points were added to those that the study had."""
    return key.partition(".")[0] == "points" and (spec.points or [])[: len(before.points or [])] == before.points


def _is_of_another_file(spec: StudySpec, source: Source, paths: StudyPaths, *, sampled: bool) -> bool:
    """The same, judged by the planned trials in the journal, if the stored study file is missing or was replaced.

    With `sampled`, the points are compared, too.
    """
    history = read_history(paths)
    trials = searched(history.trials)
    other = replaced(spec, history, paths) is not None or (sampled and len(trials) > (spec.trials or 0))
    if sampled and not other and not spec.adaptive:
        planned = make(spec.sampler, spec.seed, spec.points).suggest(spec.space(), (), len(trials))
        other = any((one.params, one.seed) != (t.params, t.seed) for one, t in zip(planned, trials, strict=False))
    if not other:
        return False
    if all(trial.state not in DECIDED for trial in trials):
        return True
    raise StudyError(
        f"{paths.journal.name} has results with other settings than {source.path}, and {paths.spec.name} "
        f"{'is missing' if sampled else 'is not the file that they were run with'}",
        where=str(paths.dir),
        hint=f"restore {paths.spec}, give the study in {source.path} another name, or start over with --anew",
    )


def set_aside(paths: StudyPaths, *, asked: bool, tell: Callable[[str], None]) -> None:
    """Rename the folder of an earlier attempt, and say so. StudyError if it is running."""
    from playbook_cli.running import probing

    aside = probing.set_aside(paths)
    if aside is not None:
        why = "" if asked else " (the study file has changed since, and none of its trials had completed)"
        tell(f"the earlier attempt was moved to {aside}{why}")


def keep(spec: StudySpec, paths: StudyPaths) -> None:
    """Store the study as it is run now."""
    before = stored_study(paths)
    if before is None or difference(before, spec):
        atomic.write(paths.spec, dump(spec), durable=True)


def _has_results(paths: StudyPaths) -> bool:
    """Whether a trial has a result, or is still running on a cluster."""
    history = read_history(paths)
    ended = any(trial.state in DECIDED for trial in history.trials)
    return ended or bool(Store(paths.dir).on_cluster(history))


def _other_settings(changes: Changes, source: Source, paths: StudyPaths) -> StudyError:
    shown = "\n".join(f"  {key}: {_shown(old)} -> {_shown(new)}" for key, old, new in changes)
    other = read_history(paths).source
    if other is not None and Path(other).resolve() != Path(source.path).resolve():
        return StudyError(
            f"this folder has the results of another study file, {other}; {source.path} differs from it:\n{shown}",
            where=str(paths.dir),
            hint=f"give the study in {source.path} another name",
        )
    return StudyError(
        f"{source.path} has changed since this study was started:\n{shown}",
        where=str(paths.dir),
        hint="trials with different settings can't be compared: give the changed study a new name, or start over "
        "with --anew. Of the keys that affect results, only `trials` and listed `points` may change, and they may only "
        "grow",
    )


def _shown(value: object) -> str:
    return "(not set)" if value is None else str(value)
