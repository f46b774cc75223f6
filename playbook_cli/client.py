"""Inside a training script: the trial's hyperparameters, its steps, its evaluations, its checkpoints.

    from playbook_cli import current_trial

    trial = current_trial(defaults={"learning_rate": 0.1})
    for step in trial.steps(model=model, optimizer=optimizer):
        ...                                                  # one update
        if trial.should_evaluate(step):
            trial.report(step, train_loss=..., val_error=...)

The same script runs by hand: then the defaults are the hyperparameters, evaluations are printed, and no file is
written. Only the standard library is imported, until a checkpoint needs torch.

Several processes may train one model together, each with this loop, for example under torchrun. Process 0 writes, and
only its reports count. All processes end together, when they ask `steps` for the first update after an evaluation.
"""

from __future__ import annotations

import json
import os
import sys

from playbook_cli.errors import JournalError, ProtocolError
from playbook_cli.files import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
    from pathlib import Path
    from typing import Any, NoReturn


TOLD_SECONDS = 1800.0
"""How long a process waits for a message of another, which may be evaluating; as long as torch.distributed waits."""
_PARTS = ("step", "evaluated", "record", "state", "random")
"""Keys of a checkpoint; those of earlier versions lack `evaluated` and `record`."""
ALONE_SECONDS = 5.0
"""How long another process waits before it ends, so that process 0 can end first and record the reason."""


class Infeasible(SystemExit):
    """Ends a trial whose training diverged or cannot run. That is a result of the study, so the process exits with 0.

    It exits with 1 if it can't notify the processes that train with it, so that torchrun ends them.
    """


class Enough(SystemExit):
    """Ends a trial that has measured all that its study asked for; the process exits with 0."""


