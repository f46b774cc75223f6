"""The study file as validated values. What spans several keys is checked in `check`."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from playbook_cli.records import Goal, Metric, Parameter, Role, StepUnit, Value
from playbook_cli.spec.affects import Affects
from playbook_cli.spec.launchers import LauncherName  # noqa: TC001 (pydantic reads it)
from playbook_cli.spec.probe import Probe, written_out
from playbook_cli.spec.program import STRICT, Arguments, Checkpoints, ConfigFile, Metrics
from playbook_cli.spec.samplers import SamplerName  # noqa: TC001 (pydantic reads it)
from playbook_cli.spec.space import Space


class _Section(BaseModel):
    model_config = STRICT


LARGEST = 10**18


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int), Field(ge=1, le=LARGEST)]
"""A whole number of at least 1; `1e3` is one."""
WholeNumber = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int), Field(ge=0, le=LARGEST)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Integer = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]


def _setting(value: object) -> object:
    """A scalar, or a list of them as a tuple."""
    items = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(item, bool | int | float | str | None) for item in items):
        raise PydanticCustomError("setting", "write a number, text, true, false, null, or a list of these")
    return tuple(value) if isinstance(value, list) else value


def _finite(value: Value) -> Value:
    if isinstance(value, tuple):
        for item in value:
            _finite(item)
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("finite", "write a finite number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise PydanticCustomError("large", "write a number of at most 18 digits")
    return value


Setting = Annotated[Value, BeforeValidator(_setting), AfterValidator(_finite)]


def seconds(value: object) -> object:
    """A duration in seconds: a number, or text such as `90s`, `30m`, `1h`, `1h30m`, `2d`."""
    if isinstance(value, str):
        parts = re.fullmatch(
            r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?:in)?)?(?:(\d{1,9})s)?", value.replace(" ", "")
        )
        if not value.strip() or parts is None:
            raise PydanticCustomError("duration", "write a duration such as 90s, 30m, 1h or 1h30m")
        days, hours, minutes, rest = (int(part or 0) for part in parts.groups())
        return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    return value


Seconds = Annotated[
    float, BeforeValidator(seconds), Field(gt=0, allow_inf_nan=False), WithJsonSchema({"type": ["number", "string"]})
]


class MetricSpec(_Section):
    """What the study optimizes; a trial's result is its best evaluation."""

    name: Annotated[str, Field(min_length=1)]
    goal: Goal = "minimize"
    chance: Annotated[
        Number | None, Affects.READING, Field(description="value of a model that has learned nothing: 0.9")
    ] = None
    examples: Annotated[
        Count | None,
        Affects.READING,
        Field(
            description="number of validation examples, if the metric is a share of them: reports then also count "
            "examples"
        ),
    ] = None


def _lists(when: object) -> object:
    if not isinstance(when, dict):
        return when
    return {name: values if isinstance(values, list) else [values] for name, values in when.items()}


class ParameterSpec(_Section):
    """How one hyperparameter varies: `min` and `max`, or `values`."""

    min: Annotated[Integer | Number | None, Field(description="lower end of the range")] = None
    max: Annotated[Integer | Number | None, Field(description="upper end of the range")] = None
    scale: Literal["linear", "log"] = "linear"
    type: Annotated[
        Literal["int", "float"] | None,
        Field(description="type of a range; by default int if both ends are written as integers"),
    ] = None
    values: Annotated[list[Setting] | None, Field(min_length=1)] = None
    value: Annotated[Setting, Field(description="a constant value; only under fixed")] = None
    points: Annotated[Count | None, Field(description="number of values that a grid takes from a range")] = None
    when: Annotated[
        dict[str, list[Setting]],
        BeforeValidator(_lists),
        Field(description="applies only if each named hyperparameter has one of these values"),
    ] = {}

    @property
    def is_int(self) -> bool:
        """Whether a range holds only whole numbers."""
        if self.type is not None:
            return self.type == "int"
        return isinstance(self.min, int) and isinstance(self.max, int)


