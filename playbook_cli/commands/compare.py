"""`playbook compare`: whether one study's pipeline should replace another's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.completing import run_folders
from playbook_cli.commands.options import RUNS, Json, Runs, refuse_probe
from playbook_cli.spec.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.advice.weighing import Contender, Weighed
    from playbook_cli.records import StudyRecord
    from playbook_cli.storage.store import Store

_Also = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="RUNS/NAME",
        autocompletion=run_folders,
        help="Study of the same pipeline with another search seed and repeats.",
    ),
]


def compare(
    baseline: Annotated[
        Path,
        typer.Argument(
            metavar="RUNS/BASELINE", help="The baseline study.", show_default=False, autocompletion=run_folders
        ),
    ],
    candidate: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUNS/CANDIDATE",
            help="The study that may replace it.",
            show_default=False,
            autocompletion=run_folders,
        ),
    ] = None,
    arms: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--arms", metavar="BASELINE CANDIDATE", help="Compare two arms of one study, such as depth=1 depth=2."
        ),
    ] = None,
    complexity: Annotated[
        float, typer.Option("--complexity", metavar="GAIN", min=0.0, help="Smallest gain that is worth the change.")
    ] = 0.0,
    time_to_target: Annotated[
        float | None,
        typer.Option("--time-to-target", metavar="VALUE", help="Compare the steps needed to reach this metric value."),
    ] = None,
    also_baseline: _Also = None,
    also_candidate: _Also = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page: compare.html in the candidate's report folder, or --output.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File for the page; replaced if it exists.")
    ] = None,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Decide whether a candidate should replace the baseline.

    The verdict is `adopt`, `keep`, or `not-yet` with the runs still needed. The gain is measured on repeats of the
    trials that each search selects, so both studies need repeats: see playbook repeat. If several trials were repeated,
    each training seed is scored with the trial that does best on the other seeds. The first line names the settings
    that both studies share: the answer is limited to them. Every setting that differs is listed, with a warning if
    there is more than one.

    The 95% interval covers the variance of training and of the search. `adopt` requires the whole interval to lie above
    --complexity, so fewer than 5% of changes without a gain are adopted; the report uses the same interval. For repeats
    that --until-decided stopped, it holds at every look. With `metric: {examples: N}` in the study file, a second
    interval shows what the gain could be on other validation examples. Write an arm with several settings
    as a=1,b=2. With --arms, --also-candidate adds further searches of the whole study.

    Example:  playbook compare runs/digits runs/digits-2 --complexity 0.001
    Example:  playbook compare runs/digits-depth --arms hidden_layers=1 hidden_layers=2
    """
    import math

    from playbook_cli.advice.rules.timing import unfair
    from playbook_cli.advice.weighing import weigh
    from playbook_cli.commands import comparison
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.errors import PlaybookError

    for option, value in (("--complexity", complexity), ("--time-to-target", time_to_target)):
        if value is not None and not math.isfinite(value):
            raise PlaybookError(f"{option} must be a finite number, not {value}")
    a, b = _contenders(baseline, candidate, arms, (also_baseline or [], also_candidate or []), runs)
    if time_to_target is not None:
        _refuse_other_units(a, b)
    weighed = weigh(a, b, least=complexity, target=time_to_target)
    if arms is not None and weighed.compared is None and time_to_target is None:
        weighed = replace(weighed, caveats=[*_in_report(baseline, runs), *weighed.caveats])
    trials = [trial for side in (a, b) for study in (side.study, *side.further) for trial in study.trials]
    why = None if time_to_target is None else unfair(trials)
    if why is not None:
        console(stderr=True).print(f"note: {why}: compare steps to the target, not seconds")
    if json:
        print_json(comparison.as_json(weighed, a, b, least=complexity))
    else:
        comparison.render(weighed, a, b, console())
    if html or output is not None:
        _page(weighed, a, b, output)


def _in_report(study: Path, runs: Path) -> list[str]:
    """What the study's report says of its arms: without repeats, the search is all that is known of them."""
    from playbook_cli.advice import advise
    from playbook_cli.commands.study_file import opened

    findings = [f for f in advise(opened(study, runs).record()) if f.rule == "isolation" and "against" in f.evidence]
    return [f"from the search alone, as in its report: {found.message}" for found in findings[:1]]


def _page(weighed: Weighed, a: Contender, b: Contender, output: Path | None) -> None:
    """Write the page; where that can't be done, the answer has been printed all the same."""
    import sys

    from playbook_cli.commands import comparison
    from playbook_cli.commands.output import unwritten
    from playbook_cli.files import atomic
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.report import html

    path = output or StudyPaths(Path(b.folder)).report / "compare.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, html.document(comparison.document(weighed, a, b)))
    except OSError as error:
        unwritten("the page", error)
        return
    print(f"page: {path}", file=sys.stderr)


def _refuse_other_units(a: Contender, b: Contender) -> None:
    """StudyError where the steps of the two are not the same thing."""
    from playbook_cli.errors import StudyError
    from playbook_cli.spec.units import NAMES

    ours, theirs = b.study.step_unit, a.study.step_unit
    if ours and theirs and ours != theirs:
        raise StudyError(
            f"its steps are {NAMES[ours]}, and those of {a.folder} {NAMES[theirs]}: they can't be compared",
            where=b.folder,
            hint="drop --time-to-target, or count the same unit in both",
        )