class Trial:
    """One training run: what to train with, and where its results go. Made by `current_trial`."""

    def __init__(
        self,
        *,
        params: Mapping[str, Any],
        defaults: Mapping[str, Any] | None = None,
        seed: int,
        max_train_steps: int,
        eval_every: int,
        number: int | None = None,
        directory: str | None = None,
        metrics: str | None = None,
        goal_metric: str | None = None,
        goal: str = "minimize",
        target: float | None = None,
        stop_step: int | None = None,
        evaluate_from: int | None = None,
        checkpoints: bool = True,
    ) -> None:
        self.id = number
        """Number of the trial in its study; None outside a study."""
        self.params = self._params = Params(params, defaults or {})
        """Hyperparameters by name; the study's values override the script's defaults."""
        self.seed = seed
        """Training seed of this trial, derived from the study's seed; use it for everything random.

        All processes of a trial have the same seed; `trial.seed + trial.rank` differs in each.
        """
        self.max_train_steps = max_train_steps
        """Length of training, the same for all trials of a study; `steps` ends there."""
        self.eval_every = eval_every
        """Number of steps between evaluations."""
        self.metric = goal_metric
        """Name of the study's metric; None outside a study."""
        self.best_step: int | None = None
        """Step of the best evaluation so far; the earliest one if several are equal."""
        self._directory = directory
        self._metrics = metrics
        self._sign = -1.0 if goal == "maximize" else 1.0
        self._target = target
        self._stop_step = max_train_steps if stop_step is None else min(stop_step, max_train_steps)
        self._evaluate_from = max_train_steps if evaluate_from is None else evaluate_from
        self._checkpoints = checkpoints
        self._journal: journal.QuickJournal | None = None
        self._stateful: dict[str, Any] = {}
        self._save: Callable[[str], object] | None = None
        self._writes = True
        self._begun = False
        self._in_framework = False
        self._together: _Together | None = None
        """The processes that iterate `steps` together with this one; None if there are no others."""
        self._verdict: tuple[bool, str] | None = None
        """Whether the trial is infeasible, and why it ends; kept until all processes can be notified."""
        self._step = 0
        self._recorded: dict[str, Any] | None = None
        """The last record; checkpoints store it, so that one of another trial is recognized."""
        self._saved: int | None = None
        """Step of the last checkpoint that this process has written."""
        self._best: float | None = None

    @property
    def dir(self) -> Path | None:
        """The trial's own folder, for any files of the script; None outside a study."""
        from pathlib import Path

        return None if self._directory is None else Path(self._directory)

    @property
    def rank(self) -> int:
        """Rank of this process among those that train one model together; rank 0 writes. 0 for a single process."""
        return _place()[0]

    @property
    def world_size(self) -> int:
        """Number of processes that train one model together, from torch.distributed or torchrun; 1 without them."""
        return _place()[1]

    @property
    def last_checkpoint(self) -> str | None:
        """Path of the trial's last checkpoint, for a framework to resume from; None if there is none."""
        return self._kept("last")

    @property
    def best_checkpoint(self) -> str | None:
        """Path of the checkpoint of the trial's best evaluation; None if there is none."""
        return self._kept("best")

    def steps(self, *, keep: int | None = None, **stateful: Any) -> Iterator[int]:
        """The numbers of the updates to make: from 1, or from after the last checkpoint, to max_train_steps.

        `stateful` are the objects that training changes, by name: anything with `state_dict` and `load_state_dict`
        (model, optimizer, schedule), or a `torch.Generator`. They are saved at every evaluation, with the random state
        of torch, numpy and Python, and restored when the trial resumes. Without any, a trial always starts from step 0.

        The state after update `keep` is kept as checkpoints/stable.pt. If that is the last update before the learning
        rate decays, a longer study can continue from there.

        If torch.distributed is initialized, all processes restore the same checkpoint, each with its own random state,
        and end together, after an evaluation. Every process must make every step.
        """
        for name, thing in stateful.items():
            if not _has_state(thing):
                raise ProtocolError(
                    f"trial.steps({name}=...) got {type(thing).__name__}, which has no state_dict and load_state_dict",
                    hint="pass the model, the optimizer, the schedule or a torch.Generator",
                )
        self._stateful = stateful
        self._begin()
        self._together = _Together.now()
        if self._together is not None:
            self._restore_together(self._together)
        for step in range(self._step + 1, self._stop_step + 1):
            if self._journal is not None:
                self._journal.settle()
            if keep is not None and step == keep + 1 and stateful:
                self._keep_stable(keep)
            yield step
            if self._together is not None and self.should_evaluate(step):
                self._end_together(self._together, step)
        self._flush()
        if self._stop_step < self.max_train_steps:
            self._leave(f"step {self._stop_step} reached: the study stops this trial here")

    def resume_at(self, step: int, *, save: Callable[[str], object] | None = None, writes: bool = True) -> None:
        """Replaces `steps` when a framework runs the loop: training continues after `step`, which it has restored.

        The records up to `step` are kept; at step 0 those of the last attempt are set aside. `save(path)` writes a
        checkpoint; it is called at every evaluation, and the best and the last checkpoint are kept. `writes` is true in
        one of the processes that train one model together; in the others, reports end the trial in the same cases.
        """
        self._save, self._writes, self._begun, self._in_framework = save, writes, True, True
        self._step, self._best, self.best_step = _whole(step), None, None
        if self._metrics is not None and writes:
            if self._journal is not None:
                self._journal.close()
            self._open(self._metrics, step or None)

    def should_evaluate(self, step: int) -> bool:
        """Whether the study wants an evaluation after this update: every `eval_every` steps, and after the last."""
        if self._journal is not None:
            self._journal.settle()
        return step % self.eval_every == 0 or step >= min(self._evaluate_from, self._stop_step)

    def report(self, step: int, **metrics: float) -> None:  # noqa: PLR0912 (a further call would slow every record)
        """Record an evaluation after `step` updates, and keep the best and the last checkpoint.

        A NaN or an infinity ends the trial as infeasible, and this call does not return. The same happens if the study
        has a target and the trial reaches it. With several processes in `steps`, only the reports of process 0 count,
        and the call returns, since they end together. ProtocolError if steps decrease or exceed max_train_steps, or if
        a metric is not a number.
        """
        values = metrics
        for value in metrics.values():
            if type(value) is not float:
                values = {name: _number(name, value) for name, value in metrics.items()}
                break
        if not values:
            raise ProtocolError(f"trial.report({step}) got no metric", hint="write trial.report(step, val_error=...)")
        if type(step) is not int or step < 0:
            step = _whole(step)
        if step > self.max_train_steps:
            raise ProtocolError(
                f"trial.report got step {step}, beyond max_train_steps = {self.max_train_steps}",
                hint="all trials of a study train for the same number of steps: loop over trial.steps(...)",
            )
        if self._journal is None:
            self._begin()
        if step < self._step:
            raise ProtocolError(
                f"trial.report got step {step} after step {self._step}: steps must not decrease",
                hint="count steps from the start of training, not of an epoch",
            )
        self._step = step
        if self._verdict is not None:
            return
        self._record({"step": step, **values})
        total = sum(values.values())
        if total - total != 0.0 and self._end_where_infinite(step, values):
            return
        if self.metric in values:
            value = values[self.metric]
            if self._target is not None and self._sign * value <= self._sign * self._target:
                self._end(f"{self.metric} is {value:g} at step {step}")
                return
            self._keep_checkpoints(step, value)
        if step >= self._stop_step:
            self._flush()
            if self._stop_step < self.max_train_steps:
                self._end(f"step {step} reached: the study stops this trial here")

    @staticmethod
    def grad_norm(parameters: Iterable[Any]) -> float:
        """The L2 norm of the whole gradient, for `report(step, grad_norm=trial.grad_norm(model.parameters()))`.

        Call it after `backward()`, before gradients are clipped and the optimizer uses them; unscale gradients first if
        mixed precision scaled them. Nothing is changed. 0.0 if no parameter has a gradient.
        """
        import torch

        norms = [
            torch.linalg.vector_norm(p.grad.detach(), dtype=torch.float32) for p in parameters if p.grad is not None
        ]
        if not norms:
            return 0.0
        return float(torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms])))

    def infeasible(self, reason: str) -> NoReturn:
        """End the trial because it cannot be trained with these hyperparameters; the study records the reason.

        Of several processes, process 0 must call it.
        """
        self._begin()
        self._record({"step": self._step, "infeasible": str(reason)})
        self._leave(str(reason), infeasible=True, alone=self.world_size > 1)

    def _end_where_infinite(self, step: int, values: Mapping[str, float]) -> bool:
        """Whether a value is not finite and the other processes have yet to be notified."""
        for name, value in values.items():
            if value - value != 0.0:
                self._end(f"{name} is {value} at step {step}", infeasible=True)
                return True
        return False

    def _end(self, why: str, *, infeasible: bool = False) -> None:
        """End the trial; if other processes iterate `steps` with this one, as soon as all are notified."""
        if self._together is None:
            self._leave(why, infeasible=infeasible, alone=self.world_size > 1 and not self._in_framework)
        self._flush()
        if self._writes:
            self._verdict = (infeasible, why)

    def _leave(self, why: str, *, infeasible: bool = False, alone: bool = False) -> NoReturn:
        """End this process; `alone` if others would wait for it."""
        self._flush()
        if self._writes or alone or self._in_framework:
            print(f"trial {'infeasible' if infeasible else 'ended'}: {why}", file=sys.stderr, flush=True)
        if alone and not self._writes:
            import time

            time.sleep(ALONE_SECONDS)
        raise (Infeasible if infeasible else Enough)(1 if alone else 0)

    def _end_together(self, together: _Together, step: int) -> None:
        """End this process if process 0 has found that the trial ends; otherwise keep what resuming needs."""
        verdict, saved = together.told((self._verdict, self._saved))
        if verdict is not None:
            together.all(None)  # the process that keeps the store leaves when all have read it
            infeasible, why = verdict
            self._leave(why, infeasible=infeasible)
        if saved == step and not self._writes:
            import torch

            path = self._checkpoint(f"rank{self.rank}")
            torch.save({"step": step, "random": _random_state()}, f"{path}.tmp")
            os.replace(f"{path}.tmp", path)

    def _restore_together(self, together: _Together) -> None:
        """Bring the other processes to the step that process 0 has restored."""
        start = together.told(self._step)
        if not self._writes and start:
            self._step = self._restore() or 0
            self._restore_own_random_state(start)
        if others := [rank for rank, step in enumerate(together.all(self._step)) if step != start]:
            raise ProtocolError(
                f"process 0 restored the checkpoint of step {start}, but process {others[0]} could not",
                hint="pass the same arguments to trial.steps(...) in every process, on a file system that all share",
            )

    def _restore_own_random_state(self, step: int) -> None:
        import torch

        path = self._checkpoint(f"rank{self.rank}")
        own: dict[str, Any] = torch.load(path, weights_only=True) if os.path.exists(path) else {}
        if own.get("step") == step:
            _set_random_state(own["random"])
        else:  # the trial was ended between the two writes, or continues from another one's checkpoint
            print(f"process {self.rank} continues with the random state of process 0", file=sys.stderr)

    def _begin(self) -> None:
        """Once, before any record: resume from the last checkpoint, or set the last attempt's records aside."""
        if self._begun:
            return
        self._begun = True
        self._writes = self.rank == 0
        if self._metrics is not None and self._writes:
            self._open(self._metrics, self._restore())

    def _open(self, metrics: str, step: int | None) -> None:
        if step is None:
            journal.set_aside(metrics)
        else:
            known = journal.read(metrics, pass_over_damage=True)  # a framework has restored its own checkpoint by now
            kept = [record for record in known if isinstance(record.get("step"), int) and record["step"] <= step]
            journal.rewrite(metrics, kept)
            self._step = step
            self._recorded = kept[-1] if kept else None
            for record in kept:
                self._is_best(record["step"], record.get(self.metric or ""))
            if self.best_step == step and (self._stateful or self._save):
                _link(self._checkpoint("last"), self._checkpoint("best"))
        self._journal = journal.QuickJournal(metrics)

    def _record(self, record: dict[str, Any]) -> None:
        if not self._writes:
            return
        if self._journal is None:
            shown = "  ".join(f"{name} {value:.6g}" for name, value in record.items() if isinstance(value, float))
            print(f"step {record['step']}/{self.max_train_steps}  {shown}", flush=True)
        else:
            if self._params.unrecorded:
                self._record_defaults()
            self._recorded = record
            self._journal.append(record)

    def _record_defaults(self) -> None:
        """Record for the study which defaults of the script have been read so far."""
        self._params.unrecorded = False
        path = os.path.join(self._directory or ".", "defaults.json")
        try:
            with open(f"{path}.tmp", "w", encoding="utf-8") as file:
                json.dump(self._params.chosen, file, default=str)
            os.replace(f"{path}.tmp", path)
        except (OSError, TypeError, ValueError):  # helpful for the study, but not needed to train
            return

    def _flush(self) -> None:
        if self._journal is not None:
            self._journal.flush()

    def _is_best(self, step: int, value: float | None) -> bool:
        if value is None or (self._best is not None and self._sign * value >= self._sign * self._best):
            return False
        self._best, self.best_step = value, step
        return True

    def _checkpoint(self, name: str) -> str:
        return os.path.join(self._directory or ".", "checkpoints", f"{name}.pt")

    def _kept(self, name: str) -> str | None:
        path = self._checkpoint(name)
        return os.path.realpath(path) if self._directory is not None and os.path.exists(path) else None

    def _keep_checkpoints(self, step: int, value: float) -> None:
        best = self._is_best(step, value)
        if self._directory is None or not self._checkpoints or not (self._stateful or self._save):
            return
        if not self._writes and self._save is None:
            return
        self._flush()  # a checkpoint is never written before the records that it covers
        last = self._checkpoint("last")
        _make_folder_of(last)
        (self._save or self._save_state)(f"{last}.tmp")
        if not self._writes:
            return
        self._saved = step
        os.replace(f"{last}.tmp", last)  # first: resuming fixes a best that lags, but not one that is ahead
        if best:
            _link(last, self._checkpoint("best"))

    def _keep_stable(self, step: int) -> None:
        if self._directory is None or not self._writes or not self._checkpoints:
            return
        path = self._checkpoint("stable")
        _make_folder_of(path)
        self._save_state(f"{path}.tmp", step)
        os.replace(f"{path}.tmp", path)

    def _save_state(self, path: str, step: int | None = None) -> None:
        import torch

        state = {name: _state(thing) for name, thing in self._stateful.items()}
        place = {"step": self._step if step is None else step, "evaluated": self._step, "record": self._recorded}
        try:
            torch.save({**place, "state": state, "random": _random_state()}, path)
        except RuntimeError as error:  # this is how torch reports a full disk, which nobody understands
            import shutil

            free = shutil.disk_usage(os.path.dirname(path)).free / 1e6
            raise OSError(f"can't write the checkpoint {path} ({free:,.1f} MB free): {error}") from error

    def _restore(self) -> int | None:
        if not self._stateful or not os.path.exists(self._checkpoint("last")):
            return None
        checkpoint = _loaded(self._checkpoint("last"))
        if checkpoint is None or checkpoint["state"].keys() != self._stateful.keys():
            return None  # damaged, or written by another version of the script
        step = int(checkpoint["step"])
        evaluated, known = checkpoint.get("evaluated", step), _recorded(self._metrics or "", step)
        if known is None or max((record["step"] for record in known), default=0) != evaluated:
            print(
                "evaluations of the checkpoint are missing from the record: training restarts at step 0",
                file=sys.stderr,
            )
            return None  # for example, the machine died before the end of the file was on disk
        if checkpoint.get("record") is not None and checkpoint["record"] not in known:
            print(
                "the checkpoint does not match the recorded evaluations: training restarts at step 0", file=sys.stderr
            )
            return None  # somebody copied it from another trial
        for name, thing in self._stateful.items():
            _set_state(thing, checkpoint["state"][name])
        _set_random_state(checkpoint["random"])
        return step


