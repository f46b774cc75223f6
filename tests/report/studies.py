"""Studies for the renderers' tests: a realistic one, and the odd ones that every renderer must survive."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from playbook_cli.acts import Next
from playbook_cli.records import (
    Best,
    Curve,
    Finding,
    Metric,
    Parameter,
    StudyRecord,
    TrialRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playbook_cli.records import State

HOSTILE = "</script><script>window.hacked=1</script><!-- \"quoted\" 'n' [bold]x[/bold] \x1b[31m 😀 {{expr}}"

RATE = Parameter(
    name="learning_rate", label="learning_rate", role="nuisance", kind="float", low=1e-3, high=1.0, scale="log"
)
MOMENTUM = Parameter(
    name="one_minus_momentum",
    label="one_minus_momentum",
    role="nuisance",
    kind="float",
    low=1e-2,
    high=1.0,
    scale="log",
)
DROPOUT = Parameter(name="dropout", label="dropout", role="nuisance", kind="float", low=0.0, high=0.5)
WIDTH = Parameter(name="width", label="width", role="nuisance", kind="int", low=32, high=512, scale="log")
LAYERS = Parameter(name="hidden_layers", label="hidden_layers", role="scientific", kind="choice", choices=(1, 2))


def digits(
    count: int = 32,
    *,
    evaluations: int = 30,
    max_train_steps: int = 600,
    parameters: Sequence[Parameter] = (LAYERS, RATE, MOMENTUM, DROPOUT, WIDTH),
    seed: int = 0,
    **changes: Any,
) -> StudyRecord:
    """A study as it comes out of tuning a small network: two arms, divergence above a learning rate of 0.5."""
    random = np.random.default_rng(seed)
    makes_arms = [p for p in parameters if p.role == "scientific" and p.kind == "choice"]
    arms: list[dict[str, Any]] = [{}]
    for parameter in makes_arms:
        arms = [{**arm, parameter.name: choice} for arm in arms for choice in parameter.choices]
    records = []
    for number in range(count):
        arm = arms[number % len(arms)]
        params: dict[str, Any] = dict(arm)
        for parameter in parameters:
            if parameter not in makes_arms and parameter.active(params):
                params[parameter.name] = parameter.from_unit(float(random.random()))
        params["batch_size"] = 64
        records.append(
            _trial(number, params, arm, evaluations=evaluations, max_train_steps=max_train_steps, random=random)
        )
    values: dict[str, Any] = {
        "name": "digits-depth",
        "goal": "Does a second hidden layer lower the validation error once the optimizer is re-tuned?",
        "metric": Metric(name="val_error"),
        "max_train_steps": max_train_steps,
        "eval_every": max(max_train_steps // evaluations, 1),
        "parameters": tuple(parameters),
        "fixed": {"batch_size": 64},
        "arms": arms,
        "planned": count,
        "trials": records,
    }
    return StudyRecord(**{**values, **changes})


def repeated(count: int = 16, *, seeds: int = 5, top: int = 2, **changes: Any) -> StudyRecord:
    """`digits()` whose best trials of each arm were trained again; the last repeat diverged, another one still runs."""
    search = digits(count, **changes)
    random = np.random.default_rng(1)
    done = sorted(
        (t for t in search.trials if t.state == "completed" and t.best is not None),
        key=lambda t: search.metric.loss(t.best.value) if t.best else 0.0,
    )
    best = [trial for arm in search.arms for trial in [t for t in done if t.arm == arm][:top]]
    again: list[TrialRecord] = []
    for trial in best:
        for seed in range(seeds):
            number = count + len(again)
            assert trial.best is not None
            value = trial.best.value + 0.004 + 0.003 * float(random.standard_normal())
            result = Best(trial=number, value=value, step=trial.best.step, params=trial.params)
            again.append(replace(trial, id=number, seed=9000 + seed, repeat_of=trial.id, best=result))
    again[-1] = replace(again[-1], state="infeasible", reason="val_loss is nan at step 40", best=None)
    again.append(replace(again[0], id=count + len(again), seed=9100, state="running"))
    return replace(search, trials=[*search.trials, *again], planned=search.planned + len(again))


def findings() -> list[Finding]:
    """What `advise` might say about `digits()`, one of every severity."""
    return [
        Finding(
            rule="boundary",
            subject="learning_rate",
            severity="warning",
            verdict="upper-edge",
            evidence={"p": 0.0004, "in_zone": 6, "top": 8, "zone": 0.1, "nothing": math.nan},
            message="6 of the best 8 trials lie in the top 10% of the range (p = 0.0004)",
            act=Next(widen=("learning_rate",)),
        ),
        Finding(
            rule="infeasible",
            subject=None,
            severity="info",
            verdict="few",
            evidence={"infeasible": 4, "ended": 32, "threshold": 0.25},
            message="4 of 32 trials are infeasible (13%)",
        ),
        *(
            Finding(
                rule=rule,
                subject=subject,
                severity="ok",
                verdict="no",
                evidence={"share": 0.1},
                message=f"nothing to see for {rule}",
            )
            for rule, subject in (
                ("boundary", "dropout"),
                ("boundary", "width"),
                ("overfitting", "hidden_layers=1"),
                ("overfitting", "hidden_layers=2"),
                ("saturated", None),
            )
        ),
    ]


def bare(state: State, number: int = 0, **changes: Any) -> TrialRecord:
    """A trial that measured nothing."""
    values = {"id": number, "params": {"learning_rate": 0.1, "batch_size": 64}, "arm": {}, "seed": number}
    return TrialRecord(**{**values, "state": state, **changes})  # type: ignore[arg-type]


def _trial(
    number: int,
    params: dict[str, Any],
    arm: dict[str, Any],
    *,
    evaluations: int,
    max_train_steps: int,
    random: np.random.Generator,
) -> TrialRecord:
    rate = float(params.get("learning_rate", 0.1)) / float(params.get("one_minus_momentum", 1.0)) ** 0.5
    miss = math.log10(rate / 0.4)
    diverges = rate > 1.5
    steps = np.unique(np.linspace(max_train_steps / evaluations, max_train_steps, evaluations).astype(np.int64))
    time = steps / max_train_steps
    floor = 0.02 + 0.02 * miss**2 + 0.004 * (params.get("hidden_layers") == 1) + 0.01 * random.random()
    pace = 4 + 14 / (1 + 4 * miss**2)
    error = floor + (0.9 - floor) * np.exp(-pace * time) + 0.004 * random.standard_normal(len(steps)) * np.exp(-time)
    error = np.maximum(np.round(error * 360) / 360, 1 / 360)
    train = np.maximum(0.9 * np.exp(-1.3 * pace * time), 0.0)
    val_loss = 3.2 * error + 0.15 * time**2
    train_loss = 2.3 * np.exp(-1.2 * pace * time) + 0.003
    if diverges:
        cut = max(1, len(steps) // 4)
        steps, error, train, val_loss, train_loss = (x[:cut] for x in (steps, error, train, val_loss, train_loss))
    curve = Curve(
        steps=steps, values={"train_loss": train_loss, "train_error": train, "val_loss": val_loss, "val_error": error}
    )
    at = int(np.argmin(error))
    return TrialRecord(
        id=number,
        params=params,
        arm=arm,
        seed=1000 + number,
        state="infeasible" if diverges else "completed",
        reason="val_loss is nan at step 40" if diverges else None,
        attempts=1,
        curve=curve,
        best=Best(trial=number, value=float(error[at]), step=int(steps[at]), params=params),
        last_step=int(steps[-1]),
    )


def _hostile() -> StudyRecord:
    long = "x" * 200
    parameters = (
        Parameter(name=HOSTILE, label=HOSTILE, role="nuisance", kind="float", low=0.0, high=1.0),
        Parameter(name=long, label=long, role="scientific", kind="choice", choices=(HOSTILE, long, "1", 1, None, True)),
        Parameter(name="__proto__", label="__proto__", role="nuisance", kind="int", low=1, high=9),
        RATE,
    )
    return digits(
        parameters=parameters, name=HOSTILE[:60], goal=f"{HOSTILE} {long}", fixed={HOSTILE: HOSTILE, "batch_size": 64}
    )


def _ties() -> StudyRecord:
    study = digits(12, parameters=(RATE,), metric=Metric(name="val_accuracy", goal="maximize"))
    tied = [
        replace(
            trial, state="completed", curve=None, best=Best(trial=trial.id, value=1.0, step=300, params=trial.params)
        )
        for trial in study.trials
    ]
    return replace(study, trials=tied)


def _without_training_metrics() -> StudyRecord:
    study = digits(8)
    trials = []
    for trial in study.trials:
        assert trial.curve is not None
        alone = {"val_error": trial.curve.values["val_error"]}
        trials.append(replace(trial, curve=Curve(steps=trial.curve.steps, values=alone)))
    return replace(study, trials=trials)


def _different_steps() -> StudyRecord:
    trials = [trial for n in (7, 13, 31) for trial in digits(6, evaluations=n, seed=n).trials]
    numbered = [
        replace(trial, id=number, best=trial.best and replace(trial.best, trial=number))
        for number, trial in enumerate(trials)
    ]
    return digits(18, trials=numbered)


def _running() -> StudyRecord:
    done = digits(12, evaluations=30).trials[:9]
    arm = {"hidden_layers": 1}
    running = [bare("running", 9, arm=arm), bare("running", 10, arm=arm), bare("pending", 11, arm=arm)]
    return digits(12, planned=32, trials=[*done, *running])


def _conditional() -> StudyRecord:
    optimizer = Parameter(
        name="optimizer", label="optimizer", role="scientific", kind="choice", choices=("sgd", "adamw")
    )
    rates = [
        Parameter(
            name="learning_rate",
            label=f"learning_rate (optimizer={name})",
            role="nuisance",
            kind="float",
            low=low,
            high=high,
            scale="log",
            when={"optimizer": (name,)},
        )
        for name, low, high in (("sgd", 1e-2, 1.0), ("adamw", 1e-4, 1e-1))
    ]
    return digits(24, parameters=(optimizer, *rates))


def _continuous_scientific() -> StudyRecord:
    decay = Parameter(
        name="weight_decay", label="weight_decay", role="scientific", kind="float", low=1e-6, high=1e-2, scale="log"
    )
    return digits(24, parameters=(decay, RATE))


ODD: dict[str, Callable[[], StudyRecord]] = {
    "realistic": digits,
    "running": _running,
    "nothing started": lambda: digits(4, trials=[], planned=4),
    "no finished trial": lambda: digits(2, trials=[bare("running", 0), bare("running", 1)], planned=4),
    "one trial": lambda: digits(1),
    "one parameter": lambda: digits(12, parameters=(RATE,)),
    "no parameter": lambda: digits(3, parameters=()),
    "all infeasible": lambda: digits(
        8, parameters=(RATE,), trials=[bare("infeasible", n, reason="val_loss is nan") for n in range(8)]
    ),
    "all failed": lambda: digits(3, parameters=(RATE,), trials=[bare("failed", n, reason="exit 1") for n in range(3)]),
    "ties": _ties,
    "without training metrics": _without_training_metrics,
    "different evaluation steps": _different_steps,
    "conditional": _conditional,
    "continuous scientific": _continuous_scientific,
    "hostile names": _hostile,
    "repeats": repeated,
    "repeats that all diverged": lambda: replace(
        repeated(8, top=1),
        trials=[
            trial if trial.repeat_of is None else replace(trial, state="infeasible", best=None)
            for trial in repeated(8, top=1).trials
        ],
    ),
    "hostile repeats": lambda: repeated(12, parameters=_hostile().parameters, top=1),
    "many trials": lambda: digits(400, evaluations=10),
}
