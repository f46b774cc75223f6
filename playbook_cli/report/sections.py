"""The page's sections, in the playbook's reading order; every text that a user wrote goes through `escape`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playbook_cli.acts import argument
from playbook_cli.advice.rules import rules
from playbook_cli.report import evidence, words
from playbook_cli.report.evidence import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.failures import Failure
    from playbook_cli.records import Finding, Value
    from playbook_cli.report.charts.frame import Chart
    from playbook_cli.report.rows import Rows
    from playbook_cli.report.value import Report, Trial

_MARKS = {"warning": "!", "info": "i", "ok": "✓"}
_LONG = 160
"""Characters from which on the answer is set smaller."""
_SECTIONS = (
    ("findings", "What stands out"),
    ("space", "Is the search space large enough?"),
    ("coverage", "Are there enough trials in the good region?"),
    ("curves", "What do the training curves say?"),
    ("steps", "Was training long enough?"),
    ("arms", "How was each arm tuned?"),
    ("question", "Which setting is best?"),
    ("luck", "How much of it was luck?"),
    ("importance", "Which hyperparameters mattered?"),
    ("budget", "Would more trials help?"),
    ("trials", "All trials"),
)


def body(report: Report, charts: Sequence[Chart], rows: Rows) -> str:
    """Everything between the page's body tags but its scripts."""
    content = {
        "findings": _findings(report),
        "space": evidence.space(report, charts, rows),
        "coverage": evidence.coverage(report, charts),
        "curves": evidence.curves(report, charts, rows),
        "steps": evidence.steps(report, charts),
        "arms": evidence.arms(report, charts),
        "question": evidence.question(report, charts),
        "luck": evidence.luck(report, charts),
        "importance": evidence.importance(report, charts, rows),
        "budget": evidence.budget(report, charts, rows),
        "trials": _trials(report),
    }
    shown = [(name, title) for name, title in _SECTIONS if content[name]]
    sections = [
        f'<section id="{name}" class="{name}"><h2>{title}</h2>{_cut(report, name)}{content[name]}</section>'
        for name, title in shown
    ]
    nav = "".join(f'<a href="#{name}">{title}</a>' for name, title in shown)
    return "\n".join(
        [
            f"<header>{_head(report)}<nav>{nav}</nav></header>",
            "<main>",
            *sections,
            "</main>",
            _footer(report),
            _OVERLAYS,
        ]
    )


def _cut(report: Report, section: str) -> str:
    """What the section does not show."""
    return f'<p class="how">{words.escape(report.cuts[section])}</p>' if section in report.cuts else ""


def text_of(report: Report, trial: Trial) -> list[int | str]:
    """What is shown of a chosen trial: its number, a title, its settings, and where its log is."""
    metric = words.shortened(report.metric.name, 60)
    if trial.state in {"completed", "running"} and trial.value is not None:
        result = f"{metric} {words.number(trial.value)} at step {trial.step}"
        result += "" if trial.state == "completed" else ", running"
    else:
        result = trial.state + (f", {words.shortened(trial.reason, 120)}" if trial.reason else "")
    again = "" if trial.repeat_of is None else f", trial {trial.repeat_of} again on seed {trial.seed}"
    varied = _varied(report, trial.params)
    if trial.timescale is not None:
        varied += f"; {words.TIMESCALE} {words.timescale(trial.timescale, report.max_train_steps)}"
    return [trial.id, f"Trial {trial.id}{again}: {result}", varied, trial.log]


def _varied(report: Report, params: Mapping[str, Value]) -> str:
    """The settings that differ between trials, in one line."""
    pairs = {name: words.setting(params[name]) for name in report.hyperparameters if name in params}
    return ", ".join(f"{words.shortened(name, 60)}={words.shortened(value, 60)}" for name, value in pairs.items())


