"""`playbook pursue`: the whole loop on its own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from playbook_cli.commands.growing import Session, interrupted, require_finished, resumable, show
from playbook_cli.commands.options import RUNS, Gpus, Jobs, Json, Launching, Runs, StudyFile, Wait
from playbook_cli.commands.same_code import CodeChanged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.pursuit.budget import Budget
    from playbook_cli.pursuit.diary import Diary, Planned
    from playbook_cli.pursuit.loop import Loop, Step, Stop
    from playbook_cli.records import Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source


@resumable
def pursue(
    study: StudyFile,
    budget: Annotated[
        str,
        typer.Option(
            "--budget",
            metavar="AMOUNT",
            help="Training steps, such as 200000, or training time, such as 8h.",
        ),
    ],
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            metavar="NAME=VALUE",
            help="Settings to beat: values, or RUNS/NAME for a study's best trial. By default the middle of the space.",
        ),
    ] = None,
    final_steps: Annotated[
        int | None,
        typer.Option(
            "--final-steps",
            metavar="N",
            min=1,
            help="Train the best points and the baseline for N steps at the end; studies keep the length in the file.",
        ),
    ] = None,
    steps_of_the_loop: Annotated[
        int | None,
        typer.Option("--steps-of-the-loop", metavar="N", min=1, help="Pause after N steps of the loop."),
    ] = None,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Adopt the result in the ledger if the whole interval of its gain is above 0."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the next step, and its cost.")] = False,
    code_changed: CodeChanged = False,
    jobs: Jobs = None,
    gpus: Gpus = None,
    wait: Wait = False,
    json: Json = False,
    runs: Runs = RUNS,
) -> None:
    """Run the whole loop within a budget.

    It trains the baseline, runs a sweep and the studies that the findings call for, adds points where a model of all
    results expects better ones, repeats the best, and ends with one page. Each step is an ordinary study in RUNS, with
    its reason in the ledger. The loop ends when no finding calls for another study, when the budget is used up, or when
    it needs you: a bug in the pipeline, every trial infeasible, nothing better than chance. It always reserves enough
    to repeat the best point and the baseline on new seeds. Run the same command again to resume.

    To steer it, pause it with --steps-of-the-loop 1, edit the study file that it names, and run the command again. It
    adopts nothing without --adopt. The page with the answer is runs/NAME-pursuit/index.html.

    Example:  playbook pursue configs/digits.yaml --budget 60000
    """
    from playbook_cli.commands.output import tell
    from playbook_cli.commands.study_file import read
    from playbook_cli.launch import preflight
    from playbook_cli.pursuit import diary
    from playbook_cli.pursuit.budget import parsed
    from playbook_cli.storage.lock import locked

    limit = parsed(budget)
    given, source = read(study)
    preflight.refuse_imported(given, source)
    pursuit = _Pursuit(
        spec=given,
        source=source,
        file=study,
        runs=runs,
        budget=limit,
        final_steps=_final_steps(given, final_steps),
        launching=Launching(jobs=jobs, gpus=gpus, changed=code_changed, wait=wait),
    )
    begun = diary.read(pursuit.folder) or pursuit.beginning(baseline or [])
    if not begun.steps:
        _require_enough(pursuit.next(begun), given)
    if dry_run:
        _preview(pursuit, begun, json=json)
        return
    pursuit.folder.mkdir(parents=True, exist_ok=True)
    with locked(diary.paths(runs, given.name), wait=wait, tell=tell):
        ended, end = _walked(pursuit, begun, steps_of_the_loop)
        _answer(pursuit, ended, end, adopt=adopt, json=json)


class _Pursuit:
    """One call of the verb: what it was asked, and how each step is taken."""

    def __init__(
        self,
        *,
        spec: StudySpec,
        source: Source,
        file: Path,
        runs: Path,
        budget: Budget,
        final_steps: int | None,
        launching: Launching,
    ) -> None:
        from playbook_cli.pursuit import diary
        from playbook_cli.pursuit.state import Memory

        self.memory = Memory()
        self.spec, self.source, self.file, self.runs, self.budget = spec, source, file, runs, budget
        self.final_steps = final_steps
        self.launching = launching
        self.folder = diary.folder(runs, spec.name)
        self.beside = file.absolute().parent

    def beginning(self, baseline: Sequence[str]) -> Diary:
        """The diary of a pursuit that begins now; nothing is written."""
        from playbook_cli.pursuit.diary import Diary

        params, origin = _baseline(self.spec, baseline, self.runs)
        pace = None if self.budget.seconds is None else self._pace()
        return Diary(
            study=self.spec.name,
            file=str(self.file.absolute()),
            baseline=params,
            baseline_from=origin,
            time=time.time(),
            pace=pace,
        )

    def state(self, diary: Diary) -> Loop:
        """The state of the loop, from the records."""
        from playbook_cli.pursuit.state import loop

        return loop(
            diary,
            self.spec,
            self.runs,
            self.beside,
            budget=self.budget,
            final_steps=self.final_steps,
            memory=self.memory,
        )

    def next(self, diary: Diary) -> Step | Stop:
        """What comes after the steps that are done."""
        from playbook_cli.pursuit.decide import decide

        return decide(self.state(diary))

    def path(self, step: Planned) -> Path:
        """The study file of a step."""
        return self.file if step.file is None else self.file.parent / step.file

    def edited(self, step: Planned) -> bool:
        """Whether the user has changed the study file that was written for a step."""
        from playbook_cli.files import regular

        path = self.path(step)
        return step.text is not None and path.is_file() and regular.content(path) != step.text.encode()

    def plan(self, step: Step) -> None:
        """Note the step, and write its study file."""
        from playbook_cli.pursuit import diary
        from playbook_cli.spec.load import annotated

        text = file = None
        if step.data is not None:
            reasons = {change.key: change.reason for change in step.changes}
            grows = (self.runs / step.study).exists()
            trials = len(step.data["points"]) if "points" in step.data else step.data.get("trials")
            file = f"{step.study}{f'-{trials}-trials' if grows else ''}.yaml"
            said = [f"Written by playbook pursue: {step.reason}. Edit it to steer, then run pursue again."]
            text = annotated(dict(step.data), reasons, said)
        diary.append(
            self.folder,
            "planned",
            kind=step.kind,
            study=step.study,
            reason=step.reason,
            cost=step.cost,
            file=file,
            text=text,
            changes=_changes(step),
            left=list(step.left),
            trials=list(step.trials),
            repeats=step.repeats,
            baseline=step.baseline,
            begins=step.begins,
        )

    def write(self, step: Planned) -> None:
        """Write the study file of a planned step where it is missing, and its reason into the ledger."""
        from playbook_cli.files import atomic

        path = self.path(step)
        if step.text is not None and not path.exists():
            atomic.write(path, step.text)
        if step.kind in ("study", "finals", "refine", "baseline"):
            _note(self.runs, step)

    def take(self, diary: Diary, step: Planned) -> str | None:
        """Take a step, or finish it; why it was skipped, if it was."""
        if step.kind == "lr-sweep":
            self._sweep()
        elif step.kind == "horizon":
            return self._horizon(step)
        elif step.kind == "repeats":
            self._repeat(step)
        elif step.kind == "confirm":
            self._confirm(step)
        else:
            self._study(diary, step)
        return None

    def _session(self, spec: StudySpec, file: Path) -> Session:
        return Session(study=spec, file=file, runs=self.runs, launching=self.launching)

    def _sweep(self) -> None:
        from playbook_cli.acts import run
        from playbook_cli.commands.lr_sweep import swept

        assert self.spec.lr_sweep is not None
        session = self._session(self.spec, self.file)
        swept(session, self.spec.lr_sweep, self.source, run(self.file, self.runs, "lr-sweep"))

    def _horizon(self, step: Planned) -> str | None:
        from playbook_cli.acts import command
        from playbook_cli.commands.horizon import measured
        from playbook_cli.errors import PlaybookError
        from playbook_cli.horizon.answer import as_json
        from playbook_cli.horizon.known import keep
        from playbook_cli.storage.store import Store

        store = Store(self.runs / step.study)
        file = Path(store.history().source or self.file)
        try:
            given = measured(store, self._session(store.spec, file), command("horizon", store.paths.dir))
        except PlaybookError as error:  # the loop goes on by what the curves say
            return str(error)
        keep(as_json(given), store.paths.report)
        return None

    def _repeat(self, step: Planned) -> None:
        from playbook_cli.commands import repeating
        from playbook_cli.commands.deciding import decided

        side = repeating.side_of(self.runs / step.study, self.runs, wait=self.launching.wait)
        _, stopped = decided(side, step.trials, self.launching, budget=step.repeats)
        if stopped:
            interrupted()

    def _confirm(self, step: Planned) -> None:
        from playbook_cli.commands import repeating
        from playbook_cli.sampling.repeats import Repeats

        for name, trials in ((step.study, step.trials), (step.baseline, [0])):
            if name is None:
                continue
            side = repeating.side_of(self.runs / name, self.runs, wait=self.launching.wait)
            plan = repeating.plan_of(side, Repeats(trials, step.repeats), self.launching)
            repeating.require_code(plan, changed=self.launching.changed)
            outcome = repeating.train(plan, wait=self.launching.wait)
            require_finished(outcome)
            repeating.require_results(plan, outcome)

    def _study(self, diary: Diary, step: Planned) -> None:
        from playbook_cli.commands.run import trained
        from playbook_cli.commands.study_file import read
        from playbook_cli.errors import StudyError
        from playbook_cli.spec.load import resolve

        path = self.path(step)
        given, source = read(path)
        if given.name != step.study:
            raise StudyError(
                f"the study is named {given.name}, but the pursuit continues with {step.study}",
                where=source.where(("name",)),
                hint=f"write name: {step.study}; you can change everything else",
            )
        spec = resolve(given)
        if self.edited(step):
            self._require_affordable(diary, step, spec)
        require_finished(trained(spec, source, path, self.runs, self.launching))

    def _require_affordable(self, diary: Diary, step: Planned, spec: StudySpec) -> None:
        """StudyError if a study that the user edited does not fit the budget."""
        from playbook_cli.errors import StudyError
        from playbook_cli.pursuit.state import spent_on

        own = spent_on(self.runs, step, diary, self.memory).steps
        room, cost = self.state(diary).left + own, (spec.trials or 0) * spec.max_train_steps
        if cost > room:
            raise StudyError(
                f"as edited, it costs up to {cost:,} steps, but {room:,} are left in the budget",
                where=str(self.path(step)),
                hint="make it smaller, or give a larger --budget",
            )

    def report(self, step: Planned) -> None:
        """Write the report of a step's study, as `playbook report` does."""
        from playbook_cli.commands.report import written

        if step.kind in ("study", "finals", "refine", "baseline", "repeats", "confirm", "horizon"):
            written(self.runs / step.study, self.runs)

    def _pace(self) -> float:
        """Seconds per training step of the study, from one short trial. StudyError if it shows none."""
        from playbook_cli.acts import run
        from playbook_cli.commands.output import tell
        from playbook_cli.commands.try_ import tried
        from playbook_cli.errors import StudyError
        from playbook_cli.spec.load import resolve
        from playbook_cli.trying.answer import answer

        tell("one short trial measures the time of a training step")
        found = answer(tried(self.spec, self.file, self.launching.gpus, self.runs))
        spec = resolve(self.spec)
        if not found.works or found.cost is None:
            raise StudyError(
                "a short trial does not show how long a step takes",
                where=str(self.file),
                hint=f"{run(self.file, self.runs, 'try')} shows why; or give --budget in training steps",
            )
        return found.cost.study / ((spec.trials or 1) * spec.max_train_steps)


