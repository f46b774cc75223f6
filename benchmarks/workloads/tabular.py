"""A network on scikit-learn's diabetes table: 442 patients, ten numbers each, and how far the disease got in a year.

Three of every ten patients are for validation. Inputs and target have mean 0 and standard deviation 1, so that an error
of 1 is that of always predicting the mean.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from playbook_cli.schedules import scheduler
from playbook_cli.workloads import digits

if TYPE_CHECKING:
    from playbook_cli import Trial

DEFAULTS: dict[str, Any] = {
    "hidden_layers": 1,
    "width": 32,
    "dropout": 0.0,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "one_minus_beta1": 0.1,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": None,
}


def train(trial: Trial) -> None:
    """Train once with DEFAULTS, overridden by the trial's hyperparameters."""
    p = {**DEFAULTS, **trial.params}
    inputs, targets, held = load()
    torch.manual_seed(trial.seed)
    batches = torch.Generator().manual_seed(trial.seed)
    sizes = [inputs.shape[1], *[p["width"]] * p["hidden_layers"]]
    hidden = [
        part
        for before, after in pairwise(sizes)
        for part in (nn.Linear(before, after), nn.ReLU(), nn.Dropout(p["dropout"]))
    ]
    model = nn.Sequential(*hidden, nn.Linear(sizes[-1], 1))
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=p["learning_rate"],
        betas=(1.0 - p["one_minus_beta1"], 0.999),
        weight_decay=p["weight_decay"],
        fused=True,
    )
    schedule = scheduler(
        optimizer,
        p["schedule"],
        max_train_steps=trial.max_train_steps,
        warmup_steps=p["warmup_steps"],
        decay_steps=p["decay_steps"],
    )
    x, y = inputs[~held], targets[~held]
    for step in trial.steps(
        model=model, optimizer=optimizer, schedule=schedule, batches=batches, keep=schedule.stable_steps
    ):
        chosen = torch.randint(len(y), (p["batch_size"],), generator=batches)
        loss = mse_loss(model(x[chosen]).squeeze(1), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learning_rate = optimizer.param_groups[0]["lr"]
        schedule.step()
        if trial.should_evaluate(step):
            model.eval()
            with torch.inference_mode():
                error = (model(inputs).squeeze(1) - targets) ** 2
            model.train()
            trial.report(
                step,
                train_loss=error[~held].mean().item(),
                val_rmse=error[held].mean().sqrt().item(),
                learning_rate=learning_rate,
            )


@cache
def load() -> tuple[Tensor, Tensor, Tensor]:
    """Inputs of shape (442, 10), targets of shape (442,), and which rows are for validation."""
    # The files themselves: importing sklearn.datasets takes longer than a trial.
    folder = digits.SCIKIT_LEARN.locate_file("sklearn/datasets/data")
    inputs, targets = (
        torch.from_numpy(np.loadtxt(f"{folder}/diabetes_{part}.csv.gz", dtype=np.float32))
        for part in ("data_raw", "target")
    )
    return (inputs - inputs.mean(0)) / inputs.std(0), (targets - targets.mean()) / targets.std(), _held(len(targets))


def _held(rows: int) -> Tensor:
    return torch.arange(rows) % 10 < 3