def _head(report: Report) -> str:
    counts = report.counts
    states = [state for state in ("completed", "infeasible", "failed", "running", "pending") if counts[state]]
    share = max(counts["planned"], 1)
    bar = "".join(
        f'<i class="{state}" style="width:{100 * counts[state] / share:.2f}%"></i>'
        for state in states
        if state != "pending"
    )
    long = " long" if len(report.answer) > _LONG else ""
    facts = [("trials", f"{counts['planned']}"), ("steps each", f"{report.max_train_steps}")]
    settings = ""
    if report.best is not None:
        metric = words.escape(words.shortened(report.metric.name, 60))
        aim = "lower is better" if report.metric.goal == "minimize" else "higher is better"
        facts = [
            (f"best {metric}", f"{words.number(report.best.value)} <small>{aim}</small>"),
            ("in trial", f"{report.best.trial}"),
            ("at step", f"{report.best.step} <small>of {report.max_train_steps}</small>"),
            ("trials", f"{counts['planned']}"),
        ]
        varied = _varied(report, report.best.params)
        settings = f'<p class="settings mono">{words.escape(varied)}</p>' if varied else ""
    listed = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)
    return (
        f'<p class="study">{words.escape(report.study)}</p><h1>{words.escape(report.goal)}</h1>'
        f'<p class="answer{long}">{words.escape(report.answer)}</p><dl class="facts">{listed}</dl>{settings}'
        f'<div class="bar" aria-hidden="true">{bar}</div>'
        f'<p class="states">{", ".join([*(f"{counts[state]} {state}" for state in states), *_repeats(report)])}</p>'
    )


def _repeats(report: Report) -> list[str]:
    repeats = report.repeat_counts
    done = repeats["completed"] + repeats["infeasible"]
    return [f"{done} of {repeats['planned']} repeats on fresh seeds"] if repeats["planned"] else []


def _findings(report: Report) -> str:
    parts = [_warned(f"<p>{words.escape(caveat)}</p>") for caveat in report.caveats]
    parts += [_failure(report, failure) for failure in report.failures]
    parts += [_finding(finding, _where(report, finding), report.command(finding)) for finding in report.spoken]
    if not report.folder.is_absolute() and any(map(report.command, report.spoken)):
        where = words.escape(argument(report.folder))
        parts.append(f'<p class="how">Run the commands in the directory where this study is <code>{where}</code>.</p>')
    if not parts:
        parts.append('<p class="how">No rule complains.</p>' if report.silent else NOTHING)
    parts.append(_folded(report.undecided, "undecided", "with too little to judge yet"))
    parts.append(_folded(report.silent, "fine", "without complaint"))
    return "".join(parts)


def _folded(findings: Sequence[Finding], kind: str, what: str) -> str:
    """Findings that need no reading, behind their number."""
    if not findings:
        return ""
    items = "".join(f"<li>{words.escape(_named(finding))}</li>" for finding in findings)
    return (
        f'<details class="{kind}"><summary>{words.count(len(findings), "check")} {what}</summary>'
        f"<ul>{items}</ul></details>"
    )


def _where(report: Report, finding: Finding) -> str:
    """The id of what shows the evidence: the axis plot of a finding on one range, else the rule's section."""
    section = rules()[finding.rule].section
    if section == "space":
        for index, axis in enumerate(report.axes):
            if axis.label == finding.subject and axis.points:
                return f"chart-axis-{index}"
    return section


def _finding(finding: Finding, where: str, command: str | None) -> str:
    evidence = "".join(
        f"<div><dt>{words.escape(name.replace('_', ' '))}</dt><dd>{words.escape(_evidence(value))}</dd></div>"
        for name, value in finding.evidence.items()
    )
    following = (
        f'<div class="next"><code>{words.escape(command)}</code><button type="button" data-copy>copy</button></div>'
        if command
        else ""
    )
    return (
        f'<div class="finding {finding.severity}">'
        f'<span class="mark" title="{finding.severity}">{_MARKS[finding.severity]}'
        f'</span><div><p><a class="subject" href="#{where}">{words.escape(finding.subject or finding.rule)}</a>: '
        f"{words.escape(finding.message)}</p>"
        f'<dl class="evidence"><div><dt>rule</dt><dd>{words.escape(finding.rule)}</dd></div>{evidence}</dl>'
        f"{following}</div></div>"
    )


def _failure(report: Report, failure: Failure) -> str:
    said = f'<p class="mono">{words.escape(words.shortened(failure.said, 300))}</p>' if failure.said else ""
    link = ""
    if failure.log:
        log = next(t.log for of in (report.trials, report.again) for t in of if t.id == failure.trials[0])
        link = f'<p>all of it: <a href="{words.escape(log)}">{words.escape(failure.log)}</a></p>'
    return _warned(f'<p><a class="subject" href="#trials">failed</a>: {words.escape(failure.message)}</p>{said}{link}')