def _baseline(spec: StudySpec, asked: Sequence[str], runs: Path) -> tuple[Mapping[str, Value], str]:
    """The settings to beat, and where they come from. PlaybookError if they are none of this study."""
    from playbook_cli.commands.study_file import opened
    from playbook_cli.errors import PlaybookError
    from playbook_cli.ledger import evidence
    from playbook_cli.running.probing import held
    from playbook_cli.sweep.options import pair
    from playbook_cli.trying.trial import middle

    if not asked:
        return middle(spec).params, "the middle of the search space (--baseline sets another)"
    known = {p.name for p in spec.parameters()} | set(spec.fixed)
    values: dict[str, Any] = {}
    said = []
    for text in asked:
        if "=" in text:
            name, value = pair("--baseline", text)
            if name not in known:
                hint = f"it has {', '.join(sorted(known)) or 'none'}"
                raise PlaybookError(f"--baseline {text}: the study has no hyperparameter named {name}", hint=hint)
            ranged = [p for p in spec.parameters() if p.name == name and p.kind != "choice"]
            if ranged and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise PlaybookError(f"--baseline {text}: {name} is a number", hint=f"write {name}={ranged[0].low:g}")
            values[name] = value
            said.append(text)
            continue
        store = opened(Path(text), runs)
        best = evidence.chosen(store.record(), None, text)
        missing = sorted(known - best.params.keys())
        if missing and not any(p.when for p in spec.parameters()):
            hint = f"give them, too: --baseline {missing[0]}=VALUE"
            raise PlaybookError(f"--baseline {text}: its trials have no {', '.join(missing)}", hint=hint)
        values |= {name: value for name, value in best.params.items() if name in known}
        said.append(f"trial {best.id} of {text}")
    return held(spec, "", values)[0], ", ".join(said)


