"""Training curves of the trials that matter, in panels that share an axis."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.instability.names import NORMS
from playbook_cli.report.thinning import thin
from playbook_cli.report.value import Line, Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.records import StudyRecord, TrialRecord
    from playbook_cli.report.value import Split

SHOWN = 10
"""Trials whose curves are shown: the best ones, and the best of every arm."""
_MOST = 16
BARS = 24
"""Of the histogram of gradient norms."""
_COUNTERPARTS = (
    ("validation", "training"),
    ("validation", "train"),
    ("valid", "train"),
    ("val", "train"),
    ("eval", "train"),
    ("test", "train"),
)


def panels(study: StudyRecord, ranked: Sequence[TrialRecord]) -> list[Panel]:
    """The study's metric with its training counterpart; then the loss, where the metric is another one.

    Shown are the best completed trials; while there are none, those that measured anything.
    """
    trials = _shown(study, ranked)
    columns = list(dict.fromkeys(name for trial in trials if trial.curve is not None for name in trial.curve.values))
    if study.metric.name not in columns:
        return []
    names = [study.metric.name]
    if "loss" not in study.metric.name.lower():
        names += [name for name in columns if "loss" in name.lower() and counterpart(name, columns)][:1]
    found = [_panel(name, counterpart(name, columns), trials) for name in names]
    norm = next((name for name in columns if name in NORMS and name not in names), None)
    return [*found, _norms(norm, trials)] if norm is not None else found


def _norms(name: str, trials: Sequence[TrialRecord]) -> Panel:
    """Gradient norms over training, and how often each size came in all of these trials."""
    curves = [np.asarray(t.curve.values[name]) for t in trials if t.curve is not None and name in t.curve.values]
    values = np.concatenate(curves)
    values = values[np.isfinite(values) & (values > 0)]
    bars: list[tuple[float, float, int]] = []
    if len(values) >= BARS and values.min() < values.max():
        edges = np.geomspace(values.min(), values.max(), BARS + 1)
        counts = np.histogram(values, edges)[0]
        bars = [(float(a), float(b), int(n)) for a, b, n in zip(edges, edges[1:], counts, strict=False)]
    return replace(_panel(name, None, trials), histogram=bars)


def counterpart(name: str, columns: Sequence[str]) -> str | None:
    """The training metric that belongs to a validation metric (`train_error` to `val_error`), or None."""
    for held_out, training in _COUNTERPARTS:
        candidate = re.sub(rf"(?<![a-z]){held_out}(?![a-z])", training, name)
        if candidate != name and candidate in columns:
            return candidate
    return None


def _shown(study: StudyRecord, ranked: Sequence[TrialRecord]) -> list[TrialRecord]:
    if not ranked:
        started = [trial for trial in study.trials if trial.best is not None]
        return sorted(started, key=lambda trial: study.metric.loss(trial.best.value) if trial.best else 0.0)[:SHOWN]
    best_of_arms = [trials[:1] for trials in outcomes.by_arm(ranked, study.arms)]
    shown = {trial.id: trial for trial in ranked[:SHOWN]} | {trial.id: trial for one in best_of_arms for trial in one}
    return list(shown.values())[:_MOST]


def _panel(validation: str, training: str | None, trials: Sequence[TrialRecord]) -> Panel:
    lines = []
    for trial in trials:
        splits: tuple[tuple[Split, str | None], ...] = (("validation", validation), ("training", training))
        for split, name in splits:
            if trial.curve is None or name is None or name not in trial.curve.values:
                continue
            steps, values = trial.curve.steps, np.asarray(trial.curve.values[name])
            kept = thin(steps, values, keep=[] if trial.best is None else [trial.best.step])
            if len(kept):
                lines.append(
                    Line(
                        trial=trial.id,
                        split=split,
                        steps=[int(steps[i]) for i in kept],
                        values=[float(values[i]) for i in kept],
                    )
                )
    return Panel(validation=validation, training=training, lines=lines)
