"""The top of a report: the answer in one sentence, how sure it is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli import wording
from playbook_cli.acts import Repeat, command
from playbook_cli.advice import among
from playbook_cli.advice.rules import rules, titled
from playbook_cli.records import DECIDED
from playbook_cli.report import words
from playbook_cli.report.asked import asked
from playbook_cli.report.value import Answer, spoken

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.records import Best, Finding, Metric, Value
    from playbook_cli.report.value import Repeats

_AT_CEILING = (
    "That is the best possible value, so the metric cannot rank these trials: use a finer one, such as a loss."
)
_NAMED = 2
"""Arms that a sentence names; of more it gives the number."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of a study when its answer is made."""

    goal: str
    metric: Metric
    counts: Mapping[str, int]
    folder: Path
    best: Best | None
    ties: int
    """Trials that reached the best result."""
    arms: Sequence[Mapping[str, Value]]
    labels: Sequence[str]
    """Of the arms, short enough for a sentence."""
    bests: Sequence[Best | None]
    """Of the arms."""
    findings: Sequence[Finding]
    repeats: Sequence[Repeats]
    imported: bool = False
    first: int = 0
    """The first trial that ended."""
    attempted: bool = False
    """Whether any trial was ever started."""
    nothing: str | None = None
    """That no trial got better than chance."""
    ceiling: bool = False
    """Whether the best result is the best possible."""

    @property
    def unfinished(self) -> int:
        """Trials that have not ended."""
        return self.counts["running"] + self.counts["pending"]

    @property
    def isolation(self) -> Finding | None:
        """What the rule says about the study's own question, of its arms before a scientific range."""
        said = [finding for finding in self.findings if finding.rule == "isolation"]
        return next(iter(said), None)

    def label(self, known: str) -> str:
        """An arm's name in a sentence, by the name that findings give it."""
        from playbook_cli.analysis.outcomes import arm_label

        return next((s for arm, s in zip(self.arms, self.labels, strict=True) if arm_label(arm) == known), known)


def answer(known: Standing) -> Answer:
    """The study's own question where its arms answer it; else the best result, or why there is none."""
    if known.best is None:
        return Answer(text=_why_nothing(known), **_wait(known))
    so_far = "So far: " if known.unfinished else ""
    if known.nothing is not None:
        return Answer(
            text=f"{so_far}{words.sentence(known.nothing)}. Look for a bug in the data, the loss or the metric."
        )
    text = _of_arms(known) or _of_best(known)
    return Answer(
        text=f"{so_far}{text}." if so_far else f"{words.sentence(text)}.",
        sure=_sure(known),
        rests_on=known.isolation,
        **_next(known),
    )


def _of_arms(known: Standing) -> str | None:
    """What the comparison of the arms came to; None of a study without arms, or where nothing was compared."""
    said = known.isolation
    if said is None or known.best is None:
        return None
    against = among.others(said.evidence)
    metric, best = known.metric.name, str(said.evidence.get("best", ""))
    if not against:
        if said.verdict in ("better", "no-difference"):
            return said.message
        return _not_compared(known) if len(known.arms) > 1 and said.subject is None else None
    worse = [known.label(one.label) for one in against if one.worse]
    equal = [known.label(one.label) for one in against if not one.worse]
    shown = "confirmed" if any(one.leads for one in against) else "significant"
    top = known.label(best)
    reached = f"{metric} {words.number(_reached(known, said, best))}"
    question = asked(known.goal, known.arms, known.metric) if said.subject in (None, best) else None
    about = known.labels[question] if question is not None else None
    by = f" by {words.number(against[0].gain)}" if len(against) == 1 else ""
    if about is not None and about in worse:
        return f"no: {about} is worse than {top}{by} (best {reached})"
    if about == top and not equal:
        return f"yes: {top} is better than {_others(worse, len(against))}{by} (best {reached})"
    if about is not None and about == top:
        than = f"; it is better than {_others(worse, len(against))}" if worse else ""
        return f"not shown: {top} has the best {reached}, but no {shown} lead over {_others(equal, 0)}{than}"
    if about is not None:
        return f"not shown: {top} has the best {reached}, with no {shown} lead over {about}"
    if not equal:
        return f"{top} is better than {_others(worse, len(against))}{by}: best {reached}"
    if len(against) == 1 and against[0].leads:
        return f"{top} is ahead of {equal[0]}{by}, which is not confirmed: best {reached}"
    if not worse and shown == "significant":
        return f"no significant difference between {_together(top, equal)}: best {reached} with {top}"
    ahead = f"{top} leads with {reached}, without a {shown} lead over {_others(equal, len(against))}"
    return f"{ahead}; {_others(worse, 0)} {'is' if len(worse) == 1 else 'are'} worse" if worse else ahead


def _reached(known: Standing, said: Finding, label: str) -> float:
    """The result of the best arm: the mean of its repeats where the arms were compared by that."""
    from playbook_cli.analysis.outcomes import arm_label

    assert known.best is not None
    own = next((b for a, b in zip(known.arms, known.bests, strict=True) if arm_label(a) == label), None) or known.best
    return float(said.evidence.get("mean", own.value))


def _together(top: str, equal: Sequence[str]) -> str:
    """`a and b`, `a, b and c`, or of more than a sentence holds their number."""
    return f"{top}, {equal[0]} and {equal[1]}" if len(equal) == _NAMED else f"{top} and {_others(equal, len(equal))}"


def _others(names: Sequence[str], whole: int) -> str:
    """Several arms by name, or where they are more than a sentence holds by their number."""
    if len(names) <= _NAMED:
        return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    if len(names) == whole:
        return f"all {whole} other arms" if whole > 2 else "both other arms"
    return f"{len(names)} other arms"


