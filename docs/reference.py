"""The reference pages of the documentation, made from the code: `python docs/reference.py` writes them anew.

tests/test_docs.py holds that what is committed is what this writes.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from playbook_cli import client
from playbook_cli.advice.rules import rules
from playbook_cli.cli import app
from playbook_cli.commands.explain import WHOSE
from playbook_cli.commands.guide import FIELDS, exit_codes
from playbook_cli.commands.verbs import VERBS
from playbook_cli.launch import command
from playbook_cli.spec.affects import affects
from playbook_cli.spec.design import CHECKS
from playbook_cli.spec.model import StudySpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """The text of each page, by its file name."""
    return {
        "commands.md": commands(),
        "study-file.md": study_file(),
        "rules.md": rules_page(),
        "checks.md": checks(),
        "client.md": client_page(),
        "json.md": json_page(),
    }


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


def client_page() -> str:
    """What a training script can call, and what its environment holds."""
    lines = [
        "# Client and environment",
        "",
        "In a training script: `from playbook_cli import current_trial`. Importing it loads only the standard library.",
        "[Your script](../how-to/your-script.md) shows it in use.",
        "",
        *_member("current_trial", client.current_trial),
    ]
    for name, member in vars(client.Trial).items():
        if not name.startswith("_"):
            lines += _member(f"trial.{name}", member)
    lines += [
        "## Attributes",
        "",
        "`trial.params` holds the hyperparameters by name, `trial.seed` the training seed, `trial.max_train_steps` and",
        "`trial.eval_every` what the study asks for, and `trial.best_step` the step of the best evaluation so far.",
        "",
        "## Environment",
        "",
        "Every trial finds these variables, whatever its language. The variables of the shell that runs the study are",
        "passed on, and `env:` in the study file adds more.",
        "",
        "| variable | |",
        "|---|---|",
    ]
    found = dict.fromkeys(re.findall(r'"(PLAYBOOK_[A-Z_]+)"', inspect.getsource(command)))
    return "\n".join([*lines, *(f"| `{name}` | {_VARIABLES[name]} |" for name in found), ""])


_VARIABLES = {
    "PLAYBOOK_DETERMINISTIC": "1 if the study file says `deterministic: true`",
    "PLAYBOOK_TRIAL_ID": "number of the trial",
    "PLAYBOOK_TRIAL_DIR": "folder of the trial, for its files",
    "PLAYBOOK_PARAMS": "JSON file with the hyperparameters",
    "PLAYBOOK_SEED": "training seed",
    "PLAYBOOK_MAX_TRAIN_STEPS": "training steps",
    "PLAYBOOK_EVAL_EVERY": "steps between evaluations",
    "PLAYBOOK_METRICS": "file to append evaluations to: JSON lines, each with `step` and metrics",
    "PLAYBOOK_METRIC": "name of the study's metric",
    "PLAYBOOK_GOAL": "`minimize` or `maximize`",
    "PLAYBOOK_TARGET": "value of the metric at which the trial may end; only set by probes",
    "PLAYBOOK_STOP_STEP": "step at which the trial should end, if earlier than the training steps",
    "PLAYBOOK_EVALUATE_FROM": "step from which every step is evaluated; only set by probes",
    "PLAYBOOK_CHECKPOINTS": "`none` if the trial needs no checkpoints",
}


def _member(called: str, member: Any) -> list[str]:
    function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    code: list[str] = []
    if not isinstance(member, property):
        signature = inspect.signature(function)
        given = [p for p in signature.parameters.values() if p.name != "self"]
        shown = called + str(signature.replace(parameters=given)).replace("'", "")
        code = ["```python", shown, "```", ""]
    return [f"## {called}", "", *code, inspect.cleandoc(function.__doc__ or ""), ""]


def json_page() -> str:
    """The JSON of the verbs that scripts read most, and the exit codes."""
    lines = [
        "# JSON and exit codes",
        "",
        "With `--json`, a command prints one JSON object on stdout; progress and errors go to stderr. Fields may be",
        "added, never renamed or dropped. `playbook guide` prints the same for scripts and coding agents.",
        "",
        "| command | fields |",
        "|---|---|",
    ]
    lines += [
        f"| `playbook {name} --json` | {', '.join(f'`{field}`' for field in fields)} |"
        for name, fields in FIELDS.items()
    ]
    return "\n".join([*lines, "", "## Exit codes", "", *exit_codes(), ""])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
