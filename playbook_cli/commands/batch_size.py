"""`playbook batch-size`: which batch sizes fit, how fast each trains, and which one to take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from playbook_cli.commands.growing import Session, as_given, interrupted, require_finished, resumable, show
from playbook_cli.commands.options import RUNS, Gpus, Json, Launching, Overwrite, Runs, StudyFile, Wait, refuse_existing
from playbook_cli.commands.same_code import CodeChanged

if TYPE_CHECKING:
    from playbook_cli.batch_size.answer import Answer
    from playbook_cli.batch_size.judge import Judgement
    from playbook_cli.batch_size.scaling import Scaling
    from playbook_cli.batch_size.setting import Setting
    from playbook_cli.batch_size.sizes import Size
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source

LARGEST = 2**24


@resumable
def batch_size(
    context: typer.Context,
    study: StudyFile,
    parameter: Annotated[
        str, typer.Option("--parameter", metavar="NAME", help="Name of the batch-size hyperparameter.")
    ] = "batch_size",
    low: Annotated[
        int, typer.Option("--min", min=1, max=LARGEST, help="Smallest batch size; each next one is twice as large.")
    ] = 1,
    high: Annotated[
        int | None,
        typer.Option(
            "--max",
            min=1,
            max=LARGEST,
            help="Largest batch size; by default the search continues while throughput improves.",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="NAME=VALUE", help="Value of another hyperparameter in the probes."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=21, help="Steps per probe; by default about 2 seconds of training.")
    ] = None,
    gain: Annotated[float, typer.Option("--gain", help="Smallest speedup that makes a doubling worthwhile.")] = 1.1,
    memory_limit: Annotated[
        str | None,
        typer.Option("--memory-limit", metavar="SIZE", help="Memory limit of a probe on the CPU, such as 2GiB."),
    ] = None,
    examples_per_epoch: Annotated[
        int | None,
        typer.Option("--examples-per-epoch", min=1, metavar="N", help="Size of the training set, if steps are epochs."),
    ] = None,
    steps_to_target: Annotated[
        float | None,
        typer.Option(
            "--steps-to-target", metavar="VALUE", help="Also find the fewest steps to this metric value at each size."
        ),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials per size for --steps-to-target.")] = 8,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the study with the recommended batch size to FILE."),
    ] = None,
    overwrite: Overwrite = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Start over; earlier probes are kept under another name.")
    ] = False,
    code_changed: CodeChanged = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Parallel trials for --steps-to-target; probes run one at a time."),
    ] = None,
    gpus: Gpus = None,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Find the batch size that trains fastest.

    It is doubled until memory runs out or throughput stops improving. Each size trains briefly in its own process,
    where speed and memory are measured. The batch size sets the speed of training; don't tune it for the validation
    metric, but tune the other hyperparameters for it. The probes are a study of their own, in runs/NAME-batch-size.

    Example:  playbook batch-size configs/textlm.yaml
    """
    from playbook_cli.batch_size.answer import answer
    from playbook_cli.batch_size.setting import at_values, bytes_of, settle
    from playbook_cli.spec.load import load

    given, source = load(study)
    here = at_values(at or ())
    setting = settle(
        given,
        source,
        parameter=parameter,
        at=here,
        low=low,
        high=high,
        steps=steps,
        gain=gain,
        memory_limit=None if memory_limit is None else bytes_of(memory_limit),
        examples_per_epoch=examples_per_epoch,
    )
    refuse_existing(output, overwrite=overwrite)
    rate = _check(setting, source, study.parent, runs, scaling=steps_to_target is not None)
    launching = Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait)
    session = Session(study=given, file=study, runs=runs, launching=launching)
    session.begin(session.paths("batch-size"), session.paths("steps-to-target"), anew=anew)
    sizes, judgement = _probe(setting, session)
    scaling = None
    if steps_to_target is not None and any(size.state == "fits" for size in sizes):
        scaling = _search(setting, session, sizes, steps_to_target, rate, trials=trials, at=list(here))
    _show(answer(setting, sizes, judgement, as_given(context), scaling), session.paths("batch-size"), json=json)
    if output is not None:
        _write(output, given, parameter, judgement, overwrite=overwrite)