def _alternatives(role: object) -> object:
    """Expands shorthand: a value, a list of values, one mapping, or a list of mappings with `when`."""
    if not isinstance(role, dict):
        return role
    written_out: dict[object, object] = {}
    for name, given in role.items():
        if isinstance(given, dict):
            written_out[name] = [given]
        elif isinstance(given, list):
            written_out[name] = (
                given if given and all(isinstance(item, dict) for item in given) else [{"values": given}]
            )
        else:
            written_out[name] = [{"value": given}]
    return written_out


_SETTING: dict[str, Any] = {"type": ["number", "string", "boolean", "null", "array"]}
_PARAMETER = ParameterSpec.model_json_schema()
_ROLE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {
        "anyOf": [_PARAMETER, {"type": "array", "items": _SETTING}, {"type": "array", "items": _PARAMETER}]
    },
}
Varied = Annotated[dict[str, list[ParameterSpec]], BeforeValidator(_alternatives), WithJsonSchema(_ROLE_SCHEMA)]


def _constants(fixed: object) -> object:
    if not isinstance(fixed, dict):
        return fixed
    return {
        name: given["value"] if isinstance(given, dict) and given.keys() == {"value"} else given
        for name, given in fixed.items()
    }


Constants = Annotated[
    dict[str, Setting],
    BeforeValidator(_constants),
    WithJsonSchema({"type": "object", "additionalProperties": _SETTING}),
]


class Resources(_Section):
    """What one trial needs, how long it may take, and how often it is tried."""

    gpus: Annotated[WholeNumber | None, Field(description="GPUs per trial; by default 1 if the machine has any")] = None
    trials_per_gpu: Count = 1
    cpus: Annotated[Count, Field(description="cores per trial that uses no GPU")] = 1
    timeout: Annotated[Seconds | None, Field(description="time limit of one attempt: 90s, 30m, 1h30m")] = None
    retries: Annotated[WholeNumber, Field(description="further attempts after a crash")] = 1


