"""`playbook repeat --until-decided`: repeats go where the choice among the best points is least decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from playbook_cli.acts import command
from playbook_cli.commands import repeating
from playbook_cli.commands.options import runs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.acts import Command
    from playbook_cli.commands.options import Launching
    from playbook_cli.commands.repeating import Side
    from playbook_cli.deciding.answer import Answer
    from playbook_cli.deciding.judge import Asked, Judged, Point
    from playbook_cli.deciding.policy import Deciding
    from playbook_cli.deciding.simplest import Baseline, Preference
    from playbook_cli.records import TrialRecord

SEEDS = 10
"""Repeats of each point that the budget allows by default."""


@dataclass(frozen=True, kw_only=True)
class _Contest:
    """Points of one study, the simplest first; or those of another one, the incumbent, and then those of this."""

    side: Side
    numbers: Sequence[int]
    """Trials of `side`, the simplest first."""
    ranked: Sequence[TrialRecord]
    """The same trials, best first."""
    preferred: Sequence[Preference]
    baseline: Baseline | None
    incumbent: Side | None
    theirs: Sequence[int]
    asked: Asked

    @property
    def sides(self) -> list[tuple[Side, Sequence[int]]]:
        """The incumbent's points count as simpler."""
        mine = [(self.side, self.numbers)]
        return mine if self.incumbent is None else [(self.incumbent, self.theirs), *mine]

    def policies(self) -> list[Deciding]:
        """One for each study, with the results that the other one has by now."""
        from playbook_cli.deciding.policy import Deciding

        metric, names = self.side.record.metric, [self._name(side) for side, _ in self.sides]
        made = [Deciding(of, metric, self.asked, study=n) for (_, of), n in zip(self.sides, names, strict=True)]
        if len(made) == 1:
            return made
        first, second = (
            policy.points(side.store.record().trials) for policy, (side, _) in zip(made, self.sides, strict=True)
        )
        return [
            Deciding(made[0].of, metric, self.asked, study=names[0], after=second),
            Deciding(made[1].of, metric, self.asked, study=names[1], before=first),
        ]

    def points(self) -> list[Point]:
        """All points with the results that they have by now, the simplest first."""
        both = zip(self.policies(), self.sides, strict=True)
        return [point for policy, (side, _) in both for point in policy.points(side.store.record().trials)]

    def answer(self) -> Answer:
        """What the results say so far."""
        from playbook_cli.deciding.answer import Answer
        from playbook_cli.deciding.judge import judge

        points = self.points()
        judged = judge(points, self.asked)
        why = self._why(judged) if len(judged.left) > 1 else ""
        return Answer(judged=judged, points=points, asked=self.asked, metric=self.side.record.metric.name, why=why)

    def _why(self, judged: Judged) -> str:
        from playbook_cli.deciding.simplest import reason

        if self.incumbent is not None and judged.left[0].study == self._name(self.incumbent):
            return "the one in use"
        left = {point.trial for point in judged.left}
        simplest = next(trial for trial in self.ranked if trial.id == judged.left[0].trial)
        others = [trial for trial in self.ranked if trial.id in left and trial is not simplest]
        return reason(simplest, others, self.ranked, self.preferred, self.baseline)

    def _name(self, side: Side) -> str:
        return "" if self.incumbent is None else str(side.folder)


def decide(
    side: Side,
    incumbent: Side | None,
    numbers: Sequence[int],
    launching: Launching,
    *,
    budget: int | None,
    prefer: Sequence[str],
    json: bool,
) -> None:
    """Train repeats of these trials until one can be taken, or the budget is spent, and say which."""
    contest, interrupted = _contested(side, incumbent, numbers, launching, budget=budget, prefer=prefer)
    _show(contest, interrupted=interrupted, json=json)
    if interrupted:
        raise typer.Exit(130)


def decided(side: Side, numbers: Sequence[int], launching: Launching, *, budget: int) -> tuple[Answer, bool]:
    """The same for one study, without a word: the answer, and whether it was interrupted."""
    contest, interrupted = _contested(side, None, numbers, launching, budget=budget, prefer=[])
    return contest.answer(), interrupted


def _contested(
    side: Side,
    incumbent: Side | None,
    numbers: Sequence[int],
    launching: Launching,
    *,
    budget: int | None,
    prefer: Sequence[str],
) -> tuple[_Contest, bool]:
    """The contest, trained until it is decided, its budget is spent, or it was interrupted."""
    from playbook_cli.analysis import looking
    from playbook_cli.errors import StudyError, WorkError

    if incumbent is not None:
        repeating.refuse_unlike(incumbent, side, "--against")
    theirs = [] if incumbent is None else [repeating.ranked(incumbent.record)[0].id]
    if len(numbers) + len(theirs) < 2:
        raise StudyError(
            f"only trial {numbers[0]} would take part, so there is nothing to decide",
            where=str(side.folder),
            hint="add others with --top or --trial, or another study with --against",
        )
    least = looking.FIRST * (len(numbers) + len(theirs))
    if budget is not None and budget < least:
        what = f"{looking.FIRST} repeats of each of the {len(numbers) + len(theirs)} trials are needed"
        raise StudyError(what, where=f"--budget {budget}", hint=f"--budget {least}, or more")
    trials = [trial for trial in repeating.ranked(side.record) if trial.id in numbers]
    trials += [trial for trial in side.record.search.trials if trial.id in numbers and trial not in trials]
    contest = _contest(side, incumbent, trials, theirs, budget or SEEDS * (len(numbers) + len(theirs)), prefer)
    repeating.refuse_too_many(contest.asked.budget, f"{contest.asked.budget:,} repeats", f"--budget {budget}")
    interrupted = False
    while not interrupted and (before := contest.answer().judged).verdict is None:
        interrupted = _train(contest, launching)
        if not interrupted and contest.answer().judged.seeds == before.seeds:
            folder = side.folder
            raise WorkError("the repeats have no results", where=str(folder), hint=str(command("status", folder)))
    return contest, interrupted


