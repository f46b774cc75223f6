"""Experiments of DVC, as `dvc exp show --json` of its versions 2 and 3 prints them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playbook_cli.errors import PlaybookError
from playbook_cli.files import regular
from playbook_cli.formats.tables import number, whole_number
from playbook_cli.importing import read_file
from playbook_cli.importing.runs import Ask, Run, Runs
from playbook_cli.importing.values import flat
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playbook_cli.records import State

_CSV = b"Experiment,rev,typ,"
_STATES: Mapping[object, State] = {"queued": "pending", "running": "pending", "failed": "failed"}
_EXECUTORS = {"Queued": "queued", "Running": "running", "Failed": "failed"}
"""What version 2 calls them, as version 3 does."""
_BASELINE = "baseline"
_WORKSPACE = "workspace"


def is_export(path: Path) -> bool:
    """Whether this is what `dvc exp show` printed with --json or --csv."""
    if path.suffix == ".csv" and path.is_file():
        with regular.opened(path) as file:
            return file.read(len(_CSV)) == _CSV
    if path.suffix != ".json" or not path.is_file():
        return False
    try:
        data = read_file.data(path)
        return _is_list(data) or _is_mapping(data)
    except PlaybookError:
        return False


def read(ask: Ask) -> Runs:
    """A trial for every experiment and every commit with metrics, except the workspace, which repeats one of them.

    Their metrics are one evaluation, at the `step` among them or at step 1. PlaybookError if it is DVC's CSV table,
    which does not distinguish metrics from parameters.
    """
    path = Path(ask.source)
    if path.suffix == ".csv":
        raise PlaybookError(
            "DVC's CSV table does not say which columns are metrics and which rows are experiments",
            where=ask.source,
            hint="run dvc exp show --json > experiments.json, and import that file",
        )
    data = read_file.data(path)
    if _is_mapping(data):
        data = _as_listed(data)
    if not _is_list(data):
        raise PlaybookError("this is not output of `dvc exp show --json` from DVC 2 or 3", where=ask.source)
    found = [_run(*one) for one in _experiments(data)]
    runs = [run for run in found if run is not None]
    skipped = len(found) - len(runs)
    notes = [f"skipped {plural(skipped, 'commit')} without metrics"] if skipped else []
    return Runs(source=ask.source, format="dvc", runs=runs, notes=notes)


def _is_list(data: object) -> bool:
    return isinstance(data, list) and bool(data) and all(isinstance(one, dict) and "rev" in one for one in data)


def _is_mapping(data: object) -> bool:
    """Whether DVC 2 printed it: commits by revision, each with its experiments by revision beside its `baseline`."""
    return (
        isinstance(data, dict)
        and isinstance(data.get(_WORKSPACE), dict)
        and all(isinstance(group, dict) and _BASELINE in group for group in data.values())
    )


def _as_listed(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What DVC 2 printed, as DVC 3 prints it. Of an experiment with checkpoints the last one stands for it."""
    listed = []
    for rev, group in data.items():
        experiments = []
        for own, said in group.items():
            inner = _dict(said, "data") if isinstance(said, dict) else {}
            if own == _BASELINE or inner.get("checkpoint_tip") not in (None, own):
                continue
            experiments.append({"revs": [_as_revision(own, said)], "executor": {"state": _executor(inner)}})
        listed.append({**_as_revision(rev, group[_BASELINE]), "experiments": experiments})
    return listed


def _as_revision(rev: str, said: object) -> dict[str, Any]:
    said = said if isinstance(said, dict) else {}
    inner = _dict(said, "data")
    return {"rev": rev, "name": inner.get("name"), "data": inner, "error": said.get("error")}


def _executor(inner: Mapping[str, Any]) -> str | None:
    """Its state: as `status` says it from version 2.20 on, before that as two flags."""
    flagged = next((state for state in ("running", "queued") if inner.get(state) is True), None)
    return _EXECUTORS.get(str(inner.get("status")), flagged)


def _experiments(data: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], object]]:
    """The data of each commit and each experiment, and the state of its executor."""
    for commit in data:
        if commit["rev"] == _WORKSPACE:
            continue
        yield commit, None
        for experiment in _dicts(commit.get("experiments")):
            revisions = _dicts(experiment.get("revs"))
            executor = experiment.get("executor")
            if revisions and "rev" in revisions[0]:  # with checkpoints there are several, newest first
                yield (
                    {**revisions[0], "experiment": True},
                    executor.get("state") if isinstance(executor, dict) else None,
                )


def _run(said: dict[str, Any], executor: object) -> Run | None:
    data = _dict(said, "data")
    params = _files(data, "params")
    metrics = {name: value for name, cell in _files(data, "metrics").items() if (value := number(cell)) is not None}
    if not metrics and not said.get("experiment"):
        return None
    step = whole_number(metrics.pop("step", None))
    state, error = _STATES.get(str(executor)), said.get("error")
    if state is None and isinstance(error, dict):
        state = "failed"
    reason = str(error.get("msg")) if isinstance(error, dict) else f"status in DVC: {executor}" if state else None
    return Run(
        name=str(said.get("name") or str(said["rev"])[:7]),
        params=params,
        evaluations=[{"step": 1 if step is None else step, **metrics}] if metrics else [],
        state=state,
        reason=reason,
        source={"rev": said.get("rev")},
    )


def _files(data: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """All values of the files of this kind, by dotted name, prefixed with the file's name if several share it."""
    files = _dict(data, kind)
    each = {
        str(name): flat(about["data"]) for name, about in files.items() if isinstance(about, dict) and "data" in about
    }
    names = [name for values in each.values() for name in values]
    return {
        name if names.count(name) == 1 else f"{file}:{name}": value
        for file, values in each.items()
        for name, value in values.items()
    }


def _dict(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _dicts(value: object) -> list[dict[str, Any]]:
    return (
        [item for item in value if isinstance(item, dict) and item.get("rev", "") is not None]
        if isinstance(value, list)
        else []
    )