def _final_steps(spec: StudySpec, asked: int | None) -> int | None:
    """The length that is asked for. PlaybookError if it is shorter than the study."""
    from playbook_cli.errors import PlaybookError
    from playbook_cli.spec.load import resolve

    steps = resolve(spec).max_train_steps
    if asked is not None and asked < steps:
        raise PlaybookError(
            f"--final-steps {asked}: less than the {steps} steps of the trials of {spec.name}",
            hint="set a smaller max_train_steps in the study file, for short studies",
        )
    return asked


def _require_enough(first: Step | Stop, spec: StudySpec) -> None:
    """PlaybookError if nothing can be done with the budget."""
    from playbook_cli.errors import PlaybookError
    from playbook_cli.pursuit.loop import Stop

    if isinstance(first, Stop):
        raise PlaybookError(
            f"--budget is too small for {spec.name}: {first.reason}", hint="raise --budget, or use fewer trials"
        )


def _walked(pursuit: _Pursuit, begun: Diary, most: int | None) -> tuple[Diary, Step | Stop]:
    """Take step after step; the diary at the end, and why it ended or what is planned next."""
    from playbook_cli.pursuit import diary
    from playbook_cli.pursuit.loop import Stop

    told, taken = begun, 0
    if not (pursuit.folder / diary.FILE).exists():
        diary.append(
            pursuit.folder,
            "began",
            study=begun.study,
            file=begun.file,
            baseline=dict(begun.baseline),
            baseline_from=begun.baseline_from,
            time=begun.time,
            pace=begun.pace,
        )
    while True:
        if not told.steps or told.steps[-1].done:
            following = pursuit.next(told)
            if isinstance(following, Stop):
                return told, following
            pursuit.plan(following)
            told = diary.read(pursuit.folder) or told
        step = told.steps[-1]
        pursuit.write(step)
        if most is not None and taken >= most:
            return told, _as_step(step)
        number = len(told.steps)
        print(f"step {number}, {step.kind} {step.study}: {step.reason} (at most {step.cost:,} steps)", file=sys.stderr)
        skipped = pursuit.take(told, step)
        if skipped is None:
            pursuit.report(step)
            diary.append(pursuit.folder, "done")
        else:
            print(f"step {number} was skipped: {skipped}", file=sys.stderr)
            diary.append(pursuit.folder, "skipped", reason=skipped)
        told = diary.read(pursuit.folder) or told
        taken += 1