def _train(contest: _Contest, launching: Launching) -> bool:
    """Train what each study lacks for the next look; whether it was interrupted. WorkError if nothing works."""
    from playbook_cli.errors import WorkError

    for place, (side, _) in enumerate(contest.sides):
        plan = repeating.plan_of(side, contest.policies()[place], launching)
        repeating.require_code(plan, changed=launching.changed)
        outcome = repeating.train(plan, wait=launching.wait)
        if outcome is not None and outcome.hopeless:
            raise WorkError(outcome.hopeless, hint="fix it, then run the same command again")
        if outcome is not None and outcome.interrupted:
            return True
    return False


def _contest(
    side: Side,
    incumbent: Side | None,
    ranked: Sequence[TrialRecord],
    theirs: Sequence[int],
    budget: int,
    prefer: Sequence[str],
) -> _Contest:
    """PlaybookError if --prefer asks for something that the trials don't have."""
    from playbook_cli.advice.rules.isolation import isolation
    from playbook_cli.analysis import outcomes
    from playbook_cli.deciding.judge import Asked, step_of
    from playbook_cli.deciding.simplest import ordered, preferences

    record = side.record
    both = [record, *([incumbent.record] if incumbent else [])]
    results = [
        loss for one in both for loss in outcomes.losses(outcomes.completed(one.search.trials), record.metric).tolist()
    ]
    preferred, baseline = preferences(prefer, ranked), _baseline(side)
    return _Contest(
        side=side,
        numbers=[trial.id for trial in ordered(ranked, preferred, baseline)],
        ranked=ranked,
        preferred=preferred,
        baseline=baseline,
        incumbent=incumbent,
        theirs=theirs,
        asked=Asked(
            budget=budget,
            bound=isolation.limit(record, "equal_deviations"),
            step=step_of(results, record.metric.examples),
        ),
    )


def _baseline(side: Side) -> Baseline | None:
    """The settings that were adopted last among the studies beside this one; None if none were for its metric."""
    from playbook_cli.deciding.simplest import Baseline
    from playbook_cli.ledger import entries

    adopted = entries.read(runs_of(side.folder)).adopted
    last = next((entry for entry in reversed(adopted) if entry.metric == side.record.metric.name), None)
    return None if last is None else Baseline(label=f"the baseline {last.study}", params=last.params)


def _show(contest: _Contest, *, interrupted: bool, json: bool) -> None:
    from playbook_cli.commands.output import advise, console, print_json
    from playbook_cli.report import deciding, words
    from playbook_cli.report.repeats import as_json, repeats, selected_from
    from playbook_cli.report.terminal import Printer

    answer, record = contest.answer(), contest.side.store.record()
    following = _following(contest, answer)
    if json:
        others = None if contest.incumbent is None else contest.incumbent.store.record()
        print_json(
            {
                "study": record.name,
                **deciding.as_json(answer, record.metric),
                "params": _params(contest, answer),
                "selected_from": len(record.search.trials),
                "next": None if interrupted else str(following),
                "repeats": [as_json(one) for one in repeats(record)],
                "baseline": others and {"study": others.name, "repeats": [as_json(one) for one in repeats(others)]},
            }
        )
        return
    out = console()
    if answer.judged.verdict is not None:
        out.print(f"{words.sentence(answer.message())}.", style="bold")
    several = len(record.arms) > 1 and contest.incumbent is None
    arms = {trial.id: words.settings(trial.arm) for trial in contest.ranked} if several else {}
    Printer(out).sections([deciding.section(answer, record.metric, arms)])
    if (said := selected_from(record, contest.numbers)) is not None:
        out.print(said)
    if several and answer.point is not None:
        out.print(
            "this compares trials; to compare their arms, including search noise: "
            f"{command('compare', contest.side.folder, arms=('BASELINE', 'CANDIDATE'))}"
        )
    if interrupted:
        out.print("interrupted; run the same command again to resume")
        return
    advise(out, following)


def _params(contest: _Contest, answer: Answer) -> dict[str, Any] | None:
    """The settings of the point to take."""
    taken = answer.point
    if taken is None:
        return None
    side = contest.sides[0][0] if taken.study and taken.study != str(contest.side.folder) else contest.side
    return dict(next(trial.params for trial in side.record.trials if trial.id == taken.trial))


def _following(contest: _Contest, answer: Answer) -> Command:
    """The command that acts on the verdict."""
    folder, incumbent, taken = contest.side.folder, contest.incumbent, answer.point
    if taken is not None and incumbent is not None:
        return command("compare", incumbent.folder, folder)
    if taken is not None:
        return command("adopt", folder, trial=taken.trial)
    if answer.judged.needed is None:
        return command("report", folder)
    more = command("repeat", folder, until_decided=True, budget=answer.judged.seeds + answer.judged.needed)
    return more if incumbent is None else more.adding(against=incumbent.folder)
