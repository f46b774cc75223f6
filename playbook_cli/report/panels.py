"""Training curves of the trials that matter, in panels that share an axis."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.analysis import outcomes
from playbook_cli.instability.names import NORMS
from playbook_cli.report.thinning import thin
from playbook_cli.report.value import Curves, Line, Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Curve, StudyRecord, TrialRecord
    from playbook_cli.report.value import Split

SHOWN = 10
"""Trials whose curves are shown: the best ones, and the best of every arm."""
_MOST = 16
BARS = 24
"""Of the histogram of gradient norms."""
_METRICS = 24
"""Metrics of which a page has the curves: those that most trials report."""
_POINTS, _LEAST_POINTS = 240_000, 8
"""Values of all curves together on a page, some 1.3 MB, and of each at least."""
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
    trials = shown(study, ranked)
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


def every(study: StudyRecord, first: Sequence[int]) -> Curves:
    """All metrics of all trials, those of the search and the repeats; `first` are the trials to show first."""
    trials = [trial for trial in study.trials if trial.curve is not None and trial.curve.steps.size]
    counts = Counter(name for trial in trials if trial.curve is not None for name in trial.curve.values)
    known = sorted(counts, key=lambda name: (name != study.metric.name, -counts[name]))[:_METRICS]
    limit = max(_LEAST_POINTS, _POINTS // max(1, len(trials) * len(known)))
    lists: dict[tuple[int, ...], int] = {}
    listed, columns = [], []
    for trial in trials:
        assert trial.curve is not None
        steps = trial.curve.steps
        kept = _kept(trial.curve, study.metric.name, limit, [] if trial.best is None else [trial.best.step])
        listed.append((trial.id, lists.setdefault(tuple(steps[kept].tolist()), len(lists))))
        nothing = np.full(len(kept), np.nan)
        columns += [trial.curve.values[name][kept] if name in trial.curve.values else nothing for name in known]
    partners = {at: known.index(mate) for at, name in enumerate(known) if (mate := counterpart(name, known))}
    return Curves(
        metrics=known,
        partners=partners,
        steps=[list(steps) for steps in lists],
        trials=listed,
        values=np.concatenate(columns).astype(np.float32) if columns else np.zeros(0, dtype=np.float32),
        best=first,
    )


def _kept(curve: Curve, metric: str, limit: int, keep: Sequence[int]) -> NDArray[np.intp]:
    """Which points of a curve are drawn: all of a short one."""
    if curve.steps.size <= limit:
        return np.arange(curve.steps.size)
    spread: NDArray[np.intp] = np.linspace(0, curve.steps.size - 1, limit).astype(np.intp)
    kept = thin(curve.steps, np.asarray(curve.values[metric]), limit, keep) if metric in curve.values else spread
    return kept if len(kept) else spread


def counterpart(name: str, columns: Sequence[str]) -> str | None:
    """The training metric that belongs to a validation metric (`train_error` to `val_error`), or None."""
    for held_out, training in _COUNTERPARTS:
        candidate = re.sub(rf"(?<![a-z]){held_out}(?![a-z])", training, name)
        if candidate != name and candidate in columns:
            return candidate
    return None


def shown(study: StudyRecord, ranked: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The best completed trials, and the best of every arm; while there are none, those that measured anything."""
    if not ranked:
        started = [trial for trial in study.trials if trial.best is not None]
        return sorted(started, key=lambda trial: study.metric.loss(trial.best.value) if trial.best else 0.0)[:SHOWN]
    best_of_arms = [trials[:1] for trials in outcomes.by_arm(ranked, study.arms)]
    found = {trial.id: trial for trial in ranked[:SHOWN]} | {trial.id: trial for one in best_of_arms for trial in one}
    return list(found.values())[:_MOST]


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
