"""`playbook compare`: adopt one study's pipeline over another's?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.options import RUNS, Json, Runs, refuse_probe
from playbook_cli.spec.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.advice.weighing import Contender
    from playbook_cli.records import StudyRecord
    from playbook_cli.storage.store import Store

_Also = Annotated[
    list[Path] | None,
    typer.Option(metavar="RUNS/NAME", help="The same pipeline searched with another search seed, and repeated."),
]


def compare(
    baseline: Annotated[Path, typer.Argument(metavar="RUNS/BASELINE", show_default=False)],
    candidate: Annotated[Path | None, typer.Argument(metavar="RUNS/CANDIDATE", show_default=False)] = None,
    arms: Annotated[
        tuple[str, str] | None,
        typer.Option("--arms", metavar="BASELINE CANDIDATE", help="Two arms of the one study: depth=1 depth=2"),
    ] = None,
    complexity: Annotated[
        float, typer.Option("--complexity", metavar="GAIN", min=0.0, help="The smallest gain that is worth the change.")
    ] = 0.0,
    time_to_target: Annotated[
        float | None,
        typer.Option("--time-to-target", metavar="VALUE", help="Compare the steps after which the metric is so good."),
    ] = None,
    also_baseline: _Also = None,
    also_candidate: _Also = None,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Adopt the candidate over the baseline? `adopt`, `keep`, or `not-yet` and how many more runs would settle it.

    The gain is that of fresh trainings of what each search selects, so both need repeats: see playbook repeat. Where
    several trials were repeated, each seed is scored at the one that does best on the other seeds. The first line says
    what the answer is limited to: the settings that both sides share. Every setting that differs is listed, and a
    warning says where more than one did.

    Its interval holds the variance of trainings and of searches. `adopt` takes a gain above --complexity by a one-sided
    test at 0.04, which keeps adoptions without a gain at about 4%. An arm of several settings is written a=1,b=2; with
    --arms, --also-candidate names further searches of the whole study.

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
            raise PlaybookError(f"{option} {value} is no number that can be reached")
    a, b = _contenders(baseline, candidate, arms, (also_baseline or [], also_candidate or []), runs)
    if time_to_target is not None:
        _refuse_other_units(a, b)
    weighed = weigh(a, b, least=complexity, target=time_to_target)
    trials = [trial for side in (a, b) for study in (side.study, *side.further) for trial in study.trials]
    why = None if time_to_target is None else unfair(trials)
    if why is not None:
        console(stderr=True).print(f"note: {why}: steps to the target are fair to compare, seconds would not be")
    if json:
        print_json(comparison.as_json(weighed, a, b, least=complexity))
    else:
        comparison.render(weighed, a, b, console())


def _refuse_other_units(a: Contender, b: Contender) -> None:
    """StudyError where the steps of the two are not the same thing."""
    from playbook_cli.errors import StudyError
    from playbook_cli.spec.units import NAMES

    ours, theirs = b.study.step_unit, a.study.step_unit
    if ours and theirs and ours != theirs:
        raise StudyError(
            f"its steps are {NAMES[ours]}, and those of {a.folder} {NAMES[theirs]}: they can't be compared",
            where=b.folder,
            hint="leave --time-to-target out, or count the same in both",
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
            hint = "leave the other study out; --also-candidate names further searches of the one"
            raise StudyError("--arms compares two arms of one study", where=str(baseline), hint=hint)
        stores = _once([first, *(opened(path, runs) for side in also for path in side)])
        made = _of_arms(stores, arms)
    else:
        if candidate is None:
            raise StudyError(
                "a candidate is missing",
                where=str(baseline),
                hint=f"{command('compare', baseline)} RUNS/CANDIDATE, or two arms of it: --arms a=1 a=2",
            )
        second = opened(candidate, runs)
        further = [[opened(path, runs) for path in side] for side in also]
        _once([first, second, *further[0], *further[1]])
        made = (_contender([first, *further[0]], first), _contender([second, *further[1]], first))
    for contender in made:
        _refuse_too_few(contender)
    return made


def _once(stores: list[Store]) -> list[Store]:
    """The studies. StudyError where two of them are one."""
    from playbook_cli.errors import StudyError

    folders = [store.paths.dir.resolve() for store in stores]
    twice = next((s for s, f in zip(stores, folders, strict=True) if folders.count(f) > 1), None)
    if twice is not None:
        raise StudyError("this study is named twice", where=str(twice.paths.dir), hint="two arms of it: --arms")
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
        even=sampler.even,
        seeds=[one.spec.seed for one in stores] if sampler.seeded else (),
    )


def _checked(store: Store, first: Store) -> StudyRecord:
    """The study's record. StudyError where it measures something else than the first study does."""
    from playbook_cli.errors import StudyError

    refuse_probe(store, ", so it selects no pipeline")
    record = store.record()
    if record.adaptive:
        raise StudyError(
            "this is a Bayesian search, which follows its own luck: how much of its best result is that can't be told",
            where=str(store.paths.dir),
            hint="compare the quasi-random studies; playbook repeat and adopt work on this one",
        )
    ours, theirs = store.metric, first.metric
    if ours != theirs:
        raise StudyError(
            f"it {ours.goal}s {ours.name}, and {first.paths.dir} {theirs.goal}s {theirs.name}",
            where=str(store.paths.dir),
            hint="only studies of one metric can be compared",
        )
    return record


def _refuse_too_few(contender: Contender) -> None:
    from playbook_cli.analysis import outcomes
    from playbook_cli.errors import StudyError

    trials = outcomes.ended(contender.study.search.trials)
    if len(trials) < 2 or not outcomes.completed(trials):
        raise StudyError(
            f"a search needs two trials with a result, and one that is feasible; it has {len(trials)}",
            where=contender.label,
            hint="run it first: playbook run STUDY.YAML",
        )


def _of_arms(stores: Sequence[Store], texts: tuple[str, str]) -> tuple[Contender, Contender]:
    """Two arms of a study, of which there may be further searches."""
    from playbook_cli.analysis.arm import of_arm
    from playbook_cli.errors import StudyError

    def side(text: str) -> Contender:
        def of(record: StudyRecord) -> StudyRecord:
            return of_arm(record, _arm(where, record, text))

        return _contender(stores, stores[0], of, text)

    where, record = str(stores[0].paths.dir), _checked(stores[0], stores[0])
    if _arm(where, record, texts[0]) == _arm(where, record, texts[1]):
        raise StudyError(f"{texts[0]} and {texts[1]} are one arm", where=where)
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
        f"--arms {text}: {f'{len(fitting)} arms are' if fitting and labels else 'no arm is'} so",
        where=where,
        hint=f"its arms are {labels}" if labels else "it has no scientific hyperparameter with a list of values",
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
