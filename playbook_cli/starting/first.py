"""The study and the script that `playbook init` writes from nothing, for one optimizer and number of trials."""

from __future__ import annotations

import importlib.util
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from playbook_cli.acts import argument
from playbook_cli.spec.load import block, validate
from playbook_cli.spec.source import parse
from playbook_cli.starting.optimizers import affordable, optimizer_named, shared, why

if TYPE_CHECKING:
    from playbook_cli.starting.optimizers import Optimizer

STUDY, SCRIPT = "study.yaml", "train.py"
NAME = "first"
"""Of a study that is written where the command is given."""
TRIALS = 16
_ARMS = 2
_DROPOUT = "dropout"


def first_study(
    optimizer: str | None = None, trials: int | None = None, *, name: str = NAME, folder: Path | None = None
) -> dict[str, str]:
    """A study file and the training script that it runs, by name. PlaybookError where they can't be as asked.

    The commands in the study file's comments are those for `folder`, where it is to be written.
    """
    here = Path(__file__).parent
    study, script = ((here / name).read_text(encoding="utf-8") for name in (STUDY, SCRIPT))
    amount = TRIALS if trials is None else shared(trials, _ARMS)
    if optimizer is not None:
        chosen = optimizer_named(optimizer)
        study = _with_space(study, optimizer.lower(), chosen, amount)
        script = _with_optimizer(script, chosen)
    elif not affordable([_DROPOUT], amount, _ARMS - 1, already=1):
        study = study.replace(_TUNED_DROPOUT, "").replace(_MOMENTUM, f"{_MOMENTUM}  dropout: 0.0\n")
    study = study.replace(f"trials: {TRIALS:<4}", f"trials: {amount:<4}")
    study = _placed(study, name, STUDY if folder is None else str(folder / STUDY))
    validate(parse(study, STUDY))
    return {STUDY: study, SCRIPT: script}


def missing() -> list[str]:
    """What the script needs that this Python doesn't have, as notes for the user."""
    if importlib.util.find_spec("sklearn"):
        return []
    return [f"{SCRIPT} trains on data of scikit-learn, which is not installed: pip install 'playbook-cli[demo]'"]


def _placed(study: str, name: str, path: str) -> str:
    """The study under this name, with the commands for this path in its comments."""
    given = {STUDY: argument(path), f"runs/{NAME}": f"runs/{name}"}
    study = re.sub("|".join(map(re.escape, given)), lambda found: given[found[0]], study)
    width = max(map(len, _COMMAND.findall(study)))
    study = _COMMAND.sub(lambda found: f"#     {found[1]:<{width}}    ", study)
    return study.replace(f"{f'name: {NAME}':<33}", f"{block({'name': name}).strip():<33}")


_COMMAND = re.compile(r"^#     (playbook .*?) {2,}", re.MULTILINE)
_RATE = "  learning_rate: {min: 1e-2, max: 1.0, scale: log}\n"
_TUNED_DROPOUT = "  dropout: {min: 0.0, max: 0.5}\n"
_MOMENTUM = "  momentum: 0.9\n"
_SWEEP = "  min: 1e-2\n  max: 1.0\n"
_OFF = "  off: {dropout: 0.0}"
_DEFAULTS = (
    '    defaults={"hidden_layers": 1, "width": 64, "learning_rate": 0.1, "momentum": 0.9, "dropout": 0.0, '
    '"batch_size": 64},\n'
)
_BUILT = 'optimizer = torch.optim.SGD(model.parameters(), lr=p["learning_rate"], momentum=p["momentum"])\n'


def _with_space(study: str, name: str, optimizer: Optimizer, trials: int) -> str:
    """The study with the ranges that so many trials can carry, and the rest of the optimizer's settings fixed."""
    by_name = {knob.name: knob for knob in optimizer.knobs}
    tuned = affordable([*by_name, _DROPOUT], trials, _ARMS - 1)
    rate = optimizer.knobs[0]
    ranges = [f"  # {line}\n" for line in textwrap.wrap(why(optimizer, trials), 116)]
    ranges += [
        f"  {n}: {{min: {_short(k.low)}, max: {_short(k.high)}, scale: log}}\n"
        for n, k in by_name.items()
        if n in tuned
    ]
    settled = f"  optimizer: {name:<20} # which one train.py builds, for the report\n"
    settled += "".join(f"  {n}: {_short(k.default)}\n" for n, k in by_name.items() if n not in tuned)
    if _DROPOUT not in tuned:
        study = study.replace(_TUNED_DROPOUT, "")
        settled += "  dropout: 0.0\n"
    if "weight_decay" in by_name:
        study = study.replace(_OFF, "  off: {dropout: 0.0, weight_decay: 0.0}")
    return (
        study.replace(_RATE, "".join(ranges))
        .replace(_MOMENTUM, settled)
        .replace(_SWEEP, f"  min: {_short(rate.low)}\n  max: {_short(rate.high)}\n")
    )


def _with_optimizer(script: str, optimizer: Optimizer) -> str:
    settings = {"hidden_layers": "1", "width": "64", _DROPOUT: "0.0", "batch_size": "64"}
    settings |= {knob.name: _short(knob.default) for knob in optimizer.knobs}
    defaults = "".join(f'        "{name}": {value},\n' for name, value in settings.items())
    arguments = ("model.parameters()", 'lr=p["learning_rate"]', *optimizer.arguments)
    listed = "".join(f"    {argument},\n" for argument in arguments)
    return script.replace(_DEFAULTS, f"    defaults={{\n{defaults}    }},\n").replace(
        _BUILT, f"optimizer = {optimizer.constructor}(\n{listed})\n"
    )


def _short(value: float) -> str:
    """As a person writes it: 0.1, 10.0, 1e-4."""
    if value >= 1e-2:
        return repr(value)
    mantissa, exponent = f"{value:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
