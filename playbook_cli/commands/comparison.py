"""What `playbook compare` answers, on the terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from playbook_cli import acts
from playbook_cli.advice.differences import limits
from playbook_cli.analysis.repeats import repeated
from playbook_cli.commands.output import advise
from playbook_cli.wording import number

if TYPE_CHECKING:
    from rich.console import Console

    from playbook_cli.acts import Command
    from playbook_cli.advice.weighing import Contender, Weighed
    from playbook_cli.analysis.comparison import Estimate
    from playbook_cli.analysis.selection import Selected
    from playbook_cli.analysis.settling import Settling
    from playbook_cli.records import Metric
    from playbook_cli.report.section import Document, Section

_STYLES = {"adopt": "bold green", "keep": "bold", "not-yet": "bold yellow"}


def as_json(weighed: Weighed, a: Contender, b: Contender, *, least: float) -> dict[str, Any]:
    """The answer, and what it rests on."""
    compared, settle = weighed.compared, weighed.decision.settle
    return {
        **weighed.as_json(),
        "unit": weighed.unit,
        "complexity": least,
        "settle": settle
        and {"runs": settle.runs, "repeats": settle.repeats, "trials": settle.trials, "searches": settle.searches},
        "at_trials": compared.trials if compared else None,
        "baseline": _side(a, weighed.metric, weighed.baseline, compared.baseline if compared else None),
        "candidate": _side(b, weighed.metric, weighed.candidate, compared.candidate if compared else None),
        "differences": [asdict(difference) for difference in weighed.differences],
        "limited_to": dict(weighed.limited_to),
        "warnings": [weighed.together] if weighed.together else [],
        "next": None if (command := following(weighed, a, b)) is None else str(command),
    }


def render(weighed: Weighed, a: Contender, b: Contender, out: Console) -> None:
    """The verdict, the two sides, what limits it, and the next command."""
    from rich.text import Text

    from playbook_cli.report.terminal import Printer

    verdict = weighed.decision.verdict
    limited = f" ({limits(weighed.limited_to)})" if weighed.limited_to else ""
    out.print(Text.assemble(f"{b.label} over {a.label}: ", (verdict, _STYLES[verdict]), limited))
    out.print(f"{weighed.decision.message[0].upper()}{weighed.decision.message[1:]}.")
    compared = weighed.compared
    if compared is not None:
        out.print(
            f"A repeat of the candidate's trial {compared.candidate.selected.trial.id} beats one of the "
            f"baseline's trial {compared.baseline.selected.trial.id} in {compared.probability_better:.0%} of pairs."
        )
    out.print()
    Printer(out).sections(_sections(weighed, a, b))
    if (command := following(weighed, a, b)) is not None:
        advise(out, f"{'first fix what blocks it: ' if _mends(weighed) else ''}{command}")
    if (then := _then(weighed, a, b)) is not None:
        out.print(f"   {then}")


def document(weighed: Weighed, a: Contender, b: Contender) -> Document:
    """The same as a page, with charts."""
    from playbook_cli.report.comparing import document

    return document(weighed, a, b, sections=_sections(weighed, a, b), command=following(weighed, a, b))


def _sections(weighed: Weighed, a: Contender, b: Contender) -> list[Section]:
    """The two sides, and what limits the verdict."""
    from playbook_cli.report.section import Column, Note, Section, Sentence, Table

    compared = weighed.compared
    sides = [
        _side(a, weighed.metric, weighed.baseline, compared.baseline if compared else None),
        _side(b, weighed.metric, weighed.candidate, compared.candidate if compared else None),
    ]
    names = {
        "trial": "trial",
        "selected_score": "selected score",
        "mean": "mean of repeats",
        "trial_sd": "trial sd",
        "study_sd": "search sd",
        "repeats": "repeats",
        "trials": "trials",
    }
    table = Table(
        columns=[Column(name="", left=True), *(Column(name=name) for name in names.values())],
        rows=[
            [role, *(_cell(side[key]) for key in names)]
            for role, side in zip(("baseline", "candidate"), sides, strict=True)
        ],
    )
    why = _fresh_means(weighed, a, b)
    warned = [*weighed.decision.blocked_by, *([weighed.together] if weighed.together else [])]
    qualified = [
        *(Sentence(text=text, mark="warning") for text in warned),
        *(
            Sentence(text=f"{text} (this can only strengthen the verdict)", mark="info")
            for text in weighed.decision.harmless
        ),
        *(Sentence(text=text, mark="info") for text in weighed.caveats),
    ]
    shown = [Section(name="sides", title="The two sides", parts=[table, *([Note(why)] if why else [])])]
    return [*shown, Section(name="limits", title="What limits the answer", parts=qualified)]


def _fresh_means(weighed: Weighed, a: Contender, b: Contender) -> str | None:
    """Why a mean of repeats differs from the one that `playbook repeat` prints for the trial; None if it does not."""
    if weighed.metric != a.study.metric:  # steps to a target, which repeat doesn't print
        return None
    other = []
    for role, side, selected in (("baseline", a, weighed.baseline), ("candidate", b, weighed.candidate)):
        own = {one.trial: one.mean for one in repeated(side.study)}.get(selected.trial.id) if selected else None
        mean = selected.mean if selected else None
        if own is not None and mean is not None and number(own) != number(weighed.metric.loss(mean)):
            other.append(f"{number(own)} for the {role}")
    if not other:
        return None
    return (
        "Mean of repeats: each seed is scored with the trial that does best on the other seeds, so no result helps to "
        f"select its own trial. playbook repeat prints the mean of a single trial: {', '.join(other)}."
    )


def following(weighed: Weighed, a: Contender, b: Contender) -> Command | None:
    """The command that acts on the verdict; None if the baseline is kept or nothing can be run."""
    decision = weighed.decision
    one = a.folder == b.folder
    if decision.verdict == "keep":
        return None
    if decision.verdict == "adopt":
        trial = weighed.candidate.trial.id if weighed.candidate else 0
        return acts.command("adopt", b.folder, trial=trial) if one else acts.command("adopt", b.folder, over=a.folder)
    if decision.settle is None or _mends(weighed):
        blamed = next((c for c in (a, b) if any(t.startswith(f"{c.label}: ") for t in decision.blocked_by)), b)
        return acts.command("next", blamed.folder)
    if decision.settle.searches > 1 or decision.settle.trials is not None:
        return _more_search(decision.settle, a, b)
    if b.study.imported or a.study.imported:
        return None
    again = acts.command("repeat", b.folder, top=1, seeds=decision.settle.repeats)
    return again if one else again.adding(baseline=a.folder)


def _mends(weighed: Weighed) -> bool:
    """Whether something blocks any verdict and must be fixed before further runs."""
    return weighed.decision.verdict == "not-yet" and bool(weighed.decision.blocked_by) and weighed.compared is not None


def _more_search(settle: Settling, a: Contender, b: Contender) -> Command | None:
    """The study to run next for larger or further searches; None if a side can't have any."""
    if not (a.seeds and b.seeds) or a.study.imported or b.study.imported:
        return None
    if settle.trials is not None:
        short = b if len(b.study.search.trials) < settle.trials else a
        return acts.Next(trials=settle.trials * short.arms).on(short.folder)
    fewer = a if len(a.seeds) < len(b.seeds) else b
    return acts.Next(seed=max(fewer.seeds) + 1).on(fewer.folder)


