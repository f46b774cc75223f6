"""What a rule is: its question, its words, its thresholds, and the function that applies it to a study."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.records import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from playbook_cli.acts import Act
    from playbook_cli.records import Severity, StudyRecord
    from playbook_cli.spec.model import StudySpec

Whose = Literal["playbook", "ours"]
"""The Google Deep Learning Tuning Playbook's, or this program's default where the playbook names no number."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One number that a rule compares with; a study file may set it under `rules:`."""

    name: str
    default: float
    meaning: str
    whose: Whose = "ours"


@dataclass(frozen=True)
class Rule:
    """One rule of the playbook. Each stands in a file of its own, as a decorator of the function that applies it."""

    check: Callable[..., list[Finding]]
    """Takes the search of a study, without its repeats unless `repeats` says otherwise, and returns the findings."""
    _: KW_ONLY
    name: str
    order: int
    """Its place in the order of reading."""
    title: str
    """The question that it answers."""
    looks_at: str
    verdicts: Mapping[str, str]
    """What it may say, each with its title: the plain words that a finding begins with."""
    thresholds: tuple[Threshold, ...]
    formula: str
    """In words."""
    action: str
    """What to do when it speaks."""
    source: str
    """Section of the playbook."""
    trials: Literal["any", "trained", "sampled"] = "trained"
    """The trials that it can be read off.

    `sampled`: points that a sampler chose, not listed ones. `trained`: listed ones, too, but all trained to the end.
    `any`: also those of a race, which end where they fit the training set or cannot win.
    """
    section: Literal["space", "coverage", "curves", "steps", "question", "budget", "trials"] = "trials"
    """The section of the report that draws its evidence."""
    unfair: tuple[str, ...] = ()
    """Verdicts that, as warnings, make a comparison of the trials with others unfair."""
    longer: tuple[str, ...] = ()
    """Verdicts that ask for more steps."""
    shorter: tuple[str, ...] = ()
    """Verdicts that ask for fewer steps."""
    repeats: bool = False
    """Whether `check` takes the study with its repeats."""
    concludes: bool = False
    """Whether `check` takes the study with its repeats, and the findings of the rules before as a second argument."""

    def __call__(self, study: StudyRecord, before: Sequence[Finding] = ()) -> list[Finding]:
        """The findings in this study; `before` are those of the rules before."""
        if self.concludes:
            return self.check(study, before)
        return self.check(study if self.repeats else study.search)

    def limit(self, study: StudyRecord | StudySpec, name: str) -> float:
        """The threshold of this name: as the study sets it, or the default. KeyError where there is none."""
        default = {threshold.name: threshold.default for threshold in self.thresholds}[name]
        return float(study.rules.get(self.name, {}).get(name, default))

    def finding(
        self,
        severity: Severity,
        verdict: str,
        evidence: Mapping[str, Any],
        message: str,
        *,
        subject: str | None = None,
        act: Act | None = None,
        because: str | None = None,
    ) -> Finding:
        """What this rule found. `warning`: to act on before the study is believed. `info`: an answer, or undecided."""
        return Finding(
            rule=self.name,
            subject=subject,
            severity=severity,
            verdict=verdict,
            evidence=evidence,
            message=message,
            act=act,
            because=because,
        )
