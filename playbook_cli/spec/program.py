"""The keys of a study file that launch an unmodified program, and read what it writes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
"""Refuses unknown keys, and converts no values."""


class _Section(BaseModel):
    model_config = STRICT


class Arguments(_Section):
    """How `${args}` writes hyperparameters as program arguments."""

    style: Literal["--name=value", "--name value", "name=value", "+name=value"] = "--name=value"
    names: Annotated[
        dict[str, str], Field(description="names of hyperparameters in the program: {learning_rate: lr}")
    ] = {}
    omit: Annotated[list[str], Field(description="hyperparameters that are not passed as arguments")] = []
    booleans: Annotated[
        Literal["python", "lower", "flag", "no-flag"],
        Field(description="--x=True, --x=true, --x or nothing, --x or --no-x; Hydra's are always true and false"),
    ] = "python"
    lists: Annotated[
        Literal["python", "words", "repeat", "commas"],
        Field(description="--x=[1, 2], --x 1 2, --x=1 --x=2, --x=1,2; Hydra's are always [1,2]"),
    ] = "python"
    none: Annotated[
        Literal["None", "null", "omit"] | None,
        Field(description="how None is written; by default None, or null in Hydra's styles"),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, args: object) -> object:
        """Expands the shorthand {learning_rate: lr}."""
        return args if not isinstance(args, dict) or args.keys() & cls.model_fields.keys() else {"names": args}


class Metrics(_Section):
    """Where to find the metrics of a program that doesn't call Playbook; exactly one of the first four keys."""

    stdout: Annotated[
        list[str] | None,
        Field(min_length=1, description="regular expressions for its output; named groups are the step and metrics"),
    ] = None
    csv: Annotated[str | None, Field(description="CSV file with a header")] = None
    jsonl: Annotated[str | None, Field(description="file with one JSON object per line")] = None
    tensorboard: Annotated[str | None, Field(description="folder of event files")] = None
    step: Annotated[str, Field(min_length=1, description="group, column, key or tag that counts training steps")] = (
        "step"
    )
    names: Annotated[
        dict[str, str], Field(description="names of metrics in the program: {val_loss: validation/loss}")
    ] = {}
    first: Annotated[
        Literal["eval_every"] | int | None,
        Field(
            description="for output that shows no step: step of the first evaluation, eval_every or 0; each later one "
            "counts eval_every steps more"
        ),
    ] = None


class ConfigFile(_Section):
    """A config file of the program: each trial gets a copy as ${config}, in which its hyperparameters are filled in.

    Where the command has ${args}, too, the hyperparameters under args.omit go into the config, and the others there.
    """

    file: Annotated[str, Field(min_length=1, description="YAML, JSON, or Python that assigns")]
    set: Annotated[
        dict[str, bool | int | float | str | None],
        Field(description="values by dotted key, with macros: {trainer.max_epochs: '${max_train_steps}'}"),
    ] = {}
    names: Annotated[
        dict[str, str], Field(description="dotted keys of hyperparameters: {learning_rate: optimizer.lr}")
    ] = {}

    @property
    def suffix(self) -> str:
        return self.file[self.file.rfind(".") :] if "." in self.file else ""


class Checkpoints(_Section):
    """Where a program saves its checkpoints, so that the best and the last can be found."""

    files: Annotated[str, Field(min_length=1, description="glob of files or folders inside ${trial_dir}")]
    step: Annotated[
        str, Field(description="regular expression for a name, with one group for the step; by default the last number")
    ] = r"(\d+)(?!.*\d)"
    keep: Annotated[Literal["all", "best"], Field(description="best: delete all but the best and the last")] = "all"
