"""What is said of a whole study, or of one of its trials, in few words: figures, counts, settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.records import STATES
from playbook_cli.report import words
from playbook_cli.spec.units import steps_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playbook_cli.records import Value
    from playbook_cli.report.value import Report, Trial


def counted(report: Report) -> Iterator[str]:
    """How many trials there are, in which states, and how long they trained."""
    steps = report.max_train_steps
    yield words.count(report.counts["planned"], "trial")
    for state in STATES:
        if count := report.counts.get(state, 0):
            part = f" ({words.share(count, report.ended)})" if state == "infeasible" else ""
            part = f", which saved {_saved(report)}" if state == "stopped" else part
            yield f"{count:,} {state}{part}"
    yield from repeats(report)
    early = [t.last_step for t in report.trials if t.early]
    if early:
        where = f"step {early[0]:,}" if len(set(early)) == 1 else f"steps {min(early):,} to {max(early):,}"
        yield f"{len(early):,} of {report.counts['completed']:,} stopped early, at {where} of {steps:,}"
    else:
        yield f"{steps:,} {steps_of(report.step_unit)} each"


def _saved(report: Report) -> str:
    steps, share = report.saved
    return f"{steps:,} {steps_of(report.step_unit)} ({share:.0%})"


def repeats(report: Report) -> list[str]:
    """How many repeats have ended; nothing where there are none."""
    of = report.repeat_counts
    return [f"{of['completed'] + of['infeasible']} of {of['planned']} repeats"] if of["planned"] else []


def figures(report: Report) -> list[tuple[str, str, str]]:
    """The best result, or where there is none the size of the study: a name, a figure, an aside each."""
    best, planned = report.best, f"{report.counts['planned']:,}"
    if best is None:
        return [("trials", planned, ""), (f"{steps_of(report.step_unit)} each", f"{report.max_train_steps:,}", "")]
    aim = "lower is better" if report.metric.goal == "minimize" else "higher is better"
    return [
        (f"best {words.shortened(report.metric.name, 60)}", words.number(best.value), aim),
        ("in trial", str(best.trial), ""),
        ("at step", f"{best.step:,}", f"of {report.max_train_steps:,}"),
        ("trials", planned, ""),
    ]


def varied(report: Report, params: Mapping[str, Value]) -> str:
    """The settings that differ between trials, in one line."""
    return _pairs({name: params[name] for name in report.hyperparameters if name in params})


def text_of(report: Report, trial: Trial) -> list[int | str]:
    """What is shown of a chosen trial: its number, a title, its settings, and where its log is."""
    metric = words.shortened(report.metric.name, 60)
    if trial.state in {"completed", "running"} and trial.value is not None:
        result = f"{metric} {words.number(trial.value)} at step {trial.step:,}"
        result += "" if trial.state == "completed" else ", running"
    else:
        result = trial.state + (f", {words.shortened(trial.reason, 120)}" if trial.reason else "")
    again = "" if trial.repeat_of is None else f", trial {trial.repeat_of} again on seed {trial.seed}"
    settings = varied(report, trial.params)
    if trial.timescale is not None:
        settings += f"; {words.TIMESCALE} {words.timescale(trial.timescale, report.max_train_steps)}"
    return [trial.id, f"Trial {trial.id}{again}: {result}", settings, trial.log]


def conditions(report: Report) -> str:
    """What every conclusion depends on, and what a result is."""
    fixed = _pairs(report.fixed)
    held = f"Every conclusion holds only for these fixed values: {fixed}. " if fixed else ""
    aim = "smallest" if report.metric.goal == "minimize" else "largest"
    return (
        f"{held}A trial's result is its {aim} {words.shortened(report.metric.name, 60)} over training, evaluated every "
        f"{report.eval_every:,} steps; it was selected, so it is optimistic. Made by Playbook from the "
        "study's own records."
    )


def _pairs(settings: Mapping[str, Value]) -> str:
    return ", ".join(
        f"{words.shortened(name, 60)}={words.shortened(words.setting(value), 60)}" for name, value in settings.items()
    )