def _not_compared(known: Standing) -> str:
    """The best of every arm, where it is too early to say more."""
    ranked = sorted(
        (
            (known.metric.loss(one.value), label, one)
            for label, one in zip(known.labels, known.bests, strict=True)
            if one
        ),
        key=lambda x: (x[0], x[1]),
    )
    _, top, best = ranked[0]
    so_far = "" if known.unfinished else " so far"
    after = f", then {ranked[1][1]} with {words.number(ranked[1][2].value)}" if len(ranked) > 1 else ""
    return (
        f"the arms can't be compared yet; best {known.metric.name}{so_far} {words.number(best.value)} with {top}{after}"
    )


def _of_best(known: Standing) -> str:
    best, metric, ended = known.best, known.metric, sum(known.counts.get(state, 0) for state in DECIDED)
    assert best is not None
    who = f"trial {best.trial}, step {best.step:,}"
    who += f"; tied with {words.count(known.ties - 1, 'other trial')}" if known.ties > 1 else ""
    of = f"the best of {ended:,} trials" if ended > 1 else "the only trial"
    fresh = _fresh(best, known.repeats)
    return f"{of} reaches {metric.name} {words.number(best.value)}{wording.examples(metric, best.value)} ({who}){fresh}"


def _fresh(best: Best, repeats: Sequence[Repeats]) -> str:
    """What the best trial comes to when it was not selected for it, where that is known."""
    mine = next((one for one in repeats if one.trial == best.trial), None)
    if mine is None or mine.mean is None:
        return ""
    return f", and {words.estimate(mine.mean, mine.interval)} on average over {words.count(len(mine.values), 'repeat')}"


def _sure(known: Standing) -> str:
    """What the answer rests on, and what could change it."""
    said, parts = known.isolation, []
    evidence = said.evidence if said is not None else {}
    if said is not None and said.verdict == "blocked":
        unfair = list(dict.fromkeys(_title(f) for f in spoken(known.findings) if f.verdict in _unfair(f)))
        why = f"fix what makes the comparison unfair first: {'; '.join(unfair[:_NAMED])}" if unfair else said.message
        parts.append(words.sentence(f"{why}."))
    elif "unjudged" in evidence:
        parts.append(
            f"It is unclear whether {words.count(evidence['unjudged'], 'range')} that only some arms have "
            f"{'is' if evidence['unjudged'] == 1 else 'are'} too small."
        )
    elif against := among.others(evidence):
        by = f"over {words.count(evidence['repeats'], 'repeat')} of each arm" if "repeats" in evidence else ""
        nearest = min(against, key=lambda one: one.interval[0])
        gain = f"{words.number(nearest.gain)}, 95% {words.span(*nearest.interval)}"
        doubt = "; that is a model's estimate, which the trials alone do not confirm" if nearest.leads else ""
        parts.append(f"Gain over {known.label(nearest.label)}{f' {by}' if by else ''}: {gain}{doubt}.")
    elif said is not None and said.verdict == "undecided":
        parts.append(words.sentence(f"{said.message}."))
    assert known.best is not None
    if "repeats" not in evidence and not any(one.mean is not None for one in known.repeats):
        ended = sum(known.counts.get(state, 0) for state in DECIDED)
        parts.append(
            f"The best of {ended:,} trials is optimistic until it is repeated with other training seeds."
            if ended > 1
            else "One trial says nothing about other settings."
        )
    warnings = len({(f.rule, f.verdict) for f in known.findings if f.severity == "warning" and f.rule != "isolation"})
    if known.ceiling and known.ties > 1:
        parts.append(_AT_CEILING)
    if warnings:
        parts.append(f"{words.count(warnings, 'warning')} below could change this.")
    return " ".join(parts)


def _next(known: Standing) -> dict[str, Any]:
    """One command, and the reason for it: what could change the answer first, then what makes it surer."""
    if known.unfinished:
        return _wait(known)
    asking = [finding for finding in spoken(known.findings) if finding.act is not None]
    first = next((finding for finding in asking if finding.severity == "warning"), None)
    assert known.best is not None
    repeated = any(one.trial == known.best.trial for one in known.repeats)
    if first is None and not repeated and not known.imported and known.counts["completed"] > 1:
        again = Repeat(top=1).on(known.folder)
        return {"command": str(again), "why": "measure how much of the best result is selection bias"}
    first = first or next(iter(asking), None)
    if first is not None and first.act is not None:
        return {"command": str(first.act.on(known.folder)), "why": _title(first)}
    if repeated and not known.imported:
        return {"command": str(command("adopt", known.folder)), "why": "record it as the baseline"}
    return {}


def _title(finding: Finding) -> str:
    title = wording.uncapitalized(titled(finding))
    return f"{finding.subject}: {title}" if finding.subject else title


def _unfair(finding: Finding) -> tuple[str, ...]:
    return rules()[finding.rule].unfair


def _wait(known: Standing) -> dict[str, Any]:
    if not known.unfinished:
        ended = known.counts["infeasible"] + known.counts["failed"]
        look = command("show", known.folder, str(known.first))
        return {"command": str(look), "why": f"see how trial {known.first} ended"} if ended else {}
    return {"command": str(command("status", known.folder)), "why": "see progress, or resume"}


def _why_nothing(known: Standing) -> str:
    counts = known.counts
    started = counts["planned"] - counts["pending"]
    if not (started or known.attempted):
        return f"No trial has started yet: {counts['planned']} planned."
    outcomes = ", ".join(words.states(counts))
    if known.unfinished:
        return f"No trial has a result yet: {outcomes}."
    if counts["infeasible"] == started:
        every = "the only trial is" if started == 1 else f"all {started} trials are"
        return f"No trial could be trained: {every} infeasible."
    return f"No trial has a result: {outcomes}."
