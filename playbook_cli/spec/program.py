"""The keys of a study file that launch a program as it is, and follow what it writes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
"""A section of a study file has no other keys, and its values are not converted."""


class _Section(BaseModel):
    model_config = STRICT


class Arguments(_Section):
    """How `${args}` writes hyperparameters as the arguments of a program."""

    style: Literal["--name=value", "--name value", "name=value", "+name=value"] = "--name=value"
    names: Annotated[
        dict[str, str], Field(description="what the program calls a hyperparameter: {learning_rate: lr}")
    ] = {}
    omit: Annotated[list[str], Field(description="hyperparameters that are no arguments")] = []
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
        Field(description="how None is written; by default None, and null in the styles of Hydra"),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, args: object) -> object:
        """Of the shorthand {learning_rate: lr}."""
        return args if not isinstance(args, dict) or args.keys() & cls.model_fields.keys() else {"names": args}


class Metrics(_Section):
    """Where the numbers of a program are that knows nothing of Playbook; one of the first four."""

    stdout: Annotated[
        list[str] | None,
        Field(min_length=1, description="regular expressions over what it prints; named groups are step and metrics"),
    ] = None
    csv: Annotated[str | None, Field(description="a file with a header")] = None
    jsonl: Annotated[str | None, Field(description="a file with a JSON object a line")] = None
    tensorboard: Annotated[str | None, Field(description="a folder of event files")] = None
    step: Annotated[str, Field(min_length=1, description="the group, column or key that counts updates")] = "step"
    names: Annotated[dict[str, str], Field(description="metrics by the names they have there")] = {}


class Checkpoints(_Section):
    """Where a program leaves its checkpoints, so that the best and the last are found."""

    files: Annotated[str, Field(min_length=1, description="glob of files or folders, below ${trial_dir}")]
    step: Annotated[
        str, Field(description="regular expression over a name, whose one group is the step; else its last number")
    ] = r"(\d+)(?!.*\d)"
    keep: Annotated[Literal["all", "best"], Field(description="best: all but best and last are deleted")] = "all"
