"""`playbook schema`: the study file's JSON schema."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON schema of the study file.

    Editors use it to complete and check study files.

    Example:  playbook schema > study.schema.json
    """
    from playbook_cli.commands.output import print_json
    from playbook_cli.spec.model import StudySpec

    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **StudySpec.model_json_schema()})