def _as_step(planned: Planned) -> Step:
    from playbook_cli.pursuit.loop import Step

    return Step(kind=planned.kind, study=planned.study, reason=planned.reason, cost=planned.cost)


def _note(runs: Path, step: Planned) -> None:
    """Note the reason of a step's study in the ledger, once."""
    from playbook_cli.ledger import entries
    from playbook_cli.storage.whoami import user

    text = f"pursue: {step.reason}"
    if not any(note.study == step.study and note.text == text for note in entries.read(runs).notes):
        entries.note(runs, entries.Note(time=time.time(), user=user(), study=step.study, text=text))


def _preview(pursuit: _Pursuit, begun: Diary, *, json: bool) -> None:
    """Print what would be done next, and what it would cost."""
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.pursuit.decide import reserve
    from playbook_cli.pursuit.loop import Stop

    state = pursuit.state(begun)
    open_ = begun.steps[-1] if begun.steps and not begun.steps[-1].done else None
    following = _as_step(open_) if open_ is not None else pursuit.next(begun)
    kept = reserve(state.final_length)
    stop = isinstance(following, Stop)
    if json:
        print_json(
            {
                "study": state.name,
                "budget_steps": state.budget,
                "steps_spent": state.spent,
                "reserve": kept,
                "next_step": None if isinstance(following, Stop) else _step_json(following),
                "ends": following.reason if stop else None,
            }
        )
        return
    out = console()
    out.print(f"{state.name}: {state.spent:,} of {state.budget:,} training steps spent")
    if isinstance(following, Stop):
        out.print(f"nothing more to do: {following.reason}", soft_wrap=True)
        return
    out.print(f"next: {following.kind} {following.study}, at most {following.cost:,} steps", soft_wrap=True)
    out.print(f"   {following.reason}", soft_wrap=True)
    out.print(f"reserved for repeats of the best point and the baseline: {kept:,} steps")


