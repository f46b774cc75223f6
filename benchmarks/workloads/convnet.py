"""A small convolutional network on scikit-learn's 8 x 8 digits, with or without batch normalization.

The images are split as in `playbook_cli.workloads.digits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from playbook_cli.schedules import scheduler
from playbook_cli.workloads import digits

if TYPE_CHECKING:
    from playbook_cli import Trial

DEFAULTS: dict[str, Any] = {
    "batch_norm": False,
    "channels": 8,
    "dropout": 0.0,
    "batch_size": 32,
    "learning_rate": 0.05,
    "one_minus_momentum": 0.1,
    "weight_decay": 0.0,
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": None,
}


def train(trial: Trial) -> None:
    """Train once with DEFAULTS, overridden by the trial's hyperparameters."""
    p = {**DEFAULTS, **trial.params}
    training, validation, _ = (digits.Split(part.images.view(-1, 1, 8, 8), part.labels) for part in digits.load())
    torch.manual_seed(trial.seed)
    batches = torch.Generator().manual_seed(trial.seed)
    model = nn.Sequential(
        nn.Conv2d(1, p["channels"], 3),
        *([nn.BatchNorm2d(p["channels"])] if p["batch_norm"] else []),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(p["dropout"]),
        nn.Linear(9 * p["channels"], 10),
    )
    momentum = 1.0 - p["one_minus_momentum"]
    optimizer = torch.optim.SGD(
        model.parameters(), lr=p["learning_rate"], momentum=momentum, weight_decay=p["weight_decay"]
    )
    schedule = scheduler(
        optimizer,
        p["schedule"],
        max_train_steps=trial.max_train_steps,
        warmup_steps=p["warmup_steps"],
        decay_steps=p["decay_steps"],
    )
    for step in trial.steps(
        model=model, optimizer=optimizer, schedule=schedule, batches=batches, keep=schedule.stable_steps
    ):
        chosen = torch.randint(len(training.labels), (p["batch_size"],), generator=batches)
        loss = cross_entropy(model(training.images[chosen]), training.labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learning_rate = optimizer.param_groups[0]["lr"]
        schedule.step()
        if trial.should_evaluate(step):
            train_loss, train_error = digits.evaluate(model, training)
            val_loss, val_error = digits.evaluate(model, validation)
            trial.report(
                step,
                train_loss=train_loss,
                train_error=train_error,
                val_loss=val_loss,
                val_error=val_error,
                learning_rate=learning_rate,
            )