class _Together:
    """The processes of torch.distributed, which exchange what they find, all in the same order.

    They use the store in which they met, so that no GPU waits and no thread is busy when a process ends.
    """

    _calls = 0

    def __init__(self, distributed: Any) -> None:
        from datetime import timedelta

        self._rank, self._size = distributed.get_rank(), distributed.get_world_size()
        self._store = distributed.distributed_c10d._get_default_store()  # noqa: SLF001 (nothing public gives it)
        self._patience = timedelta(seconds=TOLD_SECONDS)
        self._late = distributed.DistStoreError

    @classmethod
    def now(cls) -> _Together | None:
        """None if there is only one process, or each trains by itself."""
        distributed = _distributed()
        return None if distributed is None or distributed.get_world_size() == 1 else cls(distributed)

    def told(self, value: Any) -> Any:
        """The `value` of process 0, which must be serializable as JSON."""
        return self._exchanged(value, [0])[0]

    def all(self, value: Any) -> list[Any]:
        """The `value` of every process, by rank."""
        return self._exchanged(value, range(self._size))

    def _exchanged(self, value: Any, ranks: Sequence[int]) -> list[Any]:
        _Together._calls += 1
        keys = {rank: f"playbook/{_Together._calls}/{rank}" for rank in ranks}
        if self._rank in keys:
            self._store.set(keys[self._rank], json.dumps(value))
        others = [rank for rank in ranks if rank != self._rank]
        try:
            if others:
                self._store.wait([keys[rank] for rank in others], self._patience)
        except self._late:
            raise ProtocolError(
                f"process {self._rank} waited {TOLD_SECONDS / 60:g} minutes for the others in trial.steps",
                hint="let every process iterate over trial.steps(...) to its end",
            ) from None
        return [value if rank == self._rank else json.loads(self._store.get(keys[rank])) for rank in ranks]


