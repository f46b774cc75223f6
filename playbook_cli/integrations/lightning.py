"""Lightning's Trainer, run as a trial, from `lightning` or from `pytorch_lightning`:

    trial = current_trial(defaults={"learning_rate": 0.1}, max_train_steps=500, eval_every=50)
    seed_everything(trial.seed)
    trainer = Trainer(max_steps=trial.max_train_steps, default_root_dir=trial.dir, callbacks=[PlaybookCallback(trial)])
    trainer.fit(module, train_loader, val_loader, ckpt_path=trial.last_checkpoint)

Metrics have the names that the module logs them by.
"""

from __future__ import annotations

import math
import signal
import sys
from typing import TYPE_CHECKING, Any, Self

from playbook_cli.errors import ProtocolError

if TYPE_CHECKING:
    from playbook_cli.client import Trial

NEVER = sys.maxsize


class PlaybookCallback:
    """Validates when the trial's study asks for it, and reports what the module has logged by then.

    It adds the training loss of the last step as `train_loss`, and `learning_rate`, unless the module logs them. If a
    loss or the study's metric is NaN or infinite, the process ends. The last and the best checkpoint are kept as
    `checkpoints/last.pt` and `best.pt` in the trial's folder, so Trainer adds no ModelCheckpoint of its own.
    """

    def __new__(cls, *_: object) -> Self:
        """A callback of the library that the script has imported: `lightning` or `pytorch_lightning`."""
        loaded = [sys.modules[name] for name in ("lightning.pytorch", "pytorch_lightning") if name in sys.modules]
        return object.__new__(type(cls.__name__, (cls, *(library.callbacks.Checkpoint for library in loaded)), {}))

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._step = 0
        self._loss: float | None = None

    @property
    def best_model_path(self) -> str:
        """Path of the best checkpoint, for `trainer.test(ckpt_path="best")`."""
        return self._trial.best_checkpoint or ""

    def on_train_start(self, trainer: Any, _module: Any) -> None:
        """Keep the records up to the step at which Trainer resumes. ProtocolError if it has other max_steps."""
        if trainer.max_steps != self._trial.max_train_steps:
            raise ProtocolError(
                f"Trainer has max_steps = {trainer.max_steps}, but max_train_steps is {self._trial.max_train_steps}",
                hint="all trials of a study must train for the same number of steps: "
                "Trainer(max_steps=trial.max_train_steps, ...)",
            )
        self._step = trainer.global_step
        self._trial.resume_at(self._step, save=trainer.save_checkpoint, writes=trainer.is_global_zero)

    def on_train_batch_end(self, trainer: Any, _module: Any, outputs: Any, _batch: Any, _index: int) -> None:
        """Make validation follow this batch if an evaluation is due.

        Lightning counts batches within each epoch, but the study counts updates over the whole training.
        """
        updates = range(self._step + 1, trainer.global_step + 1)
        due = any(self._trial.should_evaluate(step) for step in updates)
        trainer.val_check_batch = 1 if due else NEVER
        self._step = trainer.global_step
        self._loss = None
        if due and isinstance(outputs, dict) and "loss" in outputs:
            self._loss = float(outputs["loss"]) * trainer.accumulate_grad_batches  # undoes Lightning's division

    def on_validation_end(self, trainer: Any, _module: Any) -> None:
        """Report the evaluation, unless validation ran before, after or without training."""
        if trainer.sanity_checking or trainer.state.fn != "fit":
            return
        metric = self._trial.metric
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if metric is not None and metric not in values:
            raise ProtocolError(
                f"the study's metric is {metric}, but the module only logs {', '.join(sorted(values)) or 'nothing'}",
                hint=f"add self.log({metric!r}, ...) to validation_step, or write one of these as "
                "metric: {name: ...} in the study file",
            )
        if self._loss is not None:
            values.setdefault("train_loss", self._loss)
        if trainer.optimizers:
            values.setdefault("learning_rate", trainer.optimizers[0].param_groups[0]["lr"])
        vital = {name for name in values if "loss" in name or name == metric}
        values = {name: value for name, value in values.items() if name in vital or math.isfinite(value)}
        self._trial.report(self._step, **trainer.strategy.broadcast(values))

    def on_exception(self, _trainer: Any, _module: Any, exception: BaseException) -> None:
        if type(exception).__name__ == "SIGTERMException":  # Lightning would exit as if training were complete
            raise SystemExit(128 + signal.SIGTERM) from exception
