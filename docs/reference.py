"""The reference pages of the documentation, made from the code: `python docs/reference.py` writes them anew.

tests/test_docs.py holds that what is committed is what this writes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from playbook_cli.advice.rules import rules
from playbook_cli.cli import app
from playbook_cli.commands.explain import WHOSE
from playbook_cli.commands.guide import exit_codes
from playbook_cli.commands.verbs import VERBS
from playbook_cli.spec.affects import affects
from playbook_cli.spec.design import CHECKS
from playbook_cli.spec.model import StudySpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """The text of each page, by its file name."""
    return {"commands.md": commands(), "study-file.md": study_file(), "rules.md": rules_page(), "checks.md": checks()}


def commands() -> str:
    """Every verb with its arguments and options."""
    group: Any = typer.main.get_command(app)
    lines = ["# Commands", "", "`playbook COMMAND --help` prints the same.", ""]
    for name in VERBS:
        command = group.commands[name]
        context = command.make_context(name, [], resilient_parsing=True, **app.info.context_settings)
        purpose, *examples = (command.help or "").split("Example:")
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [f"## playbook {name}", "", purpose.strip(), "", "```text", f"playbook {name} {usage}", "```", ""]
        if examples:
            lines += ["```bash", *(example.strip() for example in examples), "```", ""]
        rows = [row for parameter in command.params if (row := _option(parameter, context))]
        lines += ["| option | |", "|---|---|", *rows, ""] if rows else []
    return "\n".join([*lines, "## Exit codes", "", *exit_codes(), ""])


def _option(parameter: Any, context: Any) -> str | None:
    record = parameter.get_help_record(context)
    if record is None or not record[0].startswith("-"):
        return None
    flags, text = (re.sub(r"\s+", " ", part) for part in record)
    return f"| `{flags}` | {_cell(text)} |"


def study_file() -> str:
    """Every key of a study file."""
    schema = StudySpec.model_json_schema()
    lines = [
        "# Study file",
        "",
        "Editors complete and check study files with the schema: `playbook schema > study.schema.json`.",
        "",
        "| key | type | default | meaning | may change |",
        "|---|---|---|---|---|",
    ]
    lines += _keys(schema, schema["$defs"], "")
    return "\n".join([*lines, ""])


def _keys(schema: Mapping[str, Any], definitions: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        section = _section(field, definitions)
        default = "required" if name in required else _default(field)
        when = "until a trial has completed" if affects(StudySpec, prefix + name).decides_results else "any time"
        kind = "section" if section else _type(field)
        yield f"| `{prefix}{name}` | {kind} | {default} | {_cell(field.get('description', ''))} | {when} |"
        if section:
            yield from _keys(section, definitions, f"{prefix}{name}.")


def _section(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for way in (field, *field.get("anyOf", [])):
        if "$ref" in way:
            found: Mapping[str, Any] = definitions[way["$ref"].rpartition("/")[2]]
            return found if "properties" in found else None
    return None


def _type(field: Mapping[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    kinds = [_type(way) for way in field.get("anyOf", []) if way.get("type") != "null"]
    if kinds:
        return " or ".join(dict.fromkeys(kinds))
    named = {"array": "list", "object": "mapping", "string": "text", "boolean": "true or false"}
    kind = field.get("type", "value")
    kinds = kind if isinstance(kind, list) else [kind]
    return " or ".join(named.get(one, one) for one in kinds if one != "null")


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    empty = default in (None, "", [], {}) or isinstance(default, dict)
    return "" if empty else f"`{json.dumps(default)}`"


def rules_page() -> str:
    """Every rule of the report."""
    lines = [
        "# Rules",
        "",
        "A report reads a study by these rules, in this order. `playbook explain RULE` prints the same. Thresholds can",
        "be set in the study file under `rules:`. How often each rule is right is measured on generated studies with",
        "known truth: see benchmarks/README.md in the repository.",
        "",
    ]
    for rule in rules().values():
        end = "" if rule.looks_at.endswith("?") else "."
        lines += [f"## {rule.name}", "", f"**{rule.title}** Looks at {rule.looks_at}{end}", "", rule.formula, ""]
        lines += ["| verdict | |", "|---|---|"]
        lines += [f"| `{verdict}` | {title} |" for verdict, title in rule.verdicts.items()]
        lines += ["", "| threshold | default | from | meaning |", "|---|---|---|---|"] if rule.thresholds else []
        lines += [
            f"| `{one.name}` | {one.default:g} | {WHOSE[one.whose]} | {_cell(one.meaning)} |" for one in rule.thresholds
        ]
        lines += ["", f"What to do: {rule.action}", "", f"Source: {rule.source}.", ""]
    return "\n".join(lines)


def checks() -> str:
    """Every check that `plan` makes of a design."""
    lines = [
        "# Design checks",
        "",
        "`playbook plan` makes these checks before anything runs. `silence: [NAME]` in the study file turns one off.",
        "",
        "| check | objects to | source |",
        "|---|---|---|",
    ]
    rows = [f"| `{check.name}` | {_cell(check.title)} | {_cell(check.source)} |" for check in CHECKS.values()]
    return "\n".join([*lines, *rows, ""])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
