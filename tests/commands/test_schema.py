"""The JSON schema of the study file."""

from __future__ import annotations

from playbook_cli.spec.model import StudySpec


def test_the_schema_names_every_key_of_a_study_file(bench):
    schema = bench("schema").json
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert set(schema["properties"]) == {field.alias or name for name, field in StudySpec.model_fields.items()}
    assert set(schema["required"]) == {"name", "metric", "max_train_steps"}