def _distributed() -> Any:
    """torch.distributed if it is initialized, else None."""
    distributed = sys.modules.get("torch.distributed")
    return distributed if distributed and distributed.is_available() and distributed.is_initialized() else None


def _place() -> tuple[int, int]:
    """Rank and world size of this process; a cluster's own variables don't give them."""
    if distributed := _distributed():
        return distributed.get_rank(), distributed.get_world_size()
    rank, size = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    return (int(rank), int(size)) if rank.isdecimal() and size.isdecimal() else (0, 1)


class Params(dict[str, "Any"]):
    """Hyperparameters by name; those `given` by the study override the script's `defaults`. Errors name missing ones.

    It notes which of the script's own values were read: those are hyperparameters of the trial, too.
    """

    chosen: dict[str, Any]
    """Values that the script has set itself and has read."""
    unrecorded = False
    """Whether some of them have not been recorded for the study."""
    _unread: frozenset[str] = frozenset()

    def __init__(self, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        super().__init__({**defaults, **given})
        self.chosen = {}
        self._unread = frozenset(defaults) - frozenset(given)

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if name in self._unread:
            self._unread -= {name}
            self._choose(name, value)
        return value

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else self._choose(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        if name in self or not default:
            value = self[name]
            del self[name]
            return value
        return self._choose(name, default[0])

    def setdefault(self, name: str, default: Any = None) -> Any:
        if name not in self:
            self[name] = self._choose(name, default)
        return self[name]

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        self._read_all()
        return super().items()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        self._read_all()
        return super().values()

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()  # so that dict(params) and **params read the values one by one

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def __ror__(self, other: Any) -> Any:
        return other | dict(self)

    def _read_all(self) -> None:
        for name in self._unread:
            self[name]

    def _choose(self, name: str, value: Any) -> Any:
        if name not in self.chosen:
            self.chosen[name] = value
            self.unrecorded = True
        return value

    def __missing__(self, name: str) -> NoReturn:
        raise ProtocolError(
            f"this trial has no hyperparameter {name!r}; it has {', '.join(sorted(self)) or 'none'}",
            hint="add it to the study file, or give it a default: current_trial(defaults={...})",
        )


class _NotedTrial(Trial):
    """A trial of `playbook try`: it notes what the script asks for, and writes that down when the process ends."""

    def __init__(self, *, params: Mapping[str, Any], **about: Any) -> None:
        import atexit

        self._asked: dict[str, None] = {}
        super().__init__(params=params, **about)
        self.params = self._params = self._noted = _NotedParams(params, about.get("defaults") or {})
        atexit.register(self._note, os.environ["PLAYBOOK_NOTES"])

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            self._asked[name] = None
        return super().__getattribute__(name)

    def _note(self, path: str) -> None:
        if self.rank == 0 and os.path.isdir(os.path.dirname(path)):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"asked": [*self._asked], "params": [*self._noted.read]}, file)


