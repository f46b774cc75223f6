"""Whether what `playbook horizon` says of textlm comes true at eight times the steps.

    python -m benchmarks.horizon_real runs/textlm-depth [--seeds 5] [--times 8] [--points 9] [--ladder-seeds 1]

Needs the study of configs/textlm.yaml (`playbook run configs/textlm.yaml`), or another of this workload. For the best
point of each arm it trains a ladder of 1/2, 1 and 2 times the steps, predicts the loss at `--times` those of the study
from the law through these lengths, and the best learning rate from their drift. Then it trains that length, on
`--seeds` seeds, at the carried rate, at the predicted one, and at twice and half the carried one, and prints whether
the loss lies in its band, and the regret of both rates against the best of all that were trained there. On two cores
it takes an hour for textlm-depth.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import yaml

from playbook_cli.advice.longer_rates import number
from playbook_cli.analysis import outcomes
from playbook_cli.horizon.judge import Judgement, judge
from playbook_cli.horizon.law import law
from playbook_cli.horizon.reading import runs_of, worth_of
from playbook_cli.horizon.setting import Setting, factors_of, lengths_of
from playbook_cli.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

LADDER = "0.5,1,2"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--times", type=int, default=8)
    parser.add_argument("--points", type=int, default=9, help="the best points of so many arms alone")
    parser.add_argument("--ladder-seeds", type=int, default=1)
    asked = parser.parse_args()
    _playbook("horizon", asked.study, "--lengths", LADDER, "--seeds", asked.ladder_seeds, "--json")
    store = Store(asked.study)
    setting = _setting(store, asked.ladder_seeds)
    judgements = _judged(store, setting)
    steps = asked.times * store.spec.max_train_steps
    points, labels = [], []
    for trial, found in list(zip(setting.trials, judgements, strict=True))[: asked.points]:
        own = number(trial, "learning_rate")
        x = found.surface.rate(found.surface.doublings[-1])
        drifted = found.surface.rate(float(len(bin(asked.times)) - 3))
        factor = 2.0 ** (drifted.value if found.drift.word == "drifts" else x.value)
        for label, multiple in (("carried", 1.0), ("predicted", factor), ("half", 0.5), ("twice", 2.0)):
            points += [{**_varied(setting, trial), "learning_rate": own * multiple}] * asked.seeds
            labels += [(trial.id, label, own * multiple)] * asked.seeds
    losses = _trained(store, setting, points, steps)
    for trial, found in list(zip(setting.trials, judgements, strict=True))[: asked.points]:
        told = law(found.surface, found.scale)
        band = None if told is None else told.level(float(len(bin(asked.times)) - 3))
        by_rate: dict[str, list[float]] = {}
        for (of, label, _), loss in zip(labels, losses, strict=True):
            if of == trial.id and loss is not None:
                by_rate.setdefault(label, []).append(loss)
        means = {label: mean(values) for label, values in by_rate.items()}
        best = min(means.values())
        print(f"trial {trial.id}, {dict(trial.arm)}: drift {found.drift.word}")
        if band is not None:
            low, value, high = (found.scale.loss(y) for y in (band.low, band.value, band.high))
            inside = "in" if low <= best <= high else "NOT in"
            print(f"  loss at {steps} steps: {best:.4f}, {inside} the predicted {value:.4f} ({low:.4f} to {high:.4f})")
        rates = {label: rate for of, label, rate in labels if of == trial.id}
        for label, value in sorted(means.items(), key=lambda pair: pair[1]):
            print(f"  {label:10} rate {rates[label]:.5f}: {value:.4f}, regret {value - best:.4f}")
    return 0


def _setting(store: Store, seeds: int) -> Setting:
    record = store.record()
    ranked = outcomes.ranked(record.search.trials, record.metric)
    arms = list({outcomes.key(trial.arm): trial.arm for trial in ranked}.values())
    return Setting(
        study=store.spec,
        trials=[own[0] for own in outcomes.by_arm(ranked, arms)],
        learning_rate="learning_rate",
        schedule=None,
        lengths=lengths_of(LADDER, store.spec.max_train_steps),
        factors=factors_of(3),
        seeds=seeds,
    )


def _judged(store: Store, setting: Setting) -> list[Judgement]:
    points: list[list[Any]] = [[] for _ in setting.trials]
    for steps in setting.lengths:
        trials = Store(store.paths.dir.with_name(setting.spec(steps).name)).record().trials
        for point, runs in zip(points, runs_of(setting, trials[: setting.size], steps), strict=True):
            point.extend(runs)
    worth = worth_of(setting.trials, store.metric)
    return judge(points, steps=store.spec.max_train_steps, worth=worth or 1.0)


def _varied(setting: Setting, trial: Any) -> dict[str, Any]:
    names = [p.name for p in setting.study.parameters() if p.active(trial.params)]
    return {name: trial.params[name] for name in names if name in trial.params}


def _trained(store: Store, setting: Setting, points: Sequence[dict[str, Any]], steps: int) -> list[float | None]:
    """The result of each point in trainings of so many steps."""
    spec = setting.spec(setting.lengths[-1]).model_dump(mode="json", exclude_unset=True, by_alias=True)
    data = {key: value for key, value in spec.items() if key not in ("probe", "points", "trials")}
    rates = [point["learning_rate"] for point in points]
    data["nuisance"]["learning_rate"] = {"min": min(rates) / 2, "max": max(rates) * 2, "scale": "log"}
    data |= {"name": f"{store.spec.name}-x{steps}", "max_train_steps": steps, "points": list(points)}
    data["eval_every"] = steps // 25
    data["seed"] = store.spec.seed + 7
    runs = store.paths.dir.parent
    file = runs / f"{data['name']}.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(data))))
    _playbook("run", file, "--runs", runs, "--json")
    trials = Store(runs / data["name"]).record().trials
    return [store.metric.loss(trial.best.value) if trial.best is not None else None for trial in trials]


def _playbook(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "playbook_cli", *map(str, words)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
