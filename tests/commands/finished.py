"""Studies that are over, written as a run would have left them, in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.files import journal
from playbook_cli.sampling import make
from playbook_cli.spec.load import dump, load, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.conftest import Bench


def finish(bench: Bench, value: Callable[[Mapping[str, Any]], float], *, name: str = "toy", **changes: Any) -> None:
    """The toy study with these changes, all trials completed; each one's metric falls towards `value` of its params."""
    spec = resolve(load(bench.study(name=name, **changes))[0])
    paths = bench.paths(name)
    paths.dir.mkdir(parents=True)
    paths.spec.write_text(dump(spec))
    events = journal.Journal(paths.journal)
    events.append({"event": "run", "time": 0.0, "source": str(bench.folder / "study.yaml"), "command": []})
    for trial in make(spec.sampler, spec.seed, spec.points).suggest(spec.space(), [], spec.trials):
        about = {"trial": trial.id, "attempt": 1, "time": 0.0}
        events.append({"event": "planned", **about, "params": trial.params, "arm": trial.arm, "seed": trial.seed})
        events.append({"event": "started", **about, "slot": "cpu0", "process": None})
        events.append({"event": "ended", **about, "state": "completed", "reason": None, "exit_code": 0})
        files = paths.trial(trial.id)
        files.dir.mkdir(parents=True)
        metrics = journal.Journal(files.metrics)
        for step in range(spec.eval_every, spec.max_train_steps + 1, spec.eval_every):
            metrics.append({"step": step, spec.objective.name: value(trial.params) + 0.1 / step})
        metrics.close()
    events.close()
