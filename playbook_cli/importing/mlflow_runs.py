"""MLflow's runs as trials, read from its folder or its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.importing.runs import Ask, Run
from playbook_cli.importing.values import parsed, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from playbook_cli.records import State

_STATUS = {1: "running", 2: "scheduled", 3: "finished", 4: "failed", 5: "killed"}
_STATES: Mapping[str, State] = {"running": "pending", "scheduled": "pending", "failed": "failed"}


def chosen(ask: Ask, experiments: Iterable[str]) -> str:
    """The requested experiment, or the only one. PlaybookError if there is none, or several."""
    names = sorted(experiments)
    if ask.name in names or (ask.name is None and len(names) == 1):
        return ask.name or names[0]
    what = f"there is no experiment named {ask.name!r}" if ask.name else f"{len(names)} experiments have runs"
    raise PlaybookError(what, where=ask.source, hint=f"add --name with one of: {', '.join(names) or '(none)'}")


def made(
    about: Mapping[str, Any],
    *,
    params: Mapping[str, str],
    metrics: Mapping[str, Sequence[tuple[int, float]]],
    tags: Mapping[str, str],
) -> Run:
    """One run; `metrics` are steps and values in the order of logging, times in `about` are in milliseconds."""
    status = about.get("status")
    said = _STATUS.get(status, "") if isinstance(status, int) else str(status).lower()
    evaluations, counted = _evaluations(metrics)
    started, ended = about.get("start_time"), about.get("end_time")
    return Run(
        name=str(about.get("name") or about["run_id"]),
        params={name: parsed(text) for name, text in params.items()},
        evaluations=evaluations,
        state=_STATES.get(said),
        reason=f"status in MLflow: {said}" if said in {*_STATES, "killed"} else None,
        started=started / 1000 if isinstance(started, int | float) else None,
        ended=ended / 1000 if isinstance(ended, int | float) else None,
        source=plain(
            {
                "run_id": about["run_id"],
                "lifecycle_stage": about.get("lifecycle_stage"),
                "status": status,
                "tags": tags,
                "steps_counted": counted,
            }
        ),
    )


def _evaluations(metrics: Mapping[str, Sequence[tuple[int, float]]]) -> tuple[list[dict[str, float]], bool]:
    """All metrics in order of step, and whether some had no steps and were numbered instead."""
    by_step: dict[int, dict[str, float]] = {}
    counted = False
    for name, logged in metrics.items():
        points = list(logged)
        if len(points) > 1 and all(step == 0 for step, _ in points):
            points = [(count, value) for count, (_, value) in enumerate(points, start=1)]
            counted = True
        for step, value in points:
            by_step.setdefault(step, {})["step (logged)" if name == "step" else name] = value
    return [{"step": step, **by_step[step]} for step in sorted(by_step)], counted
