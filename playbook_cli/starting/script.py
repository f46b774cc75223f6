"""A study for a training script, by its source alone."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.acts import command
from playbook_cli.errors import SpecError
from playbook_cli.files import regular
from playbook_cli.spec.goals import more_is_better
from playbook_cli.spec.tiers import needed, usual_name
from playbook_cli.starting.declared import arguments
from playbook_cli.starting.draft import Draft, study_name
from playbook_cli.starting.first import STUDY
from playbook_cli.starting.fitted import of_optimizer, selector, within
from playbook_cli.starting.optimizers import optimizer_named, shared, why
from playbook_cli.starting.roles import propose
from playbook_cli.starting.shown import likely, patterns, reported

if TYPE_CHECKING:
    from pathlib import Path

    from playbook_cli.starting.declared import Argument
    from playbook_cli.starting.optimizers import Optimizer
    from playbook_cli.starting.roles import Part, Proposal
    from playbook_cli.starting.shown import Pattern

TRIALS = 16
STEPS = 1000
PASSED: dict[Part, str] = {
    "steps": "${max_train_steps}",
    "seed": "${seed}",
    "folder": "${trial_dir}",
    "eval_every": "${eval_every}",
}
"""Arguments that every trial gets from Playbook."""


def draft_script(script: Path, folder: Path, *, optimizer: str | None = None, trials: int | None = None) -> Draft:
    """A study, to be written into `folder`, that runs `script`; of one optimizer, in so many trials.

    SpecError where the script is no Python, takes nothing, or has other optimizers.
    """
    chosen = None if optimizer is None else optimizer_named(optimizer)
    tree = parse_script(script)
    uses_playbook = "playbook_cli" in {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    proposals = [propose(argument) for argument in arguments(tree)]
    if not any(proposal.part in ("nuisance", "scientific", "fixed") for proposal in proposals):
        raise SpecError(
            "nothing that it takes looks like a hyperparameter",
            where=str(script),
            hint="argparse, click, typer, dataclasses and current_trial(defaults={...}) are read; "
            "playbook init writes a script to start from",
        )
    if chosen is not None:
        proposals = of_optimizer(proposals, chosen, script)
    draft = Draft(
        data={
            "name": study_name(script.stem),
            "goal": "",
            "command": ["${python}", os.path.relpath(script, folder)],
        },
        header=[
            f"Proposed from what {script.name} takes. Roles and ranges are guesses by name and default: look at",
            f"each one, and then at the trials: {command('plan', folder / STUDY)}",
        ],
    )
    split = _split(draft, proposals, trials, fitted=chosen is not None)
    _command(draft, split)
    if uses_playbook:
        _reported(draft, likely(reported(tree)))
    else:
        _printed(draft, patterns(tree))
    _steps(draft, proposals)
    _roles(draft, split)
    if optimizer is not None and chosen is not None:
        _optimizer(draft, chosen, optimizer.lower(), selector(proposals))
    return draft


def parse_script(script: Path) -> ast.Module:
    """The source of a script, parsed and not run. SpecError where it can't be."""
    try:
        return ast.parse(regular.content(script), filename=str(script))
    except OSError as error:
        raise SpecError(f"the script can't be read: {error.strerror}", where=str(script)) from None
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        raise SpecError(
            f"this is not Python: {getattr(error, 'msg', error)}",
            where=f"{script}:{line}",
            hint="--from reads a training script, or a W&B sweep that ends in .yaml",
        ) from None


def _command(draft: Draft, split: _Split) -> None:
    proposals = [p for p in split.all if p.argument.given == "argument"]
    in_params = [p.name for p in split.taken if p.argument.given == "params"]
    if not in_params or len(in_params) < len(split.taken):
        draft.data["command"].append("${args}")
        if in_params:
            draft.data["args"] = {"omit": in_params}
    for part, macro in PASSED.items():
        given = [proposal.argument for proposal in proposals if proposal.part == part]
        draft.data["command"] += [f"{argument.option}={macro}" for argument in given[:1]]
    required = [p.argument.name for p in proposals if p.argument.option is None]
    if required:
        draft.notes.append(f"it takes positional arguments, to be added to the command: {', '.join(required)}")
    left = [p.argument.name for p in split.all if p.part == "left" and p.argument.name not in required]
    if left:
        draft.notes.append(f"left at the script's own values: {', '.join(left)}")


