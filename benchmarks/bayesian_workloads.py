"""Real trainings of scikit-learn on its own data that take milliseconds, for `benchmarks.bayesian`.

A workload is a search space as a study file has it, and a function of one setting: the loss on held-out data, or None
where training diverged. Training seeds are fixed, so that a setting has one value.
"""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.spec.model import StudySpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Params = Mapping[str, Any]

FAR = 20.0
"""A loss so many times that of guessing counts as diverged."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """One search space and what a setting of it comes to."""

    name: str
    nuisance: dict[str, Any]
    loss: Callable[[Params], float | None]

    def spec(self, **changes: Any) -> StudySpec:
        """The study file of a search of it."""
        about = {"name": self.name, "train": "none:none", "metric": {"name": "loss"}, "max_train_steps": 1}
        return StudySpec.model_validate(about | {"nuisance": self.nuisance} | changes)


class Kept:
    """The losses of a workload, each trained once and kept in a file."""

    def __init__(self, workload: Workload, folder: Path) -> None:
        self._workload = workload
        self._path = folder / f"{workload.name}.jsonl"
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        self._known: dict[str, float | None] = dict(map(json.loads, lines))

    def __call__(self, params: Params) -> float | None:
        key = json.dumps(dict(params), sort_keys=True)
        if key not in self._known:
            self._known[key] = self._workload.loss(params)
            with self._path.open("a") as file:
                file.write(json.dumps([key, self._known[key]]) + "\n")
        return self._known[key]

    @property
    def best(self) -> float:
        """The lowest loss of all that were ever trained here."""
        return min(loss for loss in self._known.values() if loss is not None)


def _finite(loss: float, guess: float) -> float | None:
    return float(loss) if math.isfinite(loss) and loss < FAR * guess else None


@cache
def _split(name: str) -> tuple[Any, Any, Any, Any]:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-3)
    kinds = None if name == "diabetes" else y
    return tuple(train_test_split(x, y, test_size=0.4, random_state=0, stratify=kinds))


def _log_loss(name: str, model: Any) -> float | None:
    from sklearn.metrics import log_loss

    x, held_x, y, held_y = _split(name)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            chances = model.fit(x, y).predict_proba(held_x)
        except ValueError:  # weights are no longer finite
            return None
    if not np.isfinite(chances).all():
        return None
    return _finite(log_loss(held_y, chances), math.log(len(model.classes_)))


def _squared_error(model: Any) -> float | None:
    x, held_x, y, held_y = _split("diabetes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = np.mean((model.fit(x, y).predict(held_x) - held_y) ** 2)
    return _finite(float(error / np.var(held_y)), 1.0)


def _digits(p: Params) -> float | None:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        hidden_layer_sizes=(p["width"],),
        solver="sgd",
        learning_rate_init=p["learning_rate"],
        momentum=1 - p["one_minus_momentum"],
        alpha=p["weight_decay"],
        batch_size=64,
        max_iter=10,
        random_state=0,
    )
    return _log_loss("digits", model)


def _linear(p: Params) -> float | None:
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        learning_rate="invscaling",
        eta0=p["eta0"],
        power_t=p["power_t"],
        alpha=p["alpha"],
        l1_ratio=p["l1_ratio"],
        max_iter=10,
        tol=None,
        random_state=0,
    )
    return _log_loss("breast_cancer", model)


def _boosting(p: Params) -> float | None:
    from sklearn.ensemble import GradientBoostingRegressor

    return _squared_error(GradientBoostingRegressor(n_estimators=60, random_state=0, **p))


def _kernel(p: Params) -> float | None:
    from sklearn.svm import SVR

    return _squared_error(SVR(C=p["C"], gamma=p["gamma"], epsilon=p["epsilon"]))


def _optimizers(p: Params) -> float | None:
    from sklearn.neural_network import MLPClassifier

    rates = {"momentum": 1 - p["one_minus_momentum"]} if p["solver"] == "sgd" else {"beta_1": 1 - p["one_minus_beta1"]}
    model = MLPClassifier(
        hidden_layer_sizes=(16,),
        solver=p["solver"],
        learning_rate_init=p["learning_rate"],
        alpha=p["weight_decay"],
        batch_size=32,
        max_iter=20,
        random_state=0,
        **rates,
    )
    return _log_loss("wine", model)


def _log(low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"min": low, "max": high, "scale": "log", **more}


WORKLOADS = (
    Workload(
        name="digits-network",
        nuisance={
            "learning_rate": _log(1e-3, 10.0),
            "one_minus_momentum": _log(0.01, 1.0),
            "weight_decay": _log(1e-6, 1.0),
            "width": _log(8, 64),
        },
        loss=_digits,
    ),
    Workload(
        name="cancer-linear",
        nuisance={
            "eta0": _log(1e-3, 10.0),
            "power_t": {"min": 0.0, "max": 1.0},
            "alpha": _log(1e-6, 1.0),
            "l1_ratio": {"min": 0.0, "max": 1.0},
        },
        loss=_linear,
    ),
    Workload(
        name="diabetes-boosting",
        nuisance={
            "learning_rate": _log(0.01, 1.0),
            "subsample": {"min": 0.3, "max": 1.0},
            "max_depth": {"min": 1, "max": 6},
            "min_samples_leaf": _log(1, 64),
        },
        loss=_boosting,
    ),
    Workload(
        name="diabetes-kernel",
        nuisance={"C": _log(0.1, 1e4), "gamma": _log(1e-4, 1.0), "epsilon": _log(0.1, 100.0)},
        loss=_kernel,
    ),
    Workload(
        name="wine-optimizers",
        nuisance={
            "solver": {"values": ["sgd", "adam"]},
            "learning_rate": _log(1e-4, 1.0),
            "weight_decay": _log(1e-6, 1.0),
            "one_minus_momentum": _log(0.01, 1.0, when={"solver": "sgd"}),
            "one_minus_beta1": _log(0.01, 1.0, when={"solver": "adam"}),
        },
        loss=_optimizers,
    ),
)
