"""`playbook horizon`: how long to train, measured by training the best points at several lengths."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.acts import command
from playbook_cli.commands.growing import Session, as_given, require_finished, resumable, show
from playbook_cli.commands.options import (
    RUNS,
    Gpus,
    Jobs,
    Json,
    Launching,
    Overwrite,
    Runs,
    StudyFolder,
    Wait,
    probe_beside,
    refuse_existing,
    refuse_probe,
    study_file,
    study_folder,
    tell_unfinished,
)
from playbook_cli.commands.same_code import CodeChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from playbook_cli.acts import Command
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.horizon.answer import Answer
    from playbook_cli.horizon.ladder import Climbed
    from playbook_cli.horizon.setting import Setting
    from playbook_cli.records import StudyRecord, TrialRecord
    from playbook_cli.storage.store import Store

MOST = 999
"""Upper limit of --rates, --seeds and --top; a larger number is a typing error."""


@resumable
def horizon(
    context: typer.Context,
    study: StudyFolder,
    top: Annotated[int, typer.Option("--top", min=1, max=MOST, help="Number of best points to train, per arm.")] = 1,
    lengths: Annotated[
        str | None,
        typer.Option("--lengths", metavar="LIST", help="Multiples of max_train_steps: 0.5,1,2,4.", show_default=False),
    ] = None,
    rates: Annotated[
        int,
        typer.Option("--rates", min=1, max=MOST, help="Number of learning rates per length, around the point's own."),
    ] = 3,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=MOST, help="Number of training seeds per run.")] = 1,
    worth: Annotated[
        str | None,
        typer.Option(
            "--worth",
            metavar="GAIN",
            help="Smallest gain that makes a doubling worthwhile, in units of the metric or as a percentage such as "
            "2%.",
            show_default="7.5% of the gain after the first tenth of training",
        ),
    ] = None,
    learning_rate: Annotated[
        str | None,
        typer.Option("--parameter", metavar="NAME", help="Name of the learning-rate hyperparameter."),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="NAME", help="Name of the learning-rate schedule.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the study with the recommended number of steps to FILE.",
        ),
    ] = None,
    overwrite: Overwrite = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Start over; the earlier runs are kept under another name.")
    ] = False,
    code_changed: CodeChanged = False,
    jobs: Jobs = None,
    gpus: Gpus = None,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Measure how long to train.

    The best points train for half, once, twice and four times max_train_steps. At each length, several learning rates
    show whether the best one drifts. The measurement ends when another doubling is clearly not worthwhile. With a
    constant or warmup-stable-decay schedule, longer runs continue from the checkpoints of shorter ones. Each length is
    a study of its own, RUNS/NAME-horizon-STEPS. Run the command again to resume; a larger --seeds adds runs.

    Example:  playbook horizon runs/textlm-depth -o textlm-long.yaml
    """
    from playbook_cli.commands.revised import write_revision
    from playbook_cli.horizon.write import revised
    from playbook_cli.storage.store import Store

    store = Store(study_folder(study, runs))
    refuse_existing(output, overwrite=overwrite)
    file = study_file(study, store, "horizon")
    launching = Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait)
    session = Session(study=store.spec, file=file, runs=store.paths.dir.parent, launching=launching)
    given = measured(
        store,
        session,
        as_given(context),
        top=top,
        lengths=lengths,
        rates=rates,
        seeds=seeds,
        worth=worth,
        learning_rate=learning_rate,
        schedule=schedule,
        anew=anew,
    )
    out = _show(given, store.paths, json=json)
    if output is not None:
        written = write_revision(revised(given, where=str(store.paths.dir)), store, output, overwrite=overwrite)
        if not json:
            out.print(written, soft_wrap=True)


def measured(
    store: Store,
    session: Session,
    command: Command,
    *,
    top: int = 1,
    lengths: str | None = None,
    rates: int = 3,
    seeds: int = 1,
    worth: str | None = None,
    learning_rate: str | None = None,
    schedule: str | None = None,
    anew: bool = False,
) -> Answer:
    """Train the ladder of a study, or finish an interrupted one; `command` is what asks for it.

    StudyError, before anything is trained, if the study has no ladder.
    """
    from playbook_cli.horizon.answer import answer

    record = store.record()
    setting = _setting(store, _chosen(store, record, top), lengths, rates, seeds, learning_rate, schedule)
    least = _worth(worth, record, setting.trials)

    def paths(steps: int) -> StudyPaths:
        return probe_beside(store, "horizon", f"-{steps}")

    _check(setting, store, session.file)
    session.begin(*[paths(steps) for steps in setting.lengths], anew=anew)
    return answer(setting, _climb(setting, record, paths, session, least), least, command)


def _chosen(store: Store, record: StudyRecord, top: int) -> list[TrialRecord]:
    """The best trials of every arm. StudyError if there are none, or if no further trials can be trained."""
    from playbook_cli.analysis import outcomes
    from playbook_cli.errors import StudyError
    from playbook_cli.launch import preflight
    from playbook_cli.spec.load import load
    from playbook_cli.storage.divergence import refuse_unlearned

    where = str(store.paths.dir)
    preflight.refuse_imported(store.spec, load(store.paths.spec, kept=True)[1])
    refuse_probe(store, hint="use a study that was run by playbook run")
    search = record.search
    ranked = outcomes.ranked(search.trials, record.metric)
    if not ranked:
        hint = f"{command('report', where)} shows why"
        raise StudyError("no trial has completed, so there is nothing to train for longer", where=where, hint=hint)
    refuse_unlearned(search, where)
    tell_unfinished(search)
    arms = list({outcomes.key(trial.arm): trial.arm for trial in ranked}.values())
    return [trial for own in outcomes.by_arm(ranked, arms) for trial in own[:top]]


