"""A small causal transformer that learns Python's manual, character by character, and never fits it perfectly.

    python -m playbook_cli.workloads.textlm        trains once, by hand, with DEFAULTS

The text comes with Python (`pydoc_data.topics`; about 370,000 characters without repetitions, slightly different in
every version of Python). Every tenth paragraph is for validation. Losses are in nats per character. It uses a GPU if
there is one.
"""

from __future__ import annotations

from pydoc_data.topics import topics
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from playbook_cli import Trial, current_trial
from playbook_cli.errors import ProtocolError
from playbook_cli.schedules import scheduler

DEFAULTS: dict[str, Any] = {
    "layers": 2,
    "d_model": 64,
    "heads": 4,
    "context": 64,  # the most characters that a prediction sees
    "dropout": 0.0,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "weight_decay": 0.0,
    "beta1": 0.9,
    "beta2": 0.99,
    "clip_norm": None,  # gradients are scaled down to this norm; None is never
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": None,  # of linear and warmup-stable-decay alone; None is the schedule's own length
}
EVALUATED = 8192
"""Number of characters predicted in an evaluation of the training or the validation text; always the same ones."""


def train(trial: Trial) -> None:
    """Train once with DEFAULTS, overridden by the trial's hyperparameters, and report when the trial asks for it."""
    if unknown := trial.params.keys() - DEFAULTS.keys():
        raise ProtocolError(
            f"textlm has no hyperparameter named {min(unknown)!r}", hint=f"it has {', '.join(sorted(DEFAULTS))}"
        )
    p = {**DEFAULTS, **trial.params}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training, validation, vocabulary = load()
    seen_training, seen_validation = (windows(part, p["context"]).to(device) for part in (training, validation))

    torch.manual_seed(trial.seed)  # initial weights and dropout; `trial.steps` keeps its state, as that of `batches`
    batches = torch.Generator().manual_seed(trial.seed)
    model = Transformer(p, vocabulary).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=p["learning_rate"], betas=(p["beta1"], p["beta2"]), weight_decay=p["weight_decay"]
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
        batch = training[starts + torch.arange(p["context"] + 1)].to(device)
        loss = cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        grad_norm = trial.grad_norm(model.parameters()) if trial.should_evaluate(step) else None
        if p["clip_norm"] is not None:
            nn.utils.clip_grad_norm_(model.parameters(), p["clip_norm"])
        optimizer.step()
        learning_rate = optimizer.param_groups[0]["lr"]
        schedule.step()

        if grad_norm is not None:
            train_loss, train_error = evaluate(model, seen_training)
            val_loss, val_error = evaluate(model, seen_validation)
            trial.report(
                step,
                train_loss=train_loss,
                train_error=train_error,
                val_loss=val_loss,
                val_error=val_error,
                learning_rate=learning_rate,
                grad_norm=grad_norm,
            )


class Transformer(nn.Module):
    """Pre-norm blocks between embeddings of characters and positions, and logits for the next character."""

    def __init__(self, p: dict[str, Any], vocabulary: int) -> None:
        super().__init__()
        self.characters = nn.Parameter(0.1 * torch.randn(vocabulary, p["d_model"]))
        self.positions = nn.Parameter(0.1 * torch.randn(p["context"], p["d_model"]))
        self.blocks = nn.Sequential(*(Block(p["d_model"], p["heads"], p["dropout"]) for _ in range(p["layers"])))
        self.norm = nn.LayerNorm(p["d_model"])
        self.logits = nn.Linear(p["d_model"], vocabulary)

    def forward(self, characters: Tensor) -> Tensor:
        """Logits of shape (batch, length, vocabulary) for characters of shape (batch, length)."""
        x = self.characters[characters] + self.positions[: characters.shape[1]]
        logits: Tensor = self.logits(self.norm(self.blocks(x)))
        return logits


class Block(nn.Module):
    """Causal self-attention and a two-layer perceptron, each added to its input, with dropout before the addition."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.queries_keys_values = nn.Linear(d_model, 3 * d_model)
        self.attended = nn.Linear(d_model, d_model)
        self.perceptron = nn.Sequential(
            nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """From and to (batch, length, d_model); a position sees itself and those before it."""
        qkv = self.queries_keys_values(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, length, d_model / heads)
        attended = scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + self.dropout(self.attended(attended.transpose(1, 2).flatten(-2)))
        y: Tensor = x + self.perceptron(self.norm2(x))
        return y


def load() -> tuple[Tensor, Tensor, int]:
    """Training text and validation text, one integer per character, and the size of the vocabulary."""
    paragraphs = "\n\n".join(topics.values()).split("\n\n")
    # Topics quote each other, and the validation text must not be in the training text.
    once = list(dict.fromkeys(paragraphs))
    code = {character: number for number, character in enumerate(sorted(set("\n".join(once))))}
    validation = "\n\n".join(once[::10])
    del once[::10]
    training = "\n\n".join(once)
    numbers = [torch.tensor([code[character] for character in part]) for part in (training, validation)]
    return numbers[0], numbers[1], len(code)


def windows(text: Tensor, context: int) -> Tensor:
    """EVALUATED characters from evenly spaced places in the text, as rows of `context` and the next character."""
    starts = torch.linspace(0, len(text) - context - 1, max(EVALUATED // context, 1)).long()
    return text[starts[:, None] + torch.arange(context + 1)]


def evaluate(model: Transformer, rows: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and error rate of the likeliest character, with dropout off."""
    model.eval()
    with torch.inference_mode():
        logits, following = model(rows[:, :-1]), rows[:, 1:]
        loss = cross_entropy(logits.flatten(0, 1), following.flatten()).item()
        error = (logits.argmax(-1) != following).double().mean().item()
    model.train()
    return loss, error


if __name__ == "__main__":
    train(current_trial(max_train_steps=600, eval_every=30))