def _printed(draft: Draft, found: list[Pattern]) -> None:
    metric = likely(name for pattern in found for name in pattern.metrics)
    if metric is not None:
        draft.data["metrics"] = {"stdout": [pattern.text for pattern in found]}
        lines = ", ".join(str(pattern.line) for pattern in found)
        draft.comments["metrics",] = f"from what the script prints in line {lines}: try them on its output"
    else:
        draft.notes.append(
            "where its numbers are is not known: add metrics: {stdout: [...]}, {csv: ...}, {jsonl: ...} or "
            "{tensorboard: ...}, or let it call trial.report"
        )
    _reported(draft, metric)


def _reported(draft: Draft, metric: str | None) -> None:
    name = metric or "val_loss"
    draft.data["metric"] = {"name": name, "goal": "maximize" if more_is_better(name) else "minimize"}
    if metric is None:
        draft.comments["metric",] = "a guess: what the script reports"


def _steps(draft: Draft, proposals: list[Proposal]) -> None:
    lengths = [p.argument for p in proposals if p.part == "steps"]
    given = next(iter(lengths), None)
    if given is not None and len(lengths) > 1:
        others = ", ".join(argument.name for argument in lengths[1:])
        draft.notes.append(f"{others}: the length of training too? {given.option} is taken for max_train_steps")
    default = given.default if given is not None and isinstance(given.default, int | float) else 0
    draft.data["max_train_steps"] = int(default) if default >= 1 and float(default).is_integer() else STEPS
    if given is None:
        draft.comments["max_train_steps",] = (
            "no argument looks like the length of training: the script must train so long"
        )
    elif "epoch" in given.name:
        draft.comments["max_train_steps",] = f"counted in epochs, as {given.option} is: so must `step` be"
    every = next((p.argument.default for p in proposals if p.part == "eval_every"), None)
    if isinstance(every, int) and 1 <= every <= draft.data["max_train_steps"]:
        draft.data["eval_every"] = every


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
    asked = next((p for p in usable if p.part == "scientific"), None)
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


def _roles(draft: Draft, split: _Split) -> None:
    asked, nuisance, booleans = split.asked, split.nuisance, split.booleans
    draft.data["trials"] = split.trials
    if asked is not None:
        draft.data["goal"] = f"Does {asked.name} matter once everything else is re-tuned?"
        draft.data["scientific"] = {asked.name: asked.setting}
        draft.comments["scientific",] = "a guess: the question is yours"
    else:
        draft.data["goal"] = "How good can it be?"
    fixed = {p.name: p.argument.default for p in split.fixed}
    if not nuisance and asked is None:
        draft.notes.append("nothing varies yet: no argument is one that most studies tune")
    if nuisance:
        draft.data["nuisance"] = {p.name: p.setting for p in nuisance}
        draft.comments |= {("nuisance", p.name): p.why for p in nuisance if p.why}
    if fixed:
        draft.data["fixed"] = fixed
        draft.comments["fixed",] = "at the script's own values; the answer holds for these"
    taken = [p for p in split.taken if p.argument.given == "argument"]
    names = {p.name: (p.argument.option or "").removeprefix("--") for p in taken if p.argument.option != f"--{p.name}"}
    args: dict[str, Any] = {"booleans": booleans[0].switch} if booleans and booleans[0].switch != "python" else {}
    if names:
        args["names"] = names
    args |= draft.data.pop("args", {})
    if args:
        _after(draft, "command", "args", args)


def _optimizer(draft: Draft, optimizer: Optimizer, name: str, selected_by: str | None) -> None:
    """Say which optimizer it is: by the script's own argument, else by a setting that is no argument."""
    if "nuisance" in draft.data:
        draft.comments["nuisance",] = why(optimizer, draft.data["trials"])
    if selected_by is None:
        draft.data.setdefault("fixed", {})["optimizer"] = name
        draft.comments["fixed", "optimizer"] = "which one the script builds, for the report; it is no argument of it"
        if "${args}" in draft.data["command"]:
            if "args" not in draft.data:
                _after(draft, "command", "args", {})
            draft.data["args"].setdefault("omit", []).append("optimizer")
    missing = [knob.name for knob in optimizer.knobs if usual_name(knob.name) not in _known(draft)]
    if missing:
        draft.notes.append(f"{optimizer.title} has more to tune that the script does not take: {', '.join(missing)}")


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
        draft.notes.append(f"left out, since they are given in another way than other booleans: {', '.join(others)}")
    return [argument for argument in given if argument.switch == usual]


def _after(draft: Draft, before: str, key: str, value: object) -> None:
    items = list(draft.data.items())
    index = next(index for index, (name, _) in enumerate(items) if name == before) + 1
    draft.data = dict([*items[:index], (key, value), *items[index:]])
