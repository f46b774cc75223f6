"""`playbook guide`: one page for whoever drives Playbook from a script."""

from __future__ import annotations

from playbook_cli.commands.verbs import VERBS
from playbook_cli.errors import EXIT_CODES

LOOP = (
    ("try study.yaml", "one short trial; fix what it reports until it exits with 0"),
    ("plan study.yaml --json", "what would run; read `fatal` and `warnings`"),
    ("run study.yaml --json", "run or resume it; safe to repeat at any time"),
    ("report runs/NAME --json", "read `findings` in order; the `next` of a warning is the command that acts on it"),
    ("repeat runs/NAME --top 3 --seeds 5", "the best trials on new seeds: the selected result is optimistic"),
    ("compare runs/BASELINE runs/NAME --json", "`verdict`: adopt, keep, or not-yet with the `next` command"),
    ("adopt runs/NAME --over runs/BASELINE", "a human decides"),
    ("next runs/NAME", "the next study as YAML; then start over"),
)
_TRIALS = ("study", "trials", "repeats", "best")
FIELDS = {
    "plan": ("study", "trials", "coverage", "training_steps", "warnings", "design", "fatal"),
    "try": (
        *("study", "works", "problems", "command", "cwd", "trial", "arrives", "metrics", "seconds"),
        *("trials_at_once", "gpu_memory_bytes"),
    ),
    "run": _TRIALS,
    "status": _TRIALS,
    "report": (
        *("study", "goal", "answer", "metric", "max_train_steps", "counts", "repeat_counts", "best", "arms"),
        *("findings", "caveats", "trials", "importance", "repeats"),
    ),
    "repeat": ("study", "repeats", "baseline"),
    "pursue": (
        *("study", "ended", "reason", "headline", "gain", "interval", "found", "recommended", "baseline"),
        *("steps", "steps_spent", "next_step", "to_do"),
    ),
    "check": ("study", "holds", "checks"),
    "devices": ("cores", "devices"),
    "explain": ("rules", "checks"),
    "log": ("studies", "adopted"),
}
"""Of the JSON of verbs that scripts read most; others have theirs, too. Fields may be added, never renamed."""


def guide() -> None:
    """Print one page for scripts and coding agents.

    It has the loop, the verbs with their JSON, and the exit codes.

    Example:  playbook guide
    """
    print("\n".join(page()))


def page() -> list[str]:
    """The lines of the page, in Markdown."""
    lines = ["# Playbook for scripts and coding agents", ""]
    lines += ["A study file in YAML names the program, its metric, max_train_steps and what to tune: playbook schema."]
    lines += ["Results are on stdout, progress and errors on stderr. With --json, stdout is one JSON object.", ""]
    lines += ["## The loop", ""]
    lines += [f"{number}. `playbook {given}`: {what}" for number, (given, what) in enumerate(LOOP, start=1)]
    lines += [
        "",
        "In CI: `playbook run`, then `playbook check runs/NAME --expect 'METRIC<=VALUE' --baseline adopted`.",
        "",
    ]
    lines += ["## Commands", ""]
    lines += [f"- `{name}`: {verb.purpose}" for name, verb in VERBS.items()]
    lines += ["", "## JSON", ""]
    lines += [f"- `{name} --json`: {', '.join(fields)}" for name, fields in FIELDS.items()]
    lines += ["", "Fields may be added, never renamed or dropped.", "", "## Exit codes", ""]
    return [*lines, *exit_codes()]


def exit_codes() -> list[str]:
    """The table of exit codes, in Markdown."""
    rows = [f"| {code} | {meaning} | {then} |" for code, (meaning, then) in EXIT_CODES.items()]
    return ["| exit code | meaning | what to do |", "|---|---|---|", *rows]
