"""Trains a small network to read handwritten digits: something to run at once, and to replace by your own training.

python train.py        trains once, by hand, with the defaults below
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits  # pip install scikit-learn
from torch import nn

from playbook_cli import current_trial

# By hand these are the hyperparameters; in a study, those that the study file names are its own.
trial = current_trial(
    defaults={"hidden_layers": 1, "width": 64, "learning_rate": 0.1, "momentum": 0.9, "dropout": 0.0, "batch_size": 64},
    max_train_steps=300,
    eval_every=10,
)
p = trial.params

digits = load_digits()
images = torch.tensor(digits.data, dtype=torch.float32) / 16
labels = torch.tensor(digits.target)
train, val = torch.arange(len(labels)) % 3 != 0, torch.arange(len(labels)) % 3 == 0  # the same split in every trial

torch.manual_seed(trial.seed)  # trials differ in their seeds, so that luck shows as luck
layers: list[nn.Module] = []
inputs = images.shape[1]
for _ in range(p["hidden_layers"]):
    layers += [nn.Linear(inputs, p["width"]), nn.ReLU(), nn.Dropout(p["dropout"])]
    inputs = p["width"]
model = nn.Sequential(*layers, nn.Linear(inputs, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=p["learning_rate"], momentum=p["momentum"])


def evaluate(rows: torch.Tensor) -> tuple[float, float]:
    """Mean loss, and the share of images that are read wrongly."""
    model.eval()
    with torch.inference_mode():
        logits = model(images[rows])
        loss = nn.functional.cross_entropy(logits, labels[rows]).item()
        error = (logits.argmax(1) != labels[rows]).float().mean().item()
    model.train()
    return loss, error


for step in trial.steps(model=model, optimizer=optimizer):  # resumes after an interruption, ends at max_train_steps
    batch = train.nonzero().flatten()[torch.randint(int(train.sum()), (p["batch_size"],))]
    loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

    if trial.should_evaluate(step):
        train_loss, train_error = evaluate(train)
        val_loss, val_error = evaluate(val)
        trial.report(step, train_loss=train_loss, train_error=train_error, val_loss=val_loss, val_error=val_error)
