"""A multi-layer perceptron on scikit-learn's 1,797 handwritten digits: a trial takes a second and can fit perfectly.

    python -m playbook_cli.workloads.digits        trains once, by hand, with DEFAULTS

Images are 8 x 8. Of every ten images of a digit, five are for training, three for validation and two for testing, the
same in every trial. Losses are plain cross-entropies, even if training smooths its labels, so that they can be compared
between trials.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from playbook_cli import Trial, current_trial
from playbook_cli.errors import ProtocolError
from playbook_cli.schedules import scheduler

try:
    SCIKIT_LEARN = distribution("scikit-learn")
except PackageNotFoundError:
    raise ProtocolError(
        "the digits come with scikit-learn, which is not installed", hint="pip install 'playbook-cli[demo]'"
    ) from None

DEFAULTS: dict[str, Any] = {
    "hidden_layers": 1,
    "width": 128,
    "dropout": 0.0,
    "batch_size": 64,
    "label_smoothing": 0.0,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 0.0,
    "one_minus_momentum": 0.1,  # of sgd alone
    "one_minus_beta1": 0.1,  # this and the next two: of adam and adamw alone
    "one_minus_beta2": 0.001,
    "epsilon": 1e-8,
    "clip_norm": None,  # gradients are scaled down to this norm; None is never
    "schedule": "constant",
    "warmup_steps": 0,
    "decay_steps": None,  # of linear and warmup-stable-decay alone; None is the schedule's own length
}


def train(trial: Trial) -> None:
    """Train once with DEFAULTS, overridden by the trial's hyperparameters, and report when the trial asks for it."""
    if unknown := trial.params.keys() - DEFAULTS.keys():
        raise ProtocolError(
            f"digits has no hyperparameter named {min(unknown)!r}", hint=f"it has {', '.join(sorted(DEFAULTS))}"
        )
    p = {**DEFAULTS, **trial.params}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    training, validation, test = (Split(split.images.to(device), split.labels.to(device)) for split in load())

    torch.manual_seed(trial.seed)  # initial weights and dropout; `trial.steps` keeps its state, as that of `batches`
    batches = torch.Generator().manual_seed(trial.seed)
    model = build_model(p).to(device)
    optimizer = build_optimizer(p, model)

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
        chosen = torch.randperm(len(training.labels), generator=batches)[: p["batch_size"]]
        logits = model(training.images[chosen])
        loss = cross_entropy(logits, training.labels[chosen], label_smoothing=p["label_smoothing"])
        optimizer.zero_grad()
        loss.backward()
        grad_norm = trial.grad_norm(model.parameters()) if trial.should_evaluate(step) else None
        if p["clip_norm"] is not None:
            nn.utils.clip_grad_norm_(model.parameters(), p["clip_norm"])
        optimizer.step()
        learning_rate = optimizer.param_groups[0]["lr"]
        schedule.step()

        if grad_norm is not None:
            train_loss, train_error = evaluate(model, training)
            val_loss, val_error = evaluate(model, validation)
            _, test_error = evaluate(model, test)
            trial.report(
                step,
                train_loss=train_loss,
                train_error=train_error,
                val_loss=val_loss,
                val_error=val_error,
                test_error=test_error,
                learning_rate=learning_rate,
                grad_norm=grad_norm,
            )


class Split(NamedTuple):
    """Images of shape (n, 64), in [0, 1], and their labels of shape (n,), 0 to 9."""

    images: Tensor
    labels: Tensor


def load() -> tuple[Split, Split, Split]:
    """The training, validation and test images."""
    # The file itself: sklearn.datasets.load_digits reads the same one, but importing it takes most of a second.
    path = SCIKIT_LEARN.locate_file("sklearn/datasets/data/digits.csv.gz")
    table = torch.from_numpy(np.loadtxt(str(path), delimiter=",", dtype=np.float32))
    images, labels = table[:, :64] / 16, table[:, 64].long()
    rank = (one_hot(labels).cumsum(0) * one_hot(labels)).sum(1)  # n for the n-th image of its digit
    fold = rank % 10
    training, validation, test = (
        Split(images[rows], labels[rows]) for rows in (fold >= 5, fold < 3, (fold == 3) | (fold == 4))
    )
    return training, validation, test


def build_model(p: dict[str, Any]) -> nn.Module:
    """Linear, ReLU and dropout for each hidden layer, then ten logits."""
    layers: list[nn.Module] = []
    width = 64
    for _ in range(p["hidden_layers"]):
        layers += [nn.Linear(width, p["width"]), nn.ReLU(), nn.Dropout(p["dropout"])]
        width = p["width"]
    return nn.Sequential(*layers, nn.Linear(width, 10))


def build_optimizer(p: dict[str, Any], model: nn.Module) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, Adam (weight decay as an L2 penalty) or AdamW (decoupled weight decay)."""
    common = {"lr": p["learning_rate"], "weight_decay": p["weight_decay"]}
    if p["optimizer"] == "sgd":
        momentum = 1.0 - p["one_minus_momentum"]
        return torch.optim.SGD(model.parameters(), momentum=momentum, nesterov=momentum > 0, **common)
    betas = (1.0 - p["one_minus_beta1"], 1.0 - p["one_minus_beta2"])
    if p["optimizer"] == "adam":
        return torch.optim.Adam(model.parameters(), betas=betas, eps=p["epsilon"], **common)
    if p["optimizer"] == "adamw":
        return torch.optim.AdamW(model.parameters(), betas=betas, eps=p["epsilon"], **common)
    raise ProtocolError(f"there is no optimizer {p['optimizer']!r}", hint="use one of sgd, adam, adamw")


def evaluate(model: nn.Module, split: Split) -> tuple[float, float]:
    """Mean cross-entropy and error rate, with dropout off."""
    model.eval()
    with torch.inference_mode():
        logits = model(split.images)
        loss = cross_entropy(logits, split.labels).item()
        error = (logits.argmax(1) != split.labels).double().mean().item()
    model.train()
    return loss, error


if __name__ == "__main__":
    train(current_trial(max_train_steps=600, eval_every=20))
