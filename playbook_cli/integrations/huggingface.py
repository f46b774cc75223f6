"""Hugging Face's Trainer, run as a trial:

    trial = current_trial(defaults={"learning_rate": 5e-5}, max_train_steps=500, eval_every=50)
    set_seed(trial.seed)
    trainer = Trainer(
        model=model,
        args=training_arguments(trial, learning_rate=trial.params["learning_rate"]),
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        callbacks=[PlaybookCallback(trial)],
    )
    trainer.train(resume_from_checkpoint=trial.last_checkpoint)

Metrics keep Trainer's names (`eval_loss`, `eval_accuracy`), and a study may leave the `eval_` out, as Trainer's own
`metric_for_best_model` does. Its training loss is `train_loss`.
"""

# ruff: noqa: ARG002 - hooks have the library's signatures
from __future__ import annotations

import math
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainingArguments

from playbook_cli.client import Enough
from playbook_cli.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import TrainerControl, TrainerState

    from playbook_cli.client import Trial

ABOUT_THE_RUN = ("epoch", "runtime", "per_second", "preparation_time", "tokens_seen")
"""How the names end of what Trainer logs beside metrics."""


def training_arguments(trial: Trial, **others: Any) -> TrainingArguments:
    """TrainingArguments with what the study decides filled in: steps, seed, evaluations and where checkpoints go.

    `others` are passed on as they are, and stand above it.
    """
    decided: dict[str, Any] = {
        "max_steps": trial.max_train_steps,
        "seed": trial.seed,
        "eval_strategy": "steps",
        "eval_steps": trial.eval_every,
        "logging_steps": trial.eval_every,
        "save_steps": trial.eval_every,
        "report_to": "none",
    }
    if trial.dir is None:
        decided["save_strategy"] = "no"
    else:
        decided |= {"output_dir": str(trial.dir / "checkpoints"), "disable_tqdm": True}
    return TrainingArguments(**{**decided, **others})


class PlaybookCallback(TrainerCallback):
    """Reports what Trainer logs and evaluates to the trial's study, and evaluates and saves when the study wants it.

    The last checkpoint and the best are kept, as `checkpoints/last.pt` and `best.pt` in the trial's folder, which lead
    to Trainer's `checkpoint-STEP`. A loss or a study's metric that is not finite ends the process, as does training
    that resumes where it had already reached its end.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._training = False
        self._waiting: dict[str, float] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Keep the records up to where Trainer resumes; ProtocolError where its arguments are not the study's."""
        trial = self._trial
        if state.max_steps != trial.max_train_steps:
            raise ProtocolError(
                f"Trainer would train {state.max_steps} steps, and max_train_steps is {trial.max_train_steps}",
                hint="all trials of a study train equally long: args=training_arguments(trial, ...)",
            )
        if self._saves(args) and trial.dir and trial.dir.resolve() not in Path(args.output_dir or "").resolve().parents:
            raise ProtocolError(
                f"Trainer would keep its checkpoints in {args.output_dir}, where other trials would too",
                hint="args=training_arguments(trial, ...), or output_dir=trial.dir / 'checkpoints'",
            )
        args.logging_nan_inf_filter = False  # it shows the mean of earlier losses where a loss is NaN
        trial.resume_at(state.global_step, writes=state.is_world_process_zero)
        self._training = True
        self._keep(args, state)  # what an attempt that died while it saved had no time for
        if state.global_step >= trial.max_train_steps:  # Trainer would make one more step
            print(f"trial ended: step {state.global_step} was its last", file=sys.stderr)
            raise Enough(0)

    def on_step_begin(self, *_: object, **__: object) -> None:
        self._check()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        if self._trial.should_evaluate(state.global_step):
            control.should_log = control.should_evaluate = True
            control.should_save = control.should_save or self._saves(args)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, Any] | None = None,
        **_: object,
    ) -> None:
        if not self._training or not logs or "loss" not in logs:
            return
        self._waiting |= self._metrics({"train_loss" if name == "loss" else name: logs[name] for name in logs})
        if not self._trial.should_evaluate(state.global_step):
            self._report(state.global_step)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: Mapping[str, Any] | None = None,
        **_: object,
    ) -> None:
        if not self._training or not metrics:
            return
        metric = self._trial.metric
        self._waiting |= self._metrics({n if n != f"eval_{metric}" else str(metric): metrics[n] for n in metrics})
        if metric is None or metric in self._waiting:  # or of several data sets, this one's evaluation has it not
            self._report(state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        self._check()
        self._keep(args, state)

    def on_train_end(self, *_: object, **__: object) -> None:
        self._check()
        self._training = False

    def _saves(self, args: TrainingArguments) -> bool:
        return self._trial.dir is not None and args.save_strategy != "no"

    def _metrics(self, values: Mapping[str, Any]) -> dict[str, float]:
        """What is a metric among `values`."""
        metrics = {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and not name.endswith(ABOUT_THE_RUN)
        }
        vital = {name for name in metrics if name.endswith("loss") or name == self._trial.metric}
        # a gradient norm that overflows in half precision is no divergence: the step is skipped
        return {name: value for name, value in metrics.items() if name in vital or math.isfinite(value)}

    def _report(self, step: int) -> None:
        waiting, self._waiting = self._waiting, {}
        self._trial.report(step, **waiting)

    def _check(self) -> None:
        """ProtocolError where whole evaluations, of all data sets, came without the study's metric."""
        if self._waiting:
            raise ProtocolError(
                f"the study's metric is {self._trial.metric}, and Trainer has {', '.join(sorted(self._waiting))}",
                hint="write one of these as metric: {name: ...}, or return it from compute_metrics",
            )

    def _keep(self, args: TrainingArguments, state: TrainerState) -> None:
        """Point to the checkpoint of this step, and delete those that are neither the last nor the best."""
        trial, output = self._trial, Path(args.output_dir or "")
        saved = output / f"checkpoint-{state.global_step}"
        if trial.dir is None or not state.is_world_process_zero or not saved.exists():
            return
        _point(trial.dir / "checkpoints" / "last.pt", saved)
        if trial.best_step == state.global_step:
            _point(trial.dir / "checkpoints" / "best.pt", saved)
        kept = {path and os.path.realpath(path) for path in (trial.last_checkpoint, trial.best_checkpoint)}
        kept.add(state.best_model_checkpoint and os.path.realpath(state.best_model_checkpoint))
        for checkpoint in output.glob("checkpoint-*"):
            if os.path.realpath(checkpoint) not in kept:
                shutil.rmtree(checkpoint)


def _point(link: Path, folder: Path) -> None:
    """Make `link` lead to `folder`, at once; relatively, so that the study can be moved."""
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(folder, link.parent))
    temporary.replace(link)