class SlurmSpec(_Section):
    """What the job arrays of launcher: slurm request, in addition to the cores and GPUs of resources."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: Annotated[str | None, Field(description="by default gpu:N, with N from resources.gpus")] = None
    mem: Annotated[str | None, Field(description="memory per trial in Slurm's notation: 16G")] = None
    time: Annotated[Seconds | None, Field(description="time limit of a trial: 2h; by default resources.timeout")] = None
    array_parallelism: Annotated[
        Count | None, Field(description="number of parallel trials; by default as many as fit")
    ] = None
    options: Annotated[list[str], Field(description="further options of sbatch: ['--exclude=n3']")] = []


class RaySpec(_Section):
    """The cluster of launcher: ray."""

    address: Annotated[str, Field(description="HOST:PORT, or auto for the cluster of this machine")] = "auto"
    shared_folder: Annotated[bool, Field(description="whether its nodes share this study's folder")] = True


class Target(_Section):
    """When a trial fits the training set: once its metric reaches this value."""

    metric: Annotated[str, Field(min_length=1)] = "train_error"
    value: Number = 0.0
    goal: Annotated[Goal, Field(description="direction in which the metric reaches the value")] = "minimize"


class LrSweepSpec(_Section):
    """The grid of constant learning rates that finds the initial max_train_steps."""

    parameter: str = "learning_rate"
    min: Annotated[Number, Field(gt=0)] = 1e-4
    max: Annotated[Number, Field(gt=0)] = 10.0
    points: Annotated[Count, Field(ge=2)] = 11
    steps: Annotated[
        Count | None, Field(description="steps per trial, by default max_train_steps; with find, the most to try")
    ] = None
    find: Annotated[bool, Field(description="find steps first, by doubling")] = False
    eval_every: Annotated[
        Count | None, Field(description="steps between evaluations; by default a quarter of the study's own")
    ] = None
    target: Target = Target()
    at: Annotated[dict[str, Setting], Field(description="values of other hyperparameters during the sweep")] = {}
    off: Annotated[
        dict[str, Setting], Field(description="values that turn off augmentation, regularization and decay")
    ] = {}
    harmless: Annotated[list[str], Field(description="hyperparameters that look like one of these but aren't")] = []


def _method(given: object) -> object:
    return {"method": given} if isinstance(given, str) else given


class EarlyStopping(_Section):
    """Early stopping of trials that are unlikely to become the best; off by default."""

    method: Literal["honest"] = "honest"
    risk: Annotated[
        Number,
        Field(
            gt=0,
            le=0.5,
            description="probability, over the whole study, of stopping a trial that would become the best",
        ),
    ] = 0.05


class Imported(_Section):
    """The source of a study that another tool ran; such a study is read, never run."""

    source: Annotated[str, Field(description="imported folder, file or storage")]
    format: Annotated[str, Field(description="the tool that it came from")]


class Round(_Section):
    """The place of a study among rounds of growing length."""

    number: Annotated[Count, Field(ge=2, description="number of this round; the first round has no such section")]
    of: Annotated[Count | None, Field(description="planned number of rounds")] = None
    growth: Annotated[Number | None, Field(gt=1, description="factor by which each round is longer")] = None
    after: Annotated[
        str, Field(min_length=1, description="folder of the round before, relative to the study file's folder")
    ]
    trials: Annotated[
        list[WholeNumber], Field(description="trials of that round whose points come first here, in order")
    ] = []


class StudySpec(_Section):
    """One tuning study."""

    name: Annotated[str, Affects.READING, Field(description="name of the study; its folder is runs/NAME")]
    goal: Annotated[str, Affects.READING, Field(description="question that the study answers")] = ""
    train: Annotated[
        str | None, Affects.PROGRAM, Field(description="module:function that is called with the trial")
    ] = None
    command: Annotated[
        list[str] | None, Affects.PROGRAM, Field(min_length=1, description="program and its arguments, with macros")
    ] = None
    imported: Annotated[
        Imported | None, Affects.PROGRAM, Field(description="replaces the program if another tool ran the trials")
    ] = None
    cwd: Annotated[
        str | None, Affects.PROGRAM, Field(description="working directory; by default the study file's folder")
    ] = None
    env: Annotated[dict[str, str], Affects.PROGRAM, Field(description="environment variables of every trial")] = {}
    args: Annotated[Arguments, Affects.TRAINING, Field(description="how ${args} writes hyperparameters")] = Arguments()
    config: Annotated[
        ConfigFile | None,
        Affects.TRAINING,
        Field(description="a config file of the program; each trial gets a copy with its hyperparameters filled in"),
    ] = None
    metrics: Annotated[
        Metrics | None, Affects.TRAINING, Field(description="where to find the metrics of an unmodified program")
    ] = None
    checkpoints: Annotated[
        Checkpoints | None,
        Affects.TRAINING,
        Field(description="where to find the checkpoints of an unmodified program"),
    ] = None
    metric: Annotated[MetricSpec, Affects.TRAINING]
    max_train_steps: Annotated[
        Count, Affects.TRAINING, Field(description="length of training, the same for all trials and never tuned")
    ]
    step_unit: Annotated[
        StepUnit | None,
        Affects.READING,
        Field(description="what a step counts; by default taken from the command and the patterns"),
    ] = None
    eval_every: Annotated[
        Count | None,
        Affects.TRAINING,
        Field(description="steps between evaluations; by default a fiftieth of max_train_steps"),
    ] = None
    trials: Annotated[
        Count | None,
        Affects.SIZE,
        Field(description="number of trials of the whole study, split equally among its arms"),
    ] = None
    early_stopping: Annotated[
        Annotated[EarlyStopping, BeforeValidator(_method, json_schema_input_type=EarlyStopping | Literal["honest"])]
        | None,
        Affects.LAUNCHING,
        Field(
            description="honest: stop trials that are unlikely to become the best of their arm; the report never "
            "uses their values as results",
        ),
    ] = None
    sampler: Annotated[SamplerName, Affects.SEARCH] = "halton"
    follows: Annotated[
        str | None,
        Affects.SEARCH,
        Field(
            alias="continue",
            min_length=1,
            description="for sampler: bayesian; folder of the finished quasi-random study whose trials it starts "
            "from, relative to the study file's folder",
        ),
    ] = None
    points: Annotated[
        list[dict[str, Setting]] | None,
        Affects.SEARCH,
        Field(
            min_length=1,
            description="for sampler: listed; one mapping of hyperparameters to values per trial; `from` is a "
            "checkpoint of another study's trial to continue from",
        ),
    ] = None
    probe: Annotated[
        Probe | None,
        Affects.TRAINING,
        Field(description="the command that made this study, whose trials end once they have its answer"),
    ] = None
    round: Annotated[Round | None, Affects.READING, Field(description="written by playbook next --round")] = None
    seed: Annotated[
        WholeNumber, Affects.SEARCH, Field(description="search seed; training seeds are derived from it")
    ] = 0
    scientific: Annotated[Varied, Affects.SEARCH] = {}
    nuisance: Annotated[Varied, Affects.SEARCH] = {}
    fixed: Annotated[Constants, Affects.SEARCH] = {}
    resources: Annotated[Resources, Affects.LAUNCHING] = Resources()
    deterministic: Annotated[
        bool,
        Affects.TRAINING,
        Field(description="bit-identical metrics on the same machine, with slower kernels and fixed threads"),
    ] = False
    isolation: Annotated[
        Literal["fork", "process"] | None,
        Affects.LAUNCHING,
        Field(
            description="whether trials of a train function fork one process that has imported it, or each import it; "
            "by default they fork, unless they use GPUs"
        ),
    ] = None
    launcher: Annotated[LauncherName, Affects.LAUNCHING] = "local"
    slurm: Annotated[SlurmSpec, Affects.LAUNCHING, Field(description="how launcher: slurm submits trials")] = (
        SlurmSpec()
    )
    ray: Annotated[RaySpec, Affects.LAUNCHING, Field(description="where launcher: ray finds its cluster")] = RaySpec()
    lr_sweep: Annotated[LrSweepSpec | None, Affects.OTHER_VERBS] = None
    rules: Annotated[
        dict[str, dict[str, Number]],
        Affects.READING,
        Field(description="thresholds of the report's rules: {rule: {threshold: value}}"),
    ] = {}
    silence: Annotated[
        list[str], Affects.READING, Field(description="names of the design checks that playbook plan skips")
    ] = []

    @model_validator(mode="before")
    @classmethod
    def _as_it_was_written(cls, data: Any) -> Any:
        return written_out(data)

    @property
    def takes_eval_every(self) -> bool:
        """Whether the program is told how often to evaluate: by Playbook, or by a macro of its command or config."""
        if self.command is None or self.metrics is None:
            return True
        filled = self.config.set.values() if self.config is not None else ()
        return any("eval_every" in str(word).lower() for word in (*self.command, *self.env.values(), *filled))

    @property
    def steps_between_evaluations(self) -> int:
        return self.eval_every or max(1, self.max_train_steps // 50)

    @property
    def adaptive(self) -> bool:
        """Whether each point is chosen from the results before it, so that it isn't known in advance."""
        return self.sampler == "bayesian"

    @property
    def objective(self) -> Metric:
        """The study's metric, as a value for the other parts."""
        given = self.metric
        return Metric(name=given.name, goal=given.goal, chance=given.chance, examples=given.examples)

    def parameters(self) -> list[Parameter]:
        """All hyperparameters that vary, scientific before nuisance, in the order of the file."""
        roles: tuple[tuple[Role, dict[str, list[ParameterSpec]]], ...] = (
            ("scientific", self.scientific),
            ("nuisance", self.nuisance),
        )
        return [
            _parameter(name, role, given, alone=len(alternatives) == 1)
            for role, parameters in roles
            for name, alternatives in parameters.items()
            for given in alternatives
        ]

    def space(self) -> Space:
        """The search space. ValueError if conditions depend on each other in a circle."""
        return Space(self.parameters(), self.fixed)


def _parameter(name: str, role: Role, given: ParameterSpec, *, alone: bool) -> Parameter:
    condition = ", ".join(f"{other}={'|'.join(map(str, values))}" for other, values in given.when.items())
    label = name if alone else f"{name} ({condition})"
    when = {other: tuple(values) for other, values in given.when.items()}
    if given.values is not None:
        return Parameter(name=name, label=label, role=role, kind="choice", choices=tuple(given.values), when=when)
    return Parameter(
        name=name,
        label=label,
        role=role,
        kind="int" if given.is_int else "float",
        low=float(given.min or 0),
        high=float(given.max or 0),
        scale=given.scale,
        when=when,
        points=given.points,
    )
