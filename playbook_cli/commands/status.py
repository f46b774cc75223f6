"""`playbook status`: the progress of a study, at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.acts import run
from playbook_cli.commands.options import RUNS, Json, Runs, StudyFolder, runs_of, study_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playbook_cli.acts import Command
    from playbook_cli.records import StudyRecord
    from playbook_cli.running.standing import Running, Standing
    from playbook_cli.storage.heartbeats import Node
    from playbook_cli.storage.store import Runner, Store


def status(study: StudyFolder, json: Json = False, runs: Runs = RUNS) -> None:
    """Show progress, without slowing down the run.

    It only reads files, so it never locks the run either.

    Example:  playbook status runs/digits-depth
    """
    from playbook_cli.commands.output import console, print_json
    from playbook_cli.commands.summary import as_json
    from playbook_cli.running.standing import standing
    from playbook_cli.storage.lost_results import lost_results
    from playbook_cli.storage.program_versions import caveats
    from playbook_cli.storage.store import Store

    store = Store(study_folder(study, runs))
    if json:
        record, now = store.record(), standing(store)
        answer = as_json(record.name, record.metric, record.trials, record.planned)
        nodes = store.on_cluster(store.history())
        doubts = [*lost_results(record.trials, store.paths), *caveats(record)]
        more = {
            "running": [_as_json(one) for one in now.running],
            "seconds_left": now.seconds_left,
            "cluster": _tallied(nodes) if nodes else None,
            "caveats": doubts,
        }
        print_json(answer | {name: value for name, value in more.items() if value})
        return
    out = console()
    for line in lines(store)[0]:
        out.print(line, soft_wrap=True)


def lines(store: Store) -> tuple[list[str], bool]:
    """The status of a study for people, and whether any trial is running or waiting in a cluster's queue."""
    from playbook_cli.commands.summary import sentences
    from playbook_cli.running.standing import standing
    from playbook_cli.storage.lost_results import lost_results
    from playbook_cli.storage.program_versions import caveats
    from playbook_cli.wording import duration

    record, runner, history = store.record(), store.runner(), store.history()
    nodes, now = store.on_cluster(history), standing(store)
    left = [] if now.seconds_left is None else [f"about {duration(now.seconds_left)} left"]
    said = sentences(record.name, record.metric, record.trials, record.planned)
    shown = [
        *said,
        *(f"  {caveat}" for caveat in caveats(record)),
        *_failed(record, store),
        *(f"  {lost}" for lost in lost_results(record.trials, store.paths)),
        *_running(now, nodes),
        *_on_cluster(nodes),
        *left,
        *_who(record, runner, nodes, run(history.source or "STUDY.YAML", runs_of(store.paths.dir))),
    ]
    tally = _tallied(nodes)
    return shown, runner is not None or tally["running"] + tally["waiting"] > 0


def _failed(record: StudyRecord, store: Store) -> list[str]:
    """The most frequent reason of failures, with its last line and its log."""
    from playbook_cli.storage.failures import failures

    first = next(iter(failures(record.trials, store.paths)), None)
    if first is None:
        return []
    log = [f"    full log: {first.log}"] if first.log else []
    return [f"  {first.message}", *([f"    {first.said}"] if first.said else []), *log]


def _running(now: Standing, nodes: Mapping[int, Node | None]) -> list[str]:
    lines = []
    for one in now.running:
        again = "" if one.repeat_of is None else f" (repeat of trial {one.repeat_of})"
        node = nodes.get(one.trial)
        where = "" if node is None else f" on {node.host}"
        lines.append(f"  trial {one.trial}{again}{where}: {one.text(now.metric, now.max_train_steps)}")
    return lines


def _as_json(one: Running) -> dict[str, Any]:
    return {"trial": one.trial, "step": one.step, "value": one.value, "seconds_left": one.seconds_left}


def _tallied(nodes: Mapping[int, Node | None]) -> dict[str, int]:
    """The states of the trials on a cluster, as reported by their nodes.

    Waiting trials have no node yet, or their node is silent: then the cluster restarts them on another one.
    """
    begun = [node for node in nodes.values() if node is not None]
    ended, running = sum(node.ended for node in begun), sum(node.runs for node in begun)
    return {"running": running, "waiting": len(nodes) - running - ended, "ended": ended}


def _on_cluster(nodes: Mapping[int, Node | None]) -> list[str]:
    tally = _tallied(nodes)
    waiting = [f"{tally['waiting']} waiting in the cluster's queue"] if tally["waiting"] else []
    ended = [f"{tally['ended']} ended but not recorded yet"] if tally["ended"] else []
    return [f"  {', '.join(waiting + ended)}"] if waiting or ended else []


def _who(record: StudyRecord, runner: Runner | None, nodes: Mapping[int, Node | None], again: Command) -> list[str]:
    from playbook_cli.commands.summary import tallied
    from playbook_cli.records import DECIDED

    if runner is not None:
        return [f"running: {runner}"]
    if nodes:
        return [f"running on the cluster; {again} records what has ended and waits for the rest"]
    tallies = zip(("trial", "repeat"), tallied(record.trials, record.planned), strict=True)
    missing = {what: tally["planned"] - sum(tally.get(state, 0) for state in DECIDED) for what, tally in tallies}
    said = " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in missing.items() if count)
    return [f"not running; {said} left. Resume: {again}"] if said else []
