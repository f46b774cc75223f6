"""A small recurrent network that learns Python's manual, character by character.

The text is that of `playbook_cli.workloads.textlm`. Losses are in nats per character.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from playbook_cli.schedules import scheduler
from playbook_cli.workloads import textlm

if TYPE_CHECKING:
    from playbook_cli import Trial

DEFAULTS: dict[str, Any] = {
    "cell": "lstm",
    "width": 32,
    "context": 16,
    "batch_size": 16,
    "learning_rate": 1e-2,
    "one_minus_beta1": 0.1,
    "clip_norm": 1.0,
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": None,
}
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM}
EVALUATED = 128
"""Rows of `context` characters in an evaluation of the training or the validation text."""


def train(trial: Trial) -> None:
    """Train once with DEFAULTS, overridden by the trial's hyperparameters."""
    p = {**DEFAULTS, **trial.params}
    training, validation, vocabulary = load()
    seen = [_rows(part, p["context"]) for part in (training, validation)]
    torch.manual_seed(trial.seed)
    batches = torch.Generator().manual_seed(trial.seed)
    model = Recurrent(p, vocabulary)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=p["learning_rate"], betas=(1.0 - p["one_minus_beta1"], 0.99), fused=True
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
        starts = torch.randint(len(training) - p["context"], (p["batch_size"], 1), generator=batches)
        loss = _loss(model, training[starts + torch.arange(p["context"] + 1)])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), p["clip_norm"])
        optimizer.step()
        learning_rate = optimizer.param_groups[0]["lr"]
        schedule.step()
        if trial.should_evaluate(step):
            with torch.inference_mode():
                train_loss, val_loss = (_loss(model, rows).item() for rows in seen)
            trial.report(step, train_loss=train_loss, val_loss=val_loss, learning_rate=learning_rate)


class Recurrent(nn.Module):
    """Embeddings of characters, one recurrent layer, and logits for the next character."""

    def __init__(self, p: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(vocabulary, p["width"])
        self.layer = CELLS[p["cell"]](p["width"], p["width"], batch_first=True)
        self.logits = nn.Linear(p["width"], vocabulary)

    def forward(self, characters: Tensor) -> Tensor:
        """Logits of shape (batch, length, vocabulary) for characters of shape (batch, length)."""
        logits: Tensor = self.logits(self.layer(self.characters(characters))[0])
        return logits


def _loss(model: Recurrent, rows: Tensor) -> Tensor:
    return cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())


def _rows(text: Tensor, context: int) -> Tensor:
    starts = torch.linspace(0, len(text) - context - 1, EVALUATED).long()
    return text[starts[:, None] + torch.arange(context + 1)]


load = cache(textlm.load)