def _contenders(
    baseline: Path,
    candidate: Path | None,
    arms: tuple[str, str] | None,
    also: tuple[Sequence[Path], Sequence[Path]],
    runs: Path,
) -> tuple[Contender, Contender]:
    from playbook_cli.acts import command
    from playbook_cli.commands.study_file import opened
    from playbook_cli.errors import StudyError

    first = opened(baseline, runs)
    if arms is not None:
        if candidate is not None:
            hint = "drop the second study; --also-candidate adds further searches of the first"
            raise StudyError("--arms compares two arms of one study", where=str(baseline), hint=hint)
        stores = _once([first, *(opened(path, runs) for side in also for path in side)])
        made = _of_arms(stores, arms)
    else:
        if candidate is None:
            raise StudyError(
                "the candidate is missing",
                where=str(baseline),
                hint=f"{command('compare', baseline)} RUNS/CANDIDATE, or compare two of its arms: --arms a=1 a=2",
            )
        second = opened(candidate, runs)
        further = [[opened(path, runs) for path in side] for side in also]
        _once([first, second, *further[0], *further[1]])
        made = (_contender([first, *further[0]], first), _contender([second, *further[1]], first))
    for contender in made:
        _refuse_too_few(contender)
    return made


def _once(stores: list[Store]) -> list[Store]:
    """The studies. StudyError if two of them are the same."""
    from playbook_cli.errors import StudyError

    folders = [store.paths.dir.resolve() for store in stores]
    twice = next((s for s, f in zip(stores, folders, strict=True) if folders.count(f) > 1), None)
    if twice is not None:
        raise StudyError(
            "this study is given twice", where=str(twice.paths.dir), hint="to compare two of its arms: --arms"
        )
    return stores


def _contender(
    stores: Sequence[Store], first: Store, of: Callable[[StudyRecord], StudyRecord] | None = None, arm: str = ""
) -> Contender:
    """The pipeline of these studies, or of one arm of each, whose metric must be that of `first`."""
    from playbook_cli.advice.weighing import Contender

    store = stores[0]
    records = [_checked(one, first) for one in stores]
    study, *further = [of(record) for record in records] if of else records
    folder, sampler = str(store.paths.dir), SAMPLERS[store.spec.sampler]
    return Contender(
        label=f"{folder} {arm}" if arm else folder,
        study=study,
        folder=folder,
        arms=len(records[0].arms) if arm else 1,
        further=further,
        seeds=[one.spec.seed for one in stores] if sampler.seeded else (),
    )


def _checked(store: Store, first: Store) -> StudyRecord:
    """The study's record. StudyError if its metric is not that of the first study."""
    from playbook_cli.errors import StudyError

    refuse_probe(store, ", so it can't be compared")
    record = store.record()
    if record.adaptive:
        raise StudyError(
            "this is a Bayesian search: the selection bias of its best result can't be estimated",
            where=str(store.paths.dir),
            hint="compare quasi-random studies instead; playbook repeat and adopt do work on this one",
        )
    ours, theirs = store.metric, first.metric
    if ours != theirs:
        raise StudyError(
            f"it {ours.goal}s {ours.name}, but {first.paths.dir} {theirs.goal}s {theirs.name}",
            where=str(store.paths.dir),
            hint="only studies with the same metric can be compared",
        )
    return record


def _refuse_too_few(contender: Contender) -> None:
    from playbook_cli.analysis import outcomes
    from playbook_cli.errors import StudyError

    trials = outcomes.ended(contender.study.search.trials)
    least = 1 if contender.study.listed else 2  # a listed point is a configuration, not the result of a search
    if len(trials) < least or not outcomes.completed(trials):
        raise StudyError(
            f"comparing needs at least 2 finished trials, 1 of them feasible; this has {len(trials)} finished",
            where=contender.label,
            hint="run it first: playbook run STUDY.YAML",
        )


def _of_arms(stores: Sequence[Store], texts: tuple[str, str]) -> tuple[Contender, Contender]:
    """Two arms of a study, which may have further searches."""
    from playbook_cli.analysis.arm import of_arm
    from playbook_cli.errors import StudyError

    def side(text: str) -> Contender:
        def of(record: StudyRecord) -> StudyRecord:
            return of_arm(record, _arm(where, record, text))

        return _contender(stores, stores[0], of, text)

    where, record = str(stores[0].paths.dir), _checked(stores[0], stores[0])
    if _arm(where, record, texts[0]) == _arm(where, record, texts[1]):
        raise StudyError(f"{texts[0]} and {texts[1]} are the same arm", where=where)
    return side(texts[0]), side(texts[1])


def _arm(where: str, record: StudyRecord, text: str) -> int:
    """Number of the arm that `a=1,b=2` means."""
    from playbook_cli.analysis.outcomes import arm_label
    from playbook_cli.errors import StudyError

    asked = dict(_setting(part) for part in text.split(","))
    fitting = [
        number
        for number, arm in enumerate(record.arms)
        if all(name in arm and _same(arm[name], value) for name, value in asked.items())
    ]
    if len(fitting) == 1 and arm_label(record.arms[fitting[0]]):
        return fitting[0]
    labels = "; ".join(label.replace(", ", ",") for arm in record.arms if (label := arm_label(arm)))
    raise StudyError(
        f"--arms {text} matches {f'{len(fitting)} arms' if fitting and labels else 'no arm'}",
        where=where,
        hint=f"the arms are {labels}" if labels else "the study has no scientific hyperparameter with a list of values",
    )


def _setting(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(), value.strip()


def _same(value: Any, text: str) -> bool:
    if isinstance(value, bool) or value is None:
        return text.lower() in ({"true"} if value is True else {"false"} if value is False else {"null", "none"})
    if isinstance(value, int | float):
        try:
            return float(text) == float(value)
        except ValueError:
            return False
    return text == str(value)