def _warned(content: str) -> str:
    mark = f'<span class="mark" title="warning">{_MARKS["warning"]}</span>'
    return f'<div class="finding warning">{mark}<div>{content}</div></div>'


def _named(finding: Finding) -> str:
    return f"{finding.rule}{f', {finding.subject}' if finding.subject else ''}: {finding.message}"


def _evidence(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return words.shortened(str(value), 120)
    return words.number(value)


def _trials(report: Report) -> str:
    names = report.hyperparameters
    heads = [("trial", ""), ("state", "text"), (report.metric.name, ""), ("step", ""), *((name, "") for name in names)]
    header = "".join(
        f'<th class="{kind}"{_SORTED if index == 2 else ""}>'
        f'<button type="button" data-sort title="{words.escape(name)}">'
        f"{words.escape(words.shortened(name, 32))}</button></th>"
        for index, (name, kind) in enumerate([*heads, *([(words.TIMESCALE, "")] if report.timed else [])])
    )
    others = [trial for trial in report.trials if trial.rank is None]
    ordered = [*report.ranked, *others, *report.again]
    if report.metric.goal == "maximize":
        header = header.replace(_SORTED, _SORTED.replace("ascending", "descending"))
    rows = "".join(_row(trial, names, report) for trial in ordered)
    about = ""
    if report.timed:
        about = (
            f" {words.TIMESCALE}: 1 / (learning rate x weight decay), the steps over which its weight decay forgets "
            f"(Wang and Aitchison 2024), and how often the {report.max_train_steps} steps of training fit into it: "
            "far above 1 the decay hardly acts."
        )
    return (
        f'<p class="how">Choose a trial, here or in a chart, to see it everywhere; columns sort.{about}</p>'
        f'<div class="scroll" tabindex="0"><table><thead><tr>{header}<th class="text">log</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(trial: Trial, names: Sequence[str], report: Report) -> str:
    reason = f' title="{words.escape(words.shortened(trial.reason, 300))}"' if trial.reason else ""
    result = trial.value if trial.state in {"completed", "running"} else None
    again = "" if trial.repeat_of is None else f", repeats {trial.repeat_of}"
    cells = [
        f"<td>{trial.id}</td>",
        f'<td class="text {trial.state}-state"{reason}>{trial.state}{again}</td>',
        _cell(words.number(result) if result is not None else "", key=result),
        f"<td>{trial.step if result is not None else ''}</td>",
        *(_setting(trial, name) for name in names),
        *([_steps(trial.timescale, report.max_train_steps)] if report.timed else []),
        f'<td class="text"><a href="{words.escape(trial.log)}">log</a></td>',
    ]
    return f'<tr data-trial="{trial.id}" tabindex="0">{"".join(cells)}</tr>'


def _setting(trial: Trial, name: str) -> str:
    if name not in trial.params:
        return "<td></td>"
    value = trial.params[name]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    return _cell(words.shortened(words.setting(value), 60), key=number)


def _steps(timescale: float | None, max_train_steps: int) -> str:
    return "<td></td>" if timescale is None else _cell(words.timescale(timescale, max_train_steps), key=timescale)


def _cell(text: str, *, key: float | None = None) -> str:
    raw = "" if key is None else f' data-key="{key!r}"'
    return f"<td{raw}>{words.escape(text)}</td>"


def _footer(report: Report) -> str:
    fixed = ", ".join(
        f"{words.shortened(n, 60)}={words.shortened(words.setting(v), 60)}" for n, v in report.fixed.items()
    )
    held = f"Fixed throughout, and so a condition of every conclusion here: {words.escape(fixed)}. " if fixed else ""
    aim = "smallest" if report.metric.goal == "minimize" else "largest"
    metric = words.escape(words.shortened(report.metric.name, 60))
    return (
        f"<footer><p>{held}A trial's result is its {aim} {metric} over training, evaluated every {report.eval_every} "
        "steps; it was selected, so it is optimistic about that trial. Made by Playbook from the study's own "
        "records.</p></footer>"
    )


_SORTED = ' aria-sort="ascending"'
_OVERLAYS = (
    '<div id="chosen" role="status" hidden><div><b></b><p class="mono"></p></div><a>log</a>'
    '<button type="button" data-clear aria-label="choose no trial">✕</button></div><div id="tip" hidden></div>'
)