class _NotedParams(Params):
    """Hyperparameters that note which of them are read."""

    def __init__(self, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.read: dict[str, None] = {}
        super().__init__(given, defaults)

    def __getitem__(self, name: str) -> Any:
        self.read[name] = None
        return super().__getitem__(name)

    def _read_all(self) -> None:
        self.read.update(dict.fromkeys(self))
        super()._read_all()


def current_trial(
    defaults: Mapping[str, Any] | None = None, *, max_train_steps: int = 1000, eval_every: int = 100, seed: int = 0
) -> Trial:
    """The trial that this process was started for, as its environment describes it.

    Outside a study, the script trains with `defaults`, `max_train_steps`, `eval_every` and `seed`. In a study, the
    study's values apply, and `defaults` count only for hyperparameters that it does not name.

    If the study file says `deterministic: true`, torch computes deterministically from here on.
    """
    env = os.environ
    if "PLAYBOOK_TRIAL_ID" not in env:
        return Trial(params={}, defaults=defaults, seed=seed, max_train_steps=max_train_steps, eval_every=eval_every)
    if "PLAYBOOK_DETERMINISTIC" in env:
        _be_deterministic()
    kind = _NotedTrial if "PLAYBOOK_NOTES" in env else Trial
    try:
        with open(env["PLAYBOOK_PARAMS"], encoding="utf-8") as file:
            params = json.load(file)
        return kind(
            params=params,
            defaults=defaults,
            seed=int(env["PLAYBOOK_SEED"]),
            max_train_steps=int(env["PLAYBOOK_MAX_TRAIN_STEPS"]),
            eval_every=int(env["PLAYBOOK_EVAL_EVERY"]),
            number=int(env["PLAYBOOK_TRIAL_ID"]),
            directory=env["PLAYBOOK_TRIAL_DIR"],
            metrics=env["PLAYBOOK_METRICS"],
            goal_metric=env.get("PLAYBOOK_METRIC"),
            goal=env.get("PLAYBOOK_GOAL", "minimize"),
            target=float(env["PLAYBOOK_TARGET"]) if "PLAYBOOK_TARGET" in env else None,
            stop_step=int(env["PLAYBOOK_STOP_STEP"]) if "PLAYBOOK_STOP_STEP" in env else None,
            evaluate_from=int(env["PLAYBOOK_EVALUATE_FROM"]) if "PLAYBOOK_EVALUATE_FROM" in env else None,
            checkpoints=env.get("PLAYBOOK_CHECKPOINTS") != "none",
        )
    except (KeyError, ValueError, OSError) as error:
        raise ProtocolError(
            f"PLAYBOOK_TRIAL_ID is set, but the trial's other variables are missing or invalid: {error!r}",
            hint="unset PLAYBOOK_TRIAL_ID to run the script outside a study",
        ) from error


def _be_deterministic() -> None:
    """Make torch refuse operations that it can't compute deterministically; does nothing without torch."""
    try:
        import torch
    except ImportError:
        return
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False


def _loaded(path: str) -> dict[str, Any] | None:
    """A checkpoint; None if it is damaged, for example because the power failed while it was written."""
    import torch

    try:
        checkpoint = torch.load(path, weights_only=True, map_location="cpu")
        return {name: checkpoint[name] for name in _PARTS if name in checkpoint}
    except Exception as error:  # noqa: BLE001 (damaged bytes may lead an unpickler anywhere)
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        print(f"the checkpoint {path} can't be read ({reason}): training starts from step 0", file=sys.stderr)
        return None


def _make_folder_of(path: str) -> None:
    """Make the folder of checkpoints, but none above it: if the trial's own is unmounted, it may come back there."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.mkdir(folder)


def _recorded(metrics: str, step: int) -> list[dict[str, Any]] | None:
    """The evaluations up to `step`; None if the file is damaged."""
    try:
        return [record for record in journal.read(metrics) if record["step"] <= step]
    except (JournalError, KeyError, TypeError):
        return None


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise ProtocolError(
            f"trial.report({name}=...) got {type(value).__name__}, not a number",
            hint="report one number per metric; a tensor must have exactly one element",
        ) from None


def _whole(step: Any) -> int:
    try:
        whole = int(step)
    except (TypeError, ValueError, OverflowError):
        whole = -1
    if whole < 0 or whole != step or isinstance(step, bool):
        raise ProtocolError(f"step must be a whole number of at least 0, not {step!r}")
    return whole


def _has_state(thing: Any) -> bool:
    return all(hasattr(thing, name) for name in ("state_dict", "load_state_dict")) or _is_generator(thing)


def _is_generator(thing: Any) -> bool:
    return all(hasattr(thing, name) for name in ("get_state", "set_state"))


def _state(thing: Any) -> Any:
    return thing.get_state() if _is_generator(thing) else thing.state_dict()


def _set_state(thing: Any, state: Any) -> None:
    if _is_generator(thing):
        thing.set_state(state)
    else:
        thing.load_state_dict(state)


def _random_state() -> dict[str, Any]:
    """All global random state, in types that torch.load reads with weights_only: tensors, numbers, lists."""
    import random

    import torch

    state: dict[str, Any] = {"python": random.getstate(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    if "numpy" in sys.modules:
        name, keys, *rest = sys.modules["numpy"].random.get_state()
        state["numpy"] = [name, keys.tolist(), *rest]
    return state


def _set_random_state(state: dict[str, Any]) -> None:
    import random

    import torch

    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])
    if "numpy" in state and "numpy" in sys.modules:
        name, keys, *rest = state["numpy"]
        numpy = sys.modules["numpy"]
        numpy.random.set_state((name, numpy.array(keys, dtype=numpy.uint32), *rest))


def _link(source: str, target: str) -> None:
    """Make `target` the same file as `source`, atomically; a copy if the file system has no links."""
    temporary = f"{target}.tmp"
    try:
        if os.path.exists(temporary):
            os.unlink(temporary)
        os.link(source, temporary)
    except OSError:
        import shutil

        shutil.copyfile(source, temporary)
    os.replace(temporary, target)
