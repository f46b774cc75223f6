"""Experiments of Syne Tune: `metadata.json`, and one table with the results of all trials."""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.formats.tables import read_csv
from playbook_cli.importing import layout, read_file
from playbook_cli.importing.rows import STEPS, evaluations
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import parsed, scalar, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.formats.tables import Row
    from playbook_cli.records import Goal, State

_ABOUT, _RESULTS = "metadata.json", ("results.csv.zip", "results.csv")
_CONFIG, _OWN, _REPORTS = "config_", "st_", "st_worker_iter"
_STATES: Mapping[str, State] = {"failed": "failed"}


def is_experiment(folder: Path) -> bool:
    """Whether Syne Tune wrote its results here."""
    return (folder / _ABOUT).is_file() and any((folder / name).is_file() for name in _RESULTS)


def read(ask: Ask) -> Runs:
    """A trial for every trial_id, evaluated at each of its reports; the metric is the first of the experiment.

    Its steps come from a field with a usual name, else from the number of the report, from 0. PlaybookError if a file
    is missing or damaged.
    """
    folder = Path(ask.source)
    about = read_file.data(folder / _ABOUT)
    about = about if isinstance(about, dict) else {}
    rows = _rows(folder)
    if not rows or "trial_id" not in rows[0]:
        raise PlaybookError("the results have no row with a trial_id", where=ask.source)
    step = ask.step or next((name for name in (*STEPS, _REPORTS) if name in rows[0]), None)
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["trial_id"]), []).append(row)
    listed = about.get("metric_names")
    names = [str(name) for name in listed] if isinstance(listed, list) else []
    metric = names[0] if names else None
    notes = [f"the experiment has {len(names)} metrics; using the first, {metric}"] if len(names) > 1 else []
    return Runs(
        source=ask.source,
        format="syne-tune",
        runs=[
            _run(key, groups[key], step, ask.source) for key in sorted(groups, key=lambda key: layout.natural((key,)))
        ],
        metric=metric,
        goal=_goal(about.get("metric_mode")),
        space=_space(about.get("config_space"), rows[0]),
        notes=notes,
    )


def _rows(folder: Path) -> list[Row]:
    zipped = folder / _RESULTS[0]
    if not zipped.is_file():
        return read_file.log(folder / _RESULTS[1]).rows
    try:
        with zipfile.ZipFile(zipped) as archive:
            name = next((name for name in archive.namelist() if name.endswith(".csv")), "")
            with archive.open(name) as file:
                content = file.read(read_file.MAX_BYTES)
    except (
        OSError,
        KeyError,
        RuntimeError,
        NotImplementedError,
        zipfile.BadZipFile,
        ValueError,
        EOFError,
        zlib.error,
    ) as error:
        raise PlaybookError(f"cannot unpack this archive: {error}", where=str(zipped)) from None
    return read_csv(content).rows


def _goal(mode: object) -> Goal | None:
    first = mode[0] if isinstance(mode, list) and mode else mode
    return "minimize" if first == "min" else "maximize" if first == "max" else None


def _run(key: str, rows: Sequence[Row], step: str | None, source: str) -> Run:
    params = {name: cell for name, cell in rows[0].items() if name.startswith(_CONFIG)}
    own = [
        {name: cell for name, cell in row.items() if name != "trial_id" and not name.startswith((_CONFIG, _OWN))}
        | ({step: row.get(step)} if step else {})
        for row in rows
    ]
    said = str(rows[-1].get("st_status", "")).lower()
    stopped = str(rows[-1].get("st_decision", "")).upper() == "STOP"
    return Run(
        name=f"trial {key}",
        params={name.removeprefix(_CONFIG): parsed(cell) for name, cell in params.items() if cell != ""},
        evaluations=evaluations(own, step, source),
        state=_STATES.get(said),
        reason=f"status in Syne Tune: {said}" if said in _STATES else "stopped by the scheduler" if stopped else None,
        changed=[name.removeprefix(_CONFIG) for name in params if len({row[name] for row in rows}) > 1],
        source={"last": dict(rows[-1])},
    )


def _space(written: object, row: Row) -> dict[str, dict[str, Any]]:
    """Each hyperparameter of the results with its searched range or values."""
    try:
        space = json.loads(written) if isinstance(written, str) else written
    except (ValueError, RecursionError):
        return {}
    found = {}
    for name, domain in space.items() if isinstance(space, dict) else ():
        if f"{_CONFIG}{name}" in row and isinstance(domain, dict) and (setting := _setting(domain)) is not None:
            found[str(name)] = setting
    return found


def _setting(domain: Mapping[str, Any]) -> dict[str, Any] | None:
    given = domain.get("domain_kwargs")
    if not isinstance(given, dict):
        return None
    low, high, choices = given.get("lower"), given.get("upper"), given.get("categories")
    if isinstance(choices, list) and choices:
        return {"values": list(dict.fromkeys(map(scalar, choices)))}
    log = "Log" in str(domain.get("sampler_cls"))
    return span(low, high, whole=domain.get("domain_cls") == "Integer", log=log)
