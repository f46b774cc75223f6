"""A study for a training program, by its source alone."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from playbook_cli.acts import command
from playbook_cli.errors import SpecError
from playbook_cli.formats.tables import whole_number
from playbook_cli.spec.fill import FILL
from playbook_cli.spec.goals import direction
from playbook_cli.spec.tiers import needed, usual_name
from playbook_cli.starting.counting import agree, unit_of
from playbook_cli.starting.declared import declared
from playbook_cli.starting.draft import Draft, study_name
from playbook_cli.starting.first import STUDY
from playbook_cli.starting.fitted import of_optimizer, selector, within
from playbook_cli.starting.handed import handed, word
from playbook_cli.starting.kept import written_and_read
from playbook_cli.starting.lines import gates_of
from playbook_cli.starting.measured import measured
from playbook_cli.starting.naming import likely, rank
from playbook_cli.starting.optimizers import optimizer_named, shared, why
from playbook_cli.starting.place import TRIAL
from playbook_cli.starting.program import read_program, without
from playbook_cli.starting.roles import has_own, idle, loaded, named, plain, propose_all, step_unit, training_length
from playbook_cli.starting.shown import reported
from playbook_cli.starting.syntax import constants, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from playbook_cli.starting.argument import Argument, ConfigUse, Declared
    from playbook_cli.starting.counting import Unit
    from playbook_cli.starting.optimizers import Optimizer
    from playbook_cli.starting.place import Measured
    from playbook_cli.starting.program import Program
from playbook_cli.starting.roles import Length, Proposal

TRIALS = 16
STEPS = 1000
_SHOWN = 24
"""Options that are named as left at their own values; of more, their number is said."""
_DATA = re.compile(
    r"^(train_|training_|input_)?(data|dataset|bin|corpus)(_?(path|dir|root|folder|file|name))?$|"
    r"^(train|training)_?(file|path|dir|data)$|_(path|dir|root|file)$|^(path|root)$"
)
_NO_DATA = re.compile(
    r"resume|load|pretrain|ckpt|checkpoint|weight|init|cache|config|log|save|out|plot|model|vocab|lora|eval|val|test|adapter|tokeni|hub|hf"
)
_HELD_OUT_DATA = re.compile(
    r"(^|_)(val|valid|validation|eval|dev|test)\w*_?(data\w*|bin|file|path|dir|set|root|split)$"
)
_COMMON = re.compile(r"^(main|train|run|cli|trainer|training|__main__)$")
"""Names of scripts that say nothing; what they are in says more."""
_PLACES = re.compile(r"^(src|bin|scripts?|tools?|code|app|train|training|cmd|pytorch|torch|tensorflow|jax|examples?)$")
_TUNED = re.compile(
    r"learning_?rate|(^|_)lr$|batch_?size|weight_?decay|drop_?out|momentum|(num_)?(epochs|steps|batches)$"
)


def draft_script(
    script: Path,
    folder: Path,
    *,
    optimizer: str | None = None,
    trials: int | None = None,
    config: Path | None = None,
    given: Sequence[str] = (),
) -> Draft:
    """A study, to be written into `folder`, that runs `script`; of one optimizer, in so many trials.

    `config` is a config file that it reads, and `given` are arguments that it needs. What its source does not say is
    left to be filled in. SpecError where the script is no Python, or has other optimizers.
    """
    try:
        return _draft(script, folder, optimizer=optimizer, trials=trials, config=config, given=given)
    except RecursionError:
        raise SpecError("its source is nested too deeply to be read", where=str(script)) from None


def _draft(
    script: Path,
    folder: Path,
    *,
    optimizer: str | None,
    trials: int | None,
    config: Path | None,
    given: Sequence[str],
) -> Draft:
    chosen = None if optimizer is None else optimizer_named(optimizer)
    program = read_program(script)
    table, unexplained = handed(declared(program, config), given, folder)
    program = without(program, table.other_commands)
    length = training_length(table.arguments, program)
    proposals = propose_all(table.arguments, length)
    found = None if _calls_playbook(program) else measured(program, table.arguments, length, _folders(proposals))
    proposals, every = _evaluation(proposals, length, found, table, program)
    proposals = [_switched_on(proposal, found) for proposal in proposals]
    if chosen is not None:
        proposals = of_optimizer(proposals, chosen, script)
    draft = Draft(
        data={"name": _name(script), "goal": "", "command": ["${python}"]},
        header=[
            f"Proposed from the source of {script.name}. Uncertain values are marked `guess:` or `fill in:`.",
            f"Check each of them, then look at the trials: {command('plan', folder / STUDY)}",
        ],
    )
    split = _split(draft, proposals, trials, fitted=chosen is not None)
    _command(draft, split, table, found, program=program, folder=folder)
    draft.data["command"] += unexplained
    if _calls_playbook(program):
        _metric(draft, likely(reported(program.tree)))
    else:
        _metrics(draft, found)
    passed = any("${eval_every}" in word for word in draft.data["command"])
    _steps(draft, length, every, passed=passed, once=found is not None and found.once, asked=_calls_playbook(program))
    unit = step_unit(length, program)
    if unit is not None and "max_train_steps" in draft.data and draft.data["max_train_steps"] != FILL:
        _after(draft, "max_train_steps", "step_unit", unit)
    _roles(draft, split, program)
    for note in table.unread:
        _unread(draft, note)
    if optimizer is not None and chosen is not None:
        _optimizer(draft, chosen, optimizer.lower(), selector(proposals))
    return draft


def _calls_playbook(program: Program) -> bool:
    return "playbook_cli" in program.names


def _name(script: Path) -> str:
    """The study's name: the script's, or that of the nearest folder that says what it is."""
    path = script.absolute()
    name, above = path.stem, path.parent
    if _COMMON.match(name) and above.name:
        while _PLACES.match(above.name) and above.parent.name:
            above = above.parent
        name = above.name
    return study_name(name)


def _folders(proposals: list[Proposal]) -> list[str]:
    return [plain(p.argument.name) for p in proposals if p.part == "folder"]


def _evaluation(
    proposals: list[Proposal], length: Length, found: Measured | None, table: Declared, program: Program
) -> tuple[list[Proposal], int | None]:
    """The proposals with the option that says how often it evaluates, and that number where it is known."""
    if found is not None and found.per_step:
        return [replace(p, part="left") if p.part == "eval_every" else p for p in proposals], None
    units = {gate.interval: unit_of(gate.counter) for module in program.modules for gate in gates_of(module.tree)}
    other = [p for p in proposals if _is_in_batches(p, length) or _counts_else(p, length, units)]
    proposals = [replace(p, part="left") if p in other else p for p in proposals]
    for gate in found.gates if found else ():
        if length.unit is not None and not agree(unit_of(gate.counter), length.unit):
            rival = named(table.arguments, gate.interval) if isinstance(gate.interval, str) else None
            proposals = [replace(p, part="left") if p.argument is rival else p for p in proposals]
            continue
        if isinstance(gate.interval, int):
            return [replace(p, part="left") if p.part == "eval_every" else p for p in proposals], gate.interval
        option = named(table.arguments, gate.interval)
        if option is not None:
            parts = [
                replace(p, part="eval_every")
                if p.argument is option
                else replace(p, part="left")
                if p.part == "eval_every"
                else p
                for p in proposals
            ]
            return parts, whole_number(option.default)
    given = next((p.argument.default for p in proposals if p.part == "eval_every"), None)
    if isinstance(given, int):
        return proposals, given
    return proposals, 1 if length.unit == "epoch" and (found is not None or not other) else None


def _switched_on(proposal: Proposal, found: Measured | None) -> Proposal:
    """A flag that is off by default, and without which the objective is not shown, is passed."""
    argument = proposal.argument
    off = argument.kind == "bool" and argument.default is False and argument.given == "argument"
    shows = found is not None and argument.name.replace("-", "_") in found.flags
    return replace(proposal, part="on") if off and shows and not argument.handed else proposal


def _is_in_batches(proposal: Proposal, length: Length) -> bool:
    """Whether an option says how often it evaluates in updates, where the study counts epochs."""
    counted = re.search(r"\b(steps?|iter\w*|batch(es)?|updates?)\b", proposal.argument.help, re.IGNORECASE)
    return proposal.part == "eval_every" and length.unit == "epoch" and counted is not None


def _counts_else(proposal: Proposal, length: Length, units: Mapping[str | int, Unit | None]) -> bool:
    """Whether an option says how often it evaluates in another unit, by the condition in which it stands."""
    unit = units.get(plain(proposal.argument.name))
    other = unit is not None and length.unit is not None and not agree(unit, length.unit)
    return proposal.part == "eval_every" and other


def _command(
    draft: Draft, split: _Split, table: Declared, found: Measured | None, *, program: Program, folder: Path
) -> None:
    """The command line: the script, what varies, what each trial gets, and what a person has to fill in."""
    words: list[str] = draft.data["command"]
    in_trial = found is not None and found.in_trial
    path = os.path.relpath(program.script, folder)
    copied = table.config is not None and table.config.file == program.script
    words.append("${config}" if copied else f"${{study_dir}}/{path}" if in_trial else path)
    words += table.words
    words += [f"{option}={os.path.relpath(file, folder)}" for option, file in table.files]
    given = [p for p in split.all if p.argument.given == "argument"]
    if table.config is not None and not copied:
        words.append(f"{table.config.option}=${{config}}" if table.config.option else "${config}")
    words += _positional(draft, given, found)
    in_params = [p.name for p in split.taken if p.argument.given in ("params", "config")]
    if (split.taken or not given) and len(in_params) < max(1, len(split.taken)):
        words.append("${args}")
        if in_params:
            draft.data["args"] = {"omit": in_params}
    if table.style == "name=value":
        draft.data.setdefault("args", {})["style"] = "name=value"
    words += _passed(given, found)
    words += [word(p.argument) for p in given if p.argument.handed and p.argument.option and p.part == "left"]
    if table.config is not None:
        _config(draft, split, table.config, found, program=program, folder=folder)
    words += found.words if found else ()
    _needed(draft, given, words)
    if in_trial:
        _after(draft, "command", "cwd", TRIAL)
        draft.guess(
            "cwd",
            why="the program writes its metrics below its working directory; relative paths to data "
            "must become absolute",
        )
    draft.notes += [
        f"{p.argument.option} is 1 instead of {p.argument.default}: playbook repeat trains again with other seeds"
        for p in given
        if p.part == "once"
    ]
    own = [p.argument for p in split.all if p.part == "left" and not p.argument.handed]
    left = [argument.name for argument in own if argument.given != "trial"]
    if left:
        more = f", and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        draft.notes.append(f"left at the program's defaults: {', '.join(left[:_SHOWN])}{more}")
    arguments = [p.argument for p in split.all]
    opened, unused = loaded(program, arguments), idle(program, arguments)
    unknown = [
        str(p.argument.option or p.argument.name)
        for p in given
        if (_is_data(p) and p.argument.name not in unused and not has_own(program, p.argument.name))
        or (p.part == "left" and p.argument.default in (None, "") and p.argument.name in opened)
    ]
    if unknown:
        draft.guess("command", why=f"it runs without {', '.join(unknown)}, whose default does not exist here")
    shared = written_and_read(program.tree)
    if shared and not in_trial:
        why = f"all trials write and read the same {shared}; give each its own cwd, or run one at a time"
        draft.guess("command", why=why)
    held_out = [str(p.argument.option) for p in given if _is_held_out_data(p)]
    if held_out and found is not None and rank(found.objective) == 0:
        draft.guess("metric", why=f"it is measured without {', '.join(held_out)}, which has no default")
    if found is not None and not any(p.part == "seed" for p in split.all):
        draft.notes.append("no option looks like a seed: all trials may train with the same one")


def _config(
    draft: Draft, split: _Split, use: ConfigUse, found: Measured | None, *, program: Program, folder: Path
) -> None:
    """The config file that each trial gets filled in: what varies by itself, the rest by `set`."""
    given = [p for p in split.all if p.argument.given == "config"]
    config: dict[str, Any] = {"file": os.path.relpath(use.file, folder)}
    macros = {"steps": "${max_train_steps}", "seed": "${seed}", "eval_every": "${eval_every}"}
    macros["folder"] = found.folder if found else TRIAL
    values = {str(p.argument.option): macros[p.part] for p in given if p.part in macros}
    missing = [p for p in given if p.part == "needed"]
    if values or missing:
        config["set"] = values | {str(p.argument.option): FILL for p in missing}
    taken = [p for p in split.taken if p.argument.given == "config"]
    names = {p.name: str(p.argument.option) for p in taken if p.name != p.argument.option}
    if names:
        config["names"] = names
    _after(draft, "command", "config", config)
    own = use.file == program.script
    draft.comments["config",] = (
        f"each trial runs a copy of {use.file.name} with its own values of these constants"
        if own
        else "each trial gets a copy of this file, with its hyperparameters and these values filled in"
    )
    beside = os.path.relpath(use.file.parent, folder)
    if own and beside != "." and (program.near or program.far):
        draft.data["env"] = {"PYTHONPATH": f"${{study_dir}}/{beside}"}
    for p in missing:
        draft.fill("config", "set", str(p.argument.option), what=_described(p.argument))


def _is_data(proposal: Proposal) -> bool:
    """Whether an option says where data is, and the program has none by itself."""
    argument = proposal.argument
    name = plain(argument.name)
    text = argument.kind in ("str", "other")
    if proposal.part != "left" or argument.handed or not text or not _DATA.search(name) or _NO_DATA.search(name):
        return False
    elsewhere = isinstance(argument.default, str) and argument.default.startswith("/")
    return argument.default in (None, "") or (elsewhere and not os.path.lexists(str(argument.default)))


def _is_held_out_data(proposal: Proposal) -> bool:
    """Whether an option says where held-out data is, and the program has none by itself."""
    name = plain(proposal.argument.name)
    unknown = proposal.argument.kind == "str" and proposal.argument.default in (None, "")
    return unknown and proposal.part == "left" and bool(_HELD_OUT_DATA.search(name)) and "train" not in name


def _passed(given: list[Proposal], found: Measured | None) -> list[str]:
    """The arguments that every trial gets from Playbook."""
    folder = found.folder if found else TRIAL
    words = [f"{p.argument.option}=${{max_train_steps}}" for p in given if p.part == "steps"]
    for part, macro in (("seed", "${seed}"), ("folder", folder), ("eval_every", "${eval_every}")):
        options = [p.argument for p in given if p.part == part and p.argument.option]
        for argument in options if part == "folder" else options[:1]:
            value = f"'{macro}'" if argument.evaluated and part == "folder" else macro
            words.append(f"{argument.option}={value}")
    words += [f"{p.argument.option}{'=True' * (p.argument.switch == 'python')}" for p in given if p.part == "on"]
    words += [f"{p.argument.option}=1" for p in given if p.part == "once"]
    for p in given:
        if p.part == "file":
            suffix = str(p.argument.default).rpartition(".")[2]
            words.append(f"{p.argument.option}={TRIAL}/model.{suffix}")
    return words


def _positional(draft: Draft, given: list[Proposal], found: Measured | None) -> list[str]:
    words = []
    for p in given:
        if p.argument.option is None and p.argument.handed:
            words.append(word(p.argument))
        elif p.argument.option is None and p.argument.required:
            if p.part == "folder":
                words.append(found.folder if found else TRIAL)
            else:
                words.append(FILL)
                draft.fill("command", what=_described(p.argument))
    return words


def _needed(draft: Draft, given: list[Proposal], words: list[str]) -> None:
    """Options that the program does not run without, and that no one else can know."""
    for p in given:
        if p.part != "needed" or p.argument.option is None:
            continue
        if p.argument.kind == "str" and re.search(r"^(exp_|run_|experiment_)?(name|id)$", plain(p.argument.name)):
            words.append(f"{p.argument.option}=trial-${{trial_id}}")
            continue
        words.append(f"{p.argument.option}={FILL}")
        draft.fill("command", what=_described(p.argument))


def _described(argument: Argument) -> str:
    choices = f", one of {', '.join(map(str, argument.choices))}" if argument.choices else ""
    said = f" ({' '.join(argument.help.split())[:80]}{choices})" if argument.help or choices else ""
    return f"{argument.option or argument.name}{said}"


def _metrics(draft: Draft, found: Measured | None) -> None:
    if found is None:
        draft.data["metrics"] = {"stdout": [FILL]}
        draft.comments["metrics",] = (
            "where the metrics are: {stdout: [...]}, {csv: ...}, {jsonl: ...}, {tensorboard: ...}"
        )
        draft.fill(
            "metrics",
            "stdout",
            what=r"a pattern for a line with a step and a metric, such as step (?P<step>\d+) val_loss "
            r"(?P<val_loss>\S+); no line in the source counts steps as the training length does",
        )
        draft.data["metric"] = {"name": FILL, "goal": FILL}
        draft.fill("metric", what="which metric to optimize, and whether to minimize or maximize it")
        return
    draft.data["metrics"] = found.metrics
    draft.comments["metrics",] = found.where
    for doubt in found.doubts:
        draft.guess("metrics", why=doubt)
    _metric(draft, found.objective)


def _metric(draft: Draft, name: str | None) -> None:
    draft.data["metric"] = {"name": name or "val_loss", "goal": "minimize"}
    if name is None:
        draft.guess("metric", why="what the script reports")
        return
    goal = direction(name)
    if goal is None:
        draft.data["metric"]["goal"] = FILL
        draft.fill("metric", what=f"whether to minimize or maximize {name}")
    else:
        draft.data["metric"]["goal"] = goal
    if rank(name) == 4:
        draft.data["metric"]["goal"] = FILL
        draft.fill("metric", what=f"a metric of model quality, and its goal; {name} is not one")
    elif rank(name) == 3:
        draft.guess("metric", why="this is measured on training data; no metric on held-out data was found")
    elif rank(name) == 2:
        draft.guess("metric", why="its name does not say whether it is measured on held-out data")
    elif rank(name) == 1 and not re.search("avg|average|mean", name):
        draft.guess("metric", why="the return of single episodes is noisy, and the best one says little")


def _steps(draft: Draft, length: Length, every: int | None, *, passed: bool, once: bool, asked: bool) -> None:
    given = length.argument
    default = given.default if given is not None and isinstance(given.default, int | float) else 0
    known = default >= 1 and float(default).is_integer()
    draft.data["max_train_steps"] = int(default) if known else STEPS
    at = "max_train_steps"
    if given is None and asked:
        draft.guess(at, why="no option sets the training length")
        return
    if length.written is not None:
        draft.data[at] = length.written
        draft.comments[at,] = f"{length.unit}s, hard-coded in the script: no option changes it"
        draft.data["eval_every"] = draft.data[at] if once else min(every or 1, length.written)
        if once:
            draft.guess("eval_every", why="the metric is measured once, at the end")
        return
    if given is None:
        draft.data[at] = FILL
        draft.fill(at, what="number of training steps: no option looks like the length of training")
        return
    if given.loop:
        draft.comments[at,] = f"iterations of the loop over {given.loop}"
    elif given.given != "trial" and length.unit == "epoch":
        draft.comments[at,] = f"counted in epochs, as {given.option} is"
    if not known:
        draft.guess(at, why=f"the program's default of {given.option} is unknown")
    if not length.certain:
        others = ", ".join(str(argument.option) for argument in length.others)
        draft.guess(at, why=f"{given.option} sets the length of training{f', not {others}' if others else ''}")
    if once:
        draft.data["eval_every"] = draft.data[at]
        draft.guess("eval_every", why="the metric is measured once, at the end")
    elif every is not None and 1 <= every <= draft.data["max_train_steps"]:
        draft.data["eval_every"] = every
    elif given is not None and given.given != "trial" and not passed:
        draft.data["eval_every"] = max(1, draft.data["max_train_steps"] // 50)
        draft.guess("eval_every", why="the evaluation interval is unknown")


def _unread(draft: Draft, note: str) -> None:
    kind, _, text = note.partition(": ")
    if kind == "guess":
        draft.guess("command", why=text)
    elif kind == "fill in":
        draft.fill("command", what=text)
    else:
        draft.notes.append(note)


@dataclass(frozen=True, kw_only=True)
class _Split:
    """The proposals by what they are in the study."""

    all: list[Proposal]
    asked: Proposal | None
    nuisance: list[Proposal]
    fixed: list[Proposal]
    booleans: list[Argument]
    """Those on the command line."""
    trials: int

    @property
    def taken(self) -> list[Proposal]:
        """Those that the study sets."""
        return [*([self.asked] if self.asked else []), *self.nuisance, *self.fixed]


def _split(draft: Draft, proposals: list[Proposal], trials: int | None, *, fitted: bool) -> _Split:
    """What varies, what is fixed, and in how many trials; as much varies as they can carry where they are given."""
    booleans = _booleans(draft, proposals)
    usable = [
        p for p in proposals if p.argument.kind != "bool" or p.argument.given == "params" or p.argument in booleans
    ]
    asked = next((p for p in usable if p.part == "scientific" and not p.argument.handed), None)
    arms = len(asked.setting) if asked else 1
    nuisance = [p for p in usable if p.part == "nuisance"]
    least = needed(len(nuisance), arms - 1)
    amount = max(TRIALS * arms, -(-least // arms) * arms) if trials is None else shared(trials, arms)
    settled: list[Proposal] = []
    if trials is not None or fitted:
        nuisance, settled = within(nuisance, amount, arms - 1)
    fixed = [p for p in usable if p.part in ("fixed", "scientific") and p is not asked]
    left = {p.name: p for p in settled}
    return _Split(
        all=[left.get(p.name, p) for p in proposals],
        asked=asked,
        nuisance=nuisance,
        fixed=fixed + [p for p in settled if p.part == "fixed"],
        booleans=booleans,
        trials=amount,
    )


def _roles(draft: Draft, split: _Split, program: Program) -> None:
    asked, nuisance, booleans = split.asked, split.nuisance, split.booleans
    draft.data["trials"] = split.trials
    if asked is not None:
        draft.data["goal"] = f"Does {asked.name} matter once everything else is re-tuned?"
        draft.data["scientific"] = {asked.name: asked.setting}
        draft.guess("scientific", why="write your own question")
    else:
        draft.data["goal"] = "How good can it get?"
    fixed = {p.name: p.argument.default for p in split.fixed}
    if not nuisance and asked is None:
        _nothing_varies(draft, program)
    if nuisance:
        draft.data["nuisance"] = {p.name: p.setting for p in nuisance}
        draft.comments |= {("nuisance", p.name): p.why for p in nuisance if p.why}
    if fixed:
        draft.data["fixed"] = fixed
        draft.comments["fixed",] = "the program's defaults; the answer holds only for these"
    taken = [p for p in split.taken if p.argument.given == "argument"]
    names = {p.name: _called(p.argument) for p in taken if _called(p.argument) != p.name}
    args: dict[str, Any] = {"booleans": booleans[0].switch} if booleans and booleans[0].switch != "python" else {}
    if names:
        args["names"] = names
    args |= draft.data.pop("args", {})
    if args:
        _after(draft, "command", "args", args)


def _called(argument: Argument) -> str:
    return (argument.option or "").removeprefix("--")


def _nothing_varies(draft: Draft, program: Program) -> None:
    """Leave the space to a person, with the constants of the program that look like hyperparameters."""
    draft.data["nuisance"] = {FILL: {"min": FILL, "max": FILL, "scale": "log"}}
    written = [
        f"{name} = {literal(value)} (line {value.lineno})"
        for name, value in constants(program.tree).items()
        if isinstance(literal(value), int | float) and _TUNED.search(plain(name))
    ]
    where = f"; the program has the constants {', '.join(written[:6])}: make them arguments" if written else ""
    draft.fill("nuisance", what=f"a hyperparameter and its range: no option looks like one{where}")


def _optimizer(draft: Draft, optimizer: Optimizer, name: str, selected_by: str | None) -> None:
    """Say which optimizer it is: by the script's own argument, else by a setting that is no argument."""
    if "nuisance" in draft.data:
        draft.comments["nuisance",] = why(optimizer, draft.data["trials"])
    if selected_by is None:
        draft.data.setdefault("fixed", {})["optimizer"] = name
        draft.comments["fixed", "optimizer"] = "the one that the script builds, for the report; it is not an argument"
        if "${args}" in draft.data["command"]:
            if "args" not in draft.data:
                _after(draft, "command", "args", {})
            draft.data["args"].setdefault("omit", []).append("optimizer")
    missing = [knob.name for knob in optimizer.knobs if usual_name(knob.name) not in _known(draft)]
    if missing:
        draft.notes.append(f"the script does not take these hyperparameters of {optimizer.title}: {', '.join(missing)}")


def _known(draft: Draft) -> set[str]:
    return {usual_name(name) for role in ("scientific", "nuisance", "fixed") for name in draft.data.get(role, {})}


def _booleans(draft: Draft, proposals: list[Proposal]) -> list[Argument]:
    """The booleans that take part: those that are given the way most are."""
    given = [
        p.argument
        for p in proposals
        if p.argument.kind == "bool" and p.argument.given == "argument" and p.part in ("scientific", "fixed")
    ]
    switches = [argument.switch for argument in given]
    usual = max(switches, key=switches.count, default="python")
    others = [argument.name for argument in given if argument.switch != usual]
    if others:
        draft.notes.append(f"left out because they are passed differently from the other booleans: {', '.join(others)}")
    return [argument for argument in given if argument.switch == usual]


def _after(draft: Draft, before: str, key: str, value: object) -> None:
    items = list(draft.data.items())
    index = next(index for index, (name, _) in enumerate(items) if name == before) + 1
    draft.data = dict([*items[:index], (key, value), *items[index:]])