def _setting(
    store: Store,
    trials: list[TrialRecord],
    lengths: str | None,
    rates: int,
    seeds: int,
    learning_rate: str | None,
    schedule: str | None,
) -> Setting:
    """What to train. StudyError for an option that makes no sense here."""
    from playbook_cli.errors import StudyError
    from playbook_cli.horizon.setting import Setting, factors_of, lengths_of, rate_of
    from playbook_cli.spec.check import MAX_TRIALS

    where = str(store.paths.dir)
    steps = lengths_of(lengths, store.spec.max_train_steps)
    factors = factors_of(rates)
    if schedule is not None and schedule not in trials[0].params:
        hint = f"it has {', '.join(trials[0].params) or 'none'}"
        raise StudyError(f"the study has no hyperparameter named {schedule}", where="--schedule", hint=hint)
    rate = rate_of(trials, learning_rate, where=where) if rates > 1 else None
    if rates * seeds * len(trials) > MAX_TRIALS:
        what = (
            f"{len(trials)} points, {rates} rates and {seeds} seeds exceed the limit of {MAX_TRIALS:,} runs per length"
        )
        raise StudyError(what, where="--seeds", hint="3 rates and 5 seeds are usually enough")
    if rates == 1 and seeds == 1 and len(trials) == 1:
        what = "one run per length doesn't show how large the noise is"
        raise StudyError(what, where="--rates", hint="add --seeds 3, or leave --rates at 3")
    return Setting(
        study=store.spec,
        trials=trials,
        learning_rate=rate,
        schedule=schedule,
        lengths=steps,
        factors=factors,
        seeds=seeds,
    )


def _worth(text: str | None, record: StudyRecord, trials: Sequence[TrialRecord]) -> float:
    """The least gain of a doubling, in units of the metric. StudyError if it is invalid or can't be estimated."""
    from playbook_cli.errors import StudyError
    from playbook_cli.horizon.reading import worth_of

    metric = record.metric.name
    hint = f"give it in units of {metric} (--worth 0.01) or as a share of the best value (--worth 2%)"
    if text is None:
        found = worth_of(trials, record.metric)
        if found is None:
            what = f"the {metric} curves are not enough to estimate what a doubling is worth"
            raise StudyError(what, where="--worth", hint=hint)
        return found
    share = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        raise StudyError(f"{text!r} is not a number", where="--worth", hint=hint) from None
    best = next(trial.best.value for trial in trials if trial.best is not None)
    value *= abs(best) / 100 if share else 1.0
    if not (value > 0.0 and math.isfinite(value)):
        raise StudyError(f"the gain must be above 0, not {text}", where="--worth", hint=hint)
    return value


def _check(setting: Setting, store: Store, file: Path) -> None:
    """SpecError if the trials can't even start; nothing has been written by then."""
    from playbook_cli.launch import preflight
    from playbook_cli.sampling import make
    from playbook_cli.spec.load import load

    spec = setting.spec(setting.lengths[-1])
    first = make(spec.sampler, spec.seed, spec.points).suggest(spec.space(), (), 1)
    preflight.look(spec, load(store.paths.spec, kept=True)[1], file.parent, first)


def _climb(
    setting: Setting,
    record: StudyRecord,
    paths: Callable[[int], StudyPaths],
    session: Session,
    worth: float,
) -> Climbed:
    """Train the ladder, and print what it costs. Exits with 130 if it was interrupted."""
    from playbook_cli.commands.output import tell
    from playbook_cli.horizon.ladder import climb
    from playbook_cli.horizon.reading import repeats_of
    from playbook_cli.launch.isolation import warmed
    from playbook_cli.launch.places import slots_of

    most = setting.size * sum(setting.lengths)
    print(
        f"{setting.size} runs at each length of {', '.join(f'{steps:,}' for steps in setting.lengths)} steps: "
        f"at most {most:,} steps in total; stops when a doubling can't gain {worth:.3g}",
        file=sys.stderr,
    )
    logarithmic = all(t.best is not None and record.metric.loss(t.best.value) > 0.0 for t in setting.trials)
    longest, how = setting.lengths[-1], session.launching
    slots = slots_of(setting.study, how.jobs, how.gpus)
    with warmed(setting.spec(longest), session.file.parent, paths(longest), slots, tell) as warm:
        climbed = climb(
            setting,
            paths,
            lambda length: session.train(length, length.spec, warm=warm),
            worth=worth,
            repeats=repeats_of(record, setting.trials, logarithmic=logarithmic),
            tell=partial(print, file=sys.stderr),
        )
    require_finished(climbed.stopped)
    return climbed


def _show(given: Answer, paths: StudyPaths, *, json: bool) -> Console:
    from playbook_cli.horizon.answer import as_json
    from playbook_cli.horizon.known import keep
    from playbook_cli.report.horizon import document

    content = as_json(given)
    keep(content, paths.report)  # before the page: the rules of the report read it
    return show(content, document(given), paths.report, json=json)
