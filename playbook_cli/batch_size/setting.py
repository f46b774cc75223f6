"""A probe's study, made from the user's: the batch size varies, everything else is fixed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from playbook_cli.errors import SpecError
from playbook_cli.running.probing import held
from playbook_cli.spec.load import probing
from playbook_cli.spec.model import Constants
from playbook_cli.spec.units import NAMES, step_unit
from playbook_cli.sweep.options import pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.records import Value
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.source import Source

GAIN = 1.1
"""A doubling pays off if it makes training faster by this factor. Playbook's default; the playbook says that a doubling
should nearly double the examples per second, and that larger sizes without a gain are pointless."""
MOST_STEPS = 8197
"""Maximal steps of a probe. Its program's max_train_steps is at least this, so that a schedule or a warmup fits."""
TIMEOUT_SECONDS = 600.0
"""Timeout of a probe if the study sets none, because a program might wait forever for a batch that never comes."""
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The batch sizes to probe, and how."""

    study: StudySpec
    """The user's study."""
    parameter: str
    held: Mapping[str, Value]
    """Every other hyperparameter, with its value in the probes."""
    chosen: Mapping[str, str]
    """Those of them that vary in the study: name -> the value and the reason."""
    min: int
    max: int | None
    """The largest size to try; None means until memory runs out or larger sizes stop paying off."""
    steps: int | None
    """Number of steps of each probe; None means as many as the timing needs."""
    gain: float
    memory_limit: int | None
    """Limit of a probe's private memory, in bytes; None for no limit."""
    examples_per_epoch: int | None = None
    """By which epochs are converted; None where steps are updates."""

    def updates(self, batch_size: int) -> float:
        """Updates in a step of the study."""
        return 1.0 if self.examples_per_epoch is None else max(self.examples_per_epoch / batch_size, 1.0)

    @property
    def now(self) -> Value:
        """The study's own batch size; None if it varies."""
        return self.study.fixed.get(self.parameter)

    @property
    def followed(self) -> bool:
        """Whether the program does not use the client, so that its metrics are read from what it prints or writes."""
        return self.study.metrics is not None

    def program(self, sizes: Sequence[int]) -> StudySpec:
        """The study of trials with these sizes, with the program as the user gives it."""
        resources = self.study.resources
        return probing(
            self.study.model_copy(update={"checkpoints": None}),
            "batch-size",
            goal=f"Which {self.parameter} trains fastest, and which ones fit into memory?",
            max_train_steps=max(self.study.max_train_steps, MOST_STEPS),
            eval_every=every(self.steps, None),
            trials=len(sizes),
            sampler="listed",
            points=[{self.parameter: size} for size in sizes],
            nuisance={self.parameter: {"values": sorted(set(sizes))}},
            fixed=dict(self.held),
            resources=resources.model_dump(exclude_unset=True)
            | {"retries": 0, "timeout": resources.timeout or TIMEOUT_SECONDS},
        )

    def spec(self, sizes: Sequence[int]) -> StudySpec:
        """The same study, with a probe that watches each of its programs."""
        plain = self.program(sizes)
        train = ["${python}", "-m", "playbook_cli.launch.entry", str(plain.train)]
        task = json.dumps({"memory_limit": self.memory_limit})
        command = ["${python}", "-m", "playbook_cli.batch_size.probe", task, *(plain.command or train)]
        return plain.model_copy(update={"command": command, "train": None, "isolation": None})


def every(steps: int | None, seconds: float | None) -> int:
    """Steps between the evaluations of a probe of `steps` steps, or of one whose steps take this many seconds.

    A power of two, so that probes of neighbouring sizes have evaluations in common.
    """
    if steps is not None:
        target = (steps - SHORT) / LONG
    elif seconds is None:
        return FIRST
    else:
        target = SECONDS / LONG / seconds
    power: int = 1 << max(0, int(target).bit_length() - 1)
    return max(2, min(power, (MOST_STEPS - SHORT) // LONG))


FIRST = 4
"""Steps between evaluations if the time of a step is unknown."""
LONG, SHORT = 8, 5
"""Number of long intervals in a probe, and of intervals of one step after them."""
SECONDS = 2.0
"""Seconds that a probe trains for, unless its steps take more than a tenth of that."""


def settle(
    study: StudySpec,
    source: Source,
    *,
    parameter: str,
    at: Mapping[str, Value],
    low: int,
    high: int | None,
    steps: int | None,
    gain: float,
    memory_limit: int | None,
    examples_per_epoch: int | None = None,
) -> Setting:
    """Hold everything fixed but the batch size: at its value in `at`, else mid-range, else at its first choice.

    SpecError if the study has no such hyperparameter, its steps are not updates, or an option is invalid.
    """
    unit = step_unit(study)
    if unit == "epochs" and examples_per_epoch is None:
        raise SpecError(
            "its steps are epochs, and the number of updates in an epoch depends on the batch size",
            where=source.where(("max_train_steps",)),
            hint="add --examples-per-epoch N, the size of the training set; or count updates",
        )
    if unit not in (None, "updates", "epochs"):
        raise SpecError(
            f"its steps are {NAMES[unit]}, but batch-size measures the time of an update",
            where=source.where(("max_train_steps",)),
            hint="let max_train_steps and the metrics count updates, or write step_unit: updates if they do",
        )
    if examples_per_epoch is not None and unit != "epochs":
        raise SpecError(
            "this study does not count epochs", where="--examples-per-epoch", hint=("write step_unit: epochs")
        )
    names = [*study.scientific, *study.nuisance, *study.fixed]
    if parameter not in names:
        raise SpecError(
            f"this study has no hyperparameter named {parameter}; it has {', '.join(names) or 'none'}",
            where=source.where(("fixed",)) if study.fixed else str(source.path),
            hint=f"write fixed: {{{parameter}: 64}} if the program reads it, or name another: --parameter NAME",
        )
    for name in at:
        if name not in names or name == parameter:
            why = "batch-size varies it" if name == parameter else f"this study has {', '.join(names)}"
            raise SpecError(f"cannot hold {name} fixed: {why}", where="--at")
    if high is not None and high < low:
        raise SpecError(f"--max {high} is below --min {low}", hint="for example: --min 1 --max 1024")
    if not gain > 1.0 or gain > 2.0:
        raise SpecError(
            f"{gain:g} is not a gain per doubling", where="--gain", hint="use a factor above 1 and up to 2: --gain 1.1"
        )
    still, chosen = held(study, parameter, at)
    return Setting(
        study=study,
        parameter=parameter,
        held=still,
        chosen=chosen,
        min=low,
        max=high,
        steps=steps,
        gain=gain,
        memory_limit=memory_limit,
        examples_per_epoch=examples_per_epoch,
    )


def bytes_of(text: str) -> int:
    """`2GiB`, `500M`, `1073741824` as bytes; units are powers of 1024. SpecError for anything else."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", text, re.IGNORECASE)
    size = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
    if not 2**20 <= size < 2**63:
        raise SpecError(f"{text!r} is not a memory size", where="--memory-limit", hint="write --memory-limit 2GiB")
    return int(size)


def at_values(texts: Iterable[str]) -> dict[str, Value]:
    """The settings of --at, NAME=VALUE each. SpecError for anything else."""
    try:
        return TypeAdapter(Constants).validate_python(dict(pair("--at", text) for text in texts))
    except ValidationError as error:
        detail = error.errors()[0]
        what = f"{'.'.join(map(str, detail['loc'][:1]))}: {detail['msg'].removeprefix('Value error, ')}"
        raise SpecError(what, where="--at", hint="write --at learning_rate=0.1") from None