def _step_json(step: Step) -> dict[str, Any]:
    about = {"kind": step.kind, "study": step.study, "reason": step.reason, "at_most": step.cost}
    return about | {"changes": _changes(step)}


def _changes(step: Step) -> list[str]:
    return [f"{'.'.join(map(str, change.key))}: {change.reason}" for change in step.changes]


def _answer(pursuit: _Pursuit, told: Diary, end: Step | Stop, *, adopt: bool, json: bool) -> None:
    """Print the answer, and write its page."""
    from json import dumps

    from playbook_cli.files import atomic
    from playbook_cli.pursuit.answer import as_json
    from playbook_cli.report.pursuit import document

    given = _given(pursuit, told, end)
    gain = given.gain
    if adopt and gain is not None and gain[1] > 0.0 and not given.adopted:
        _adopt(pursuit, told)
        given = _given(pursuit, told, end)
    content = as_json(given)
    atomic.write(pursuit.folder / "pursuit.json", f"{dumps(content, indent=1)}\n")
    show(content, document(given), pursuit.folder, json=json)


def _given(pursuit: _Pursuit, told: Diary, end: Step | Stop) -> Any:
    from playbook_cli.pursuit.answer import answer
    from playbook_cli.pursuit.state import spent_by_step, spent_in_all

    return answer(
        told,
        pursuit.state(told),
        end,
        metric=pursuit.spec.objective,
        goal=pursuit.spec.goal,
        runs=pursuit.runs,
        budget=pursuit.budget,
        final_steps=pursuit.final_steps,
        costs=spent_by_step(pursuit.runs, told, pursuit.memory),
        spent=spent_in_all(pursuit.runs, told, pursuit.memory),
        edited=[pursuit.edited(step) for step in told.steps],
    )


def _adopt(pursuit: _Pursuit, told: Diary) -> None:
    """Adopt the finals over the baseline, in the ledger."""
    from playbook_cli.acts import run
    from playbook_cli.commands.adopt import entry_of
    from playbook_cli.ledger import entries
    from playbook_cli.storage.store import Store

    named = {step.kind: step.study for step in told.steps}
    final, base = (Store(pursuit.runs / named[kind]) for kind in ("finals", "baseline"))
    entry = entry_of(final, base, None, str(run(pursuit.file, pursuit.runs, "pursue")))
    entries.adopt(pursuit.runs.resolve(), entry)
