"""Which trials of a study ran which version of its program, and how these versions differ.

Versions that differ only in installed packages count as one: an upgrade is noted, but blocks nothing. Journals of
earlier releases don't record versions, which is not an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from playbook_cli.files.fingerprint import difference
from playbook_cli.records import DECIDED
from playbook_cli.storage.failures import numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.files.fingerprint import Difference, Fingerprint
    from playbook_cli.records import StudyRecord, TrialRecord

_COUNTED = (*DECIDED, "running")


@dataclass(frozen=True, kw_only=True)
class Version:
    """Trials that ran the same version of the program."""

    program: Fingerprint
    """The first of those that differ only in packages, with the inputs of all of them."""
    trials: Sequence[int]
    """Numbers of the trials that ran this version from start to end."""


@dataclass(frozen=True, kw_only=True)
class Versions:
    """What is known about the trials of a study that have a result or are running."""

    versions: Sequence[Version]
    """In order of their first trials; one if the program never changed, none if nothing is known."""
    mixed: Mapping[int, Difference]
    """Trials that were resumed after the program had changed, and what had changed."""
    packages: Sequence[str]
    """Versions of packages that changed: `torch 2.12 -> 2.13`."""

    @property
    def one(self) -> bool:
        """Whether all trials ran the same files, as far as is known."""
        return len(self.versions) <= 1 and not self.mixed

    def sentences(self) -> list[str]:
        """Such as `t.py changed after trial 2: trials 3-5 ran different code than trials 0-2`."""
        return [*(_sentence(self.versions[0], other) for other in self.versions[1:]), *self.resumed()]

    def resumed(self) -> list[str]:
        """Such as `trial 3 was started with one version of the program and resumed with another: t.py changed`."""
        by_text: dict[str, list[int]] = {}
        for number, what in self.mixed.items():
            by_text.setdefault(str(what), []).append(number)
        did = "started with one version of the program and resumed with another"
        return [f"{_were(numbers)} {did}: {what}" for what, numbers in by_text.items()]

    def notes(self) -> list[str]:
        """Changes other than code."""
        return [f"installed packages changed between trials: {', '.join(self.packages)}"] if self.packages else []


@dataclass(frozen=True, kw_only=True)
class Since:
    """What has changed since, as sentences: `t.py changed since trials 0-3 were trained`."""

    code: Sequence[str]
    packages: Sequence[str]
    """Changed packages, if no file differs."""


def version_notes(trials: Iterable[TrialRecord], programs: Mapping[str, Fingerprint]) -> list[str]:
    """All notes on the program of these trials, as sentences; empty if it never changed."""
    found = versions(trials, programs)
    return [*found.sentences(), *found.notes()]


def caveats(study: StudyRecord) -> list[str]:
    """The same for a study's program and settings."""
    said = version_notes(study.trials, study.programs)
    return said if study.replaced is None else [study.replaced, *said]


def changed(study: StudyRecord) -> list[str]:
    """Why a study's trials can't be compared, as sentences: the program or the settings changed."""
    said = versions(study.trials, study.programs).sentences()
    return said if study.replaced is None else [study.replaced, *said]


def versions(trials: Iterable[TrialRecord], programs: Mapping[str, Fingerprint]) -> Versions:
    """The versions of these trials, which are in order of id."""
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
    """How the current program differs from those that these trials ran."""
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
    return f"{what}{after}: {_bare(other.trials)} ran different code than {_bare(first.trials)}"


def _were(numbers: Sequence[int]) -> str:
    return f"{_bare(numbers)} {'was' if len(numbers) == 1 else 'were'}"


def _bare(numbers: Sequence[int]) -> str:
    """`trial 3`, `trials 0-2`, `trials 1, 3, 7`."""
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"trials {numbers[0]}-{numbers[-1]}"
    return f"trial{'' if len(numbers) == 1 else 's'} {numbered(numbers)}"