def _then(weighed: Weighed, a: Contender, b: Contender) -> str | None:
    """What to do with the study of the next command; None if nothing more is needed."""
    settle = weighed.decision.settle
    if settle is None or following(weighed, a, b) is None or weighed.decision.blocked_by:
        return None
    if settle.searches > 1:
        option = "--also-baseline" if len(a.seeds) < len(b.seeds) and a.folder != b.folder else "--also-candidate"
        what = f"run it, then repeat its best trial: --top 1 --seeds {settle.repeats}"
        return f"{what}; then run this command again with {option}: each side needs {settle.searches} searches"
    if settle.trials is not None:
        return "run it, then repeat its best trial; both sides need this many trials"
    return None


def _side(contender: Contender, metric: Metric, selected: Selected | None, known: Estimate | None) -> dict[str, Any]:
    """One side's numbers, in the unit of the comparison."""
    trial = selected.trial if selected else None
    return {
        "study": contender.study.name,
        "label": contender.label,
        "trial": trial.id if trial else None,
        "params": dict(trial.params) if trial else None,
        "selected_score": trial.best.value if trial and trial.best else None,
        "mean": metric.loss(selected.mean) if selected and selected.mean is not None else None,
        "trial_sd": known.sd if known else selected.sd if selected else None,
        "study_sd": known.search_sd if known else None,
        "repeats": len(selected.finite) if selected else 0,
        "diverged": selected.diverged if selected else 0,
        "trials": known.trials if known else len(contender.study.search.trials),
        "searches": known.searches if known else 1 + len(contender.further),
    }


def _cell(value: Any) -> str:
    if value is None:
        return "?"
    return number(value) if isinstance(value, float) else str(value)
