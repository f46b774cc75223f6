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

Metrics keep Trainer's names (`eval_loss`, `eval_accuracy`), and a study may omit the `eval_`, as Trainer's own
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
"""Endings of the names of values that Trainer logs but that are not metrics."""


def training_arguments(trial: Trial, **others: Any) -> TrainingArguments:
    """TrainingArguments with the study's settings filled in: steps, seed, evaluations and the checkpoint folder.

    `others` are passed on unchanged, and override the study's settings.
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
    """Reports Trainer's logs and evaluations to the trial's study, and evaluates and saves when the study asks for it.

    The last and the best checkpoint are kept as `checkpoints/last.pt` and `best.pt` in the trial's folder, links to
    Trainer's `checkpoint-STEP`. If a loss or the study's metric is NaN or infinite, the process ends; so does training
    that is resumed after its last step.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._training = False
        self._waiting: dict[str, float] = {}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Keep the records up to the step at which Trainer resumes. ProtocolError if its arguments are wrong."""
        trial = self._trial
        if state.max_steps != trial.max_train_steps:
            raise ProtocolError(
                f"Trainer would train for {state.max_steps} steps, but max_train_steps is {trial.max_train_steps}",
                hint="all trials of a study must train for the same number of steps: "
                "args=training_arguments(trial, ...)",
            )
        if self._saves(args) and trial.dir and trial.dir.resolve() not in Path(args.output_dir or "").resolve().parents:
            raise ProtocolError(
                f"Trainer would save its checkpoints in {args.output_dir}, which all trials share",
                hint="use args=training_arguments(trial, ...), or output_dir=trial.dir / 'checkpoints'",
            )
        args.logging_nan_inf_filter = False  # the filter replaces a NaN loss by the mean of earlier ones
        trial.resume_at(state.global_step, writes=state.is_world_process_zero)
        self._training = True
        self._keep(args, state)  # in case an earlier attempt died while it saved
        if state.global_step >= trial.max_train_steps:  # Trainer would train one more step
            print(f"trial ended: it had already trained its last step, {state.global_step}", file=sys.stderr)
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
        if metric is None or metric in self._waiting:  # with several data sets, an evaluation may lack the metric
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
        """The metrics among `values`."""
        metrics = {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and not name.endswith(ABOUT_THE_RUN)
        }
        vital = {name for name in metrics if name.endswith("loss") or name == self._trial.metric}
        # a gradient norm that overflows in half precision is not divergence, because that step is skipped
        return {name: value for name, value in metrics.items() if name in vital or math.isfinite(value)}

    def _report(self, step: int) -> None:
        waiting, self._waiting = self._waiting, {}
        self._trial.report(step, **waiting)

    def _check(self) -> None:
        """ProtocolError if an evaluation of all data sets lacks the study's metric."""
        if self._waiting:
            raise ProtocolError(
                f"the study's metric is {self._trial.metric}, but Trainer only has {', '.join(sorted(self._waiting))}",
                hint="return it from compute_metrics, or write one of these as metric: {name: ...} in the study file",
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
    """Point `link` to `folder` atomically, with a relative path so that the study can be moved."""
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(folder, link.parent))
    temporary.replace(link)