def _check(setting: Setting, source: Source, folder: Path, runs: Path, *, scaling: bool) -> str:
    """The learning rate's name, which steps to a target need; "" without them. SpecError if probes can't start."""
    from playbook_cli.batch_size.policy import Ladder
    from playbook_cli.batch_size.targets import rate_of
    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.launch import preflight

    preflight.refuse_imported(setting.study, source)
    rate = rate_of(setting, source) if scaling else ""
    spec = setting.program([setting.min])
    paths = StudyPaths(runs / spec.name)
    preflight.look(spec, source, folder, Ladder(setting, paths).suggest([], 0).trials)
    if not paths.journal.exists():
        preflight.import_function(spec, source, folder)
    return rate


def _probe(setting: Setting, session: Session) -> tuple[list[Size], Judgement]:
    """Probe the sizes, one at a time, and judge."""
    from playbook_cli.batch_size.answer import described
    from playbook_cli.batch_size.judge import judge
    from playbook_cli.batch_size.policy import FAILURES, Ladder
    from playbook_cli.errors import WorkError

    for line in described(setting):
        print(line, file=sys.stderr)
    ladder = Ladder(setting, session.paths("batch-size"))
    outcome, trials = session.train(ladder, setting.spec([setting.min]), jobs=1)
    if outcome is not None and outcome.interrupted:
        interrupted()
    sizes = ladder.sizes(trials)
    failed = [size for size in sizes if size.state == "failed"]
    if failed and len(failed) >= min(len(sizes), FAILURES) and not any(size.usable for size in sizes):
        raise WorkError(
            f"no {setting.parameter} works; {setting.parameter} = {failed[-1].batch_size}: {failed[-1].reason}\n"
            f"    full logs: {ladder.paths.trials}/*/stdout.log",
            hint="fix it, then run the same command again",
        )
    return sizes, judge(sizes, setting.gain)


def _search(
    setting: Setting, session: Session, sizes: list[Size], value: float, rate: str, *, trials: int, at: list[str]
) -> Scaling:
    """The fewest steps to a value of the study's metric, for each size that fits."""
    from playbook_cli.batch_size.scaling import scaling
    from playbook_cli.batch_size.targets import TargetSearch, spec_of
    from playbook_cli.sweep.target import Target

    fitting = [size.batch_size for size in sizes if size.state == "fits"]
    spec = spec_of(setting, fitting, trials, at=dict.fromkeys(at))
    target = Target(metric=setting.study.objective, value=value)
    print(
        f"steps to {target}: {trials} trials for each of {len(fitting)} sizes, up to {spec.max_train_steps} steps",
        file=sys.stderr,
    )
    search = TargetSearch(spec, session.paths("steps-to-target"), target, setting.parameter)
    outcome, measured = session.train(search, spec)
    require_finished(outcome)
    return scaling(
        search.by_size(measured),
        target,
        parameter=setting.parameter,
        rate=rate,
        max_train_steps=spec.max_train_steps,
        seconds={size.batch_size: size.timing.seconds for size in sizes if size.timing is not None},
    )


def _show(answer: Answer, paths: StudyPaths, *, json: bool) -> None:
    from playbook_cli.batch_size.answer import as_json
    from playbook_cli.report.batch_size import document

    show(as_json(answer), document(answer), paths.report, json=json)


def _write(file: Path, study: StudySpec, parameter: str, judgement: Judgement, *, overwrite: bool) -> None:
    import time

    from playbook_cli.batch_size.write import study_with
    from playbook_cli.commands.revised import put

    best = judgement.best
    if best is None:
        print(f"{file} was not written: no batch size can be recommended", file=sys.stderr)
        return
    reason = (
        f"playbook batch-size, {time.strftime('%Y-%m-%d')}: {best.examples_per_second:,.0f} examples/s; "
        f"was {study.fixed.get(parameter, 'tuned')}"
    )
    name, text = study_with(study, parameter, best.batch_size, reason)
    put(file, text, overwrite=overwrite)
    print(f"wrote {file}: study {name} with {parameter} = {best.batch_size}", file=sys.stderr)
