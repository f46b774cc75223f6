"""Which trials of a study were trained by which state of its program, and what differs between these.

States that differ only in versions of installed packages count as one: an upgrade is told, and forbids nothing. What
journals of earlier releases do not say is no reason to complain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from playbook_cli.files.fingerprint import difference
from playbook_cli.storage.failures import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.files.fingerprint import Difference, Fingerprint
    from playbook_cli.records import StudyRecord, TrialRecord

_COUNTED = ("completed", "infeasible", "running")


@dataclass(frozen=True, kw_only=True)
class Version:
    """Trials that were trained by one state of the program."""

    program: Fingerprint
    """The first one of those that differ in packages alone, with the inputs of all of them."""
    trials: Sequence[int]
    """By number, whole trainings of this state."""


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What is known of the trials of a study that have a result, or run."""

    versions: Sequence[Version]
    """By their first trials; one where the program stayed as it was, none where nothing is known."""
    mixed: Mapping[int, Difference]
    """Trials that were resumed after the program changed, and what had changed."""
    packages: Sequence[str]
    """Versions of packages that changed: `torch 2.12 -> 2.13`."""

    @property
    def one(self) -> bool:
        """Whether all trials were trained by the same files, as far as is known."""
        return len(self.versions) <= 1 and not self.mixed

    def sentences(self) -> list[str]:
        """`t.py changed after trial 2: trials 3, 4, 5 were trained by other code than trials 0, 1, 2`, and the like."""
        return [*(_sentence(self.versions[0], other) for other in self.versions[1:]), *self.resumed()]

    def resumed(self) -> list[str]:
        """`trial 3 was begun by one version of the program and resumed by another: t.py changed`."""
        by_text: dict[str, list[int]] = {}
        for number, what in self.mixed.items():
            by_text.setdefault(str(what), []).append(number)
        did = "begun by one version of the program and resumed by another"
        return [f"{_were(numbers)} {did}: {what}" for what, numbers in by_text.items()]

    def notes(self) -> list[str]:
        """What changed without being other code."""
        return [f"installed packages changed between trials: {', '.join(self.packages)}"] if self.packages else []


@dataclass(frozen=True, kw_only=True)
class Since:
    """What is different now, a sentence each: `t.py changed since trials 0-3 were trained`."""

    code: Sequence[str]
    packages: Sequence[str]
    """Where no file differs."""


def told(trials: Iterable[TrialRecord], programs: Mapping[str, Fingerprint]) -> list[str]:
    """All that is to be said of the program of these trials, a sentence each; nothing where it stayed as it was."""
    found = versions(trials, programs)
    return [*found.sentences(), *found.notes()]


def caveats(study: StudyRecord) -> list[str]:
    """The same of a study's program and settings."""
    said = told(study.trials, study.programs)
    return said if study.replaced is None else [study.replaced, *said]


def changed(study: StudyRecord) -> list[str]:
    """Why its trials can't be compared, a sentence each: another program, or other settings than those it has now."""
    said = versions(study.trials, study.programs).sentences()
    return said if study.replaced is None else [study.replaced, *said]


def versions(trials: Iterable[TrialRecord], programs: Mapping[str, Fingerprint]) -> Versions:
    """Of these trials, in order of their ids."""
    found: list[tuple[Fingerprint, list[int]]] = []
    places: dict[str, int] = {}
    mixed: dict[int, Difference] = {}
    packages: dict[str, None] = {}
    before: Fingerprint | None = None
    for trial in trials:
        its = [programs[code] for code in trial.codes if code in programs]
        if trial.state not in _COUNTED or not its:
            continue
        steps = (difference(earlier, later) for earlier, later in pairwise(its))
        if (within := next((step for step in steps if step.code), None)) is not None:
            mixed[trial.id] = within
            continue
        now = its[-1]
        if now.code not in places:
            same = (place for place, (known, _) in enumerate(found) if not difference(known, now).code)
            places[now.code] = place = next(same, len(found))
            if place == len(found):
                found.append((now, []))
            else:
                known, numbers = found[place]
                found[place] = replace(known, inputs={**now.inputs, **known.inputs}), numbers
        found[places[now.code]][1].append(trial.id)
        if before is not None and now.code != before.code:
            packages.update(dict.fromkeys(difference(before, now).packages))
        before = now
    return Versions(
        versions=[Version(program=program, trials=numbers) for program, numbers in found],
        mixed=mixed,
        packages=list(packages),
    )


def since(trials: Iterable[TrialRecord], programs: Mapping[str, Fingerprint], now: Fingerprint) -> Since:
    """How the program that is there now differs from those that these trials were trained by."""
    found = versions(trials, programs)
    differences = [(difference(version.program, now), version.trials) for version in found.versions]
    changed = [f"{what} since {_were(numbers)} trained" for what, numbers in differences if what.code]
    return Since(
        code=changed + found.resumed(),
        packages=[f"{what} since {_were(numbers)} trained" for what, numbers in differences if what and not what.code],
    )


def _sentence(first: Version, other: Version) -> str:
    what = difference(first.program, other.program)
    after = f" after trial {first.trials[-1]}" if first.trials[-1] < other.trials[0] else ""
    return f"{what}{after}: {_were(other.trials)} trained by other code than {_bare(first.trials)}"


def _were(numbers: Sequence[int]) -> str:
    return f"{_bare(numbers)} {'was' if len(numbers) == 1 else 'were'}"


def _bare(numbers: Sequence[int]) -> str:
    """`trial 3`, `trials 0-2`, `trials 1, 3, 7`."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"trials {numbers[0]}-{numbers[-1]}"
    return f"trial{'' if len(numbers) == 1 else 's'} {numbered(numbers)}"
