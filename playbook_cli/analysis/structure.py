"""Whether results follow the hyperparameters at all, or scatter as if only the training seed mattered.

A small set of fixed Gaussian processes describes the ranks of the results: one range at a time, all ranges added up, a
bowl of one curvature, and places that are alike where they are near each other. How well they do together is compared
with what they do on results that are shuffled within each arm. So the test holds its level for noise of any shape, and
ranges that do not matter cost little: nothing is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from playbook_cli.analysis import outcomes
from playbook_cli.analysis.attainable import places
from playbook_cli.analysis.shuffled import SHUFFLES
from playbook_cli.analysis.widening import normal_scores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from playbook_cli.records import Metric, Parameter, TrialRecord

    Array = NDArray[np.float64]
    Codes = NDArray[np.int64]

_TRIALS = 80
"""Of more trials so many are taken, evenly: the time grows with the cube of their number."""
_SIGNALS = (0.3, 0.6, 0.8, 0.9, 0.97, 0.995)
"""Share of the variance that is the surface's, each as likely as the others before any result."""
_ONE, _NEAR = 0.3, 0.5
"""Length scale of one range by itself, and of d ranges together, as a part of it over the root of d."""
_APART = 0.5
"""Distance of two choices."""
_FENCE = 1.5
"""Worse results are drawn together so many quartile ranges beyond the upper quartile (Tukey)."""
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True)
class Structure:
    """How clearly results follow the hyperparameters."""

    p_value: float
    """How often shuffled results are described as well; 1 without two different results."""
    noise: float
    """Standard deviation of a result around what the hyperparameters explain, in the metric's units."""


def structure(groups: Sequence[Sequence[TrialRecord]], parameters: Sequence[Parameter], metric: Metric) -> Structure:
    """Of groups of ended trials, as arms have them, over `parameters`."""
    done = [own for group in groups if len(own := outcomes.feasible(group)) > 1]
    trials = [trial for own in done for trial in own]
    nothing = Structure(p_value=1.0, noise=0.0)
    if not trials:
        return nothing
    kept = np.unique(np.linspace(0, len(trials) - 1, min(len(trials), _TRIALS)).round().astype(int))
    arms = np.repeat(np.arange(len(done)), [len(own) for own in done])[kept]
    scores = np.concatenate([normal_scores(outcomes.losses(own, metric)) for own in done])[kept]
    losses = outcomes.losses(trials, metric)[kept]
    if not np.ptp(scores):
        return nothing
    units, codes = places([trials[number] for number in kept], parameters)
    with threadpool_limits(1, "blas"):  # the matrices are small: where cores are busy, threads cost ten times as much
        models = list(_models(units, codes, arms))
        return _structure(models, arms, scores, losses) if models else nothing


def _structure(models: Sequence[_Model], arms: Codes, scores: Array, losses: Array) -> Structure:
    rng = np.random.default_rng(0)
    shuffles = np.column_stack([scores, *(_shuffled(scores, arms, rng) for _ in range(SHUFFLES))])
    evidence = np.logaddexp.reduce([found for model in models for found, _ in model.read(shuffles)], axis=0)
    low, high = np.quantile(losses, [0.25, 0.75])
    fenced = np.minimum(losses, high + _FENCE * (high - low))[:, None]
    read = [both for model in models for both in model.read(fenced)]
    likely, noises = (np.array([one[part][0] for one in read]) for part in (0, 1))
    weights = np.exp(likely - likely.max())
    spread = float(np.exp(weights @ np.log(np.maximum(noises, _TINY**2)) / weights.sum() / 2))
    return Structure(p_value=float((evidence >= evidence[0] - _TINY).mean()), noise=spread)


def _shuffled(scores: Array, arms: Codes, rng: np.random.Generator) -> Array:
    """Within each arm; `arms` are in order."""
    ends = np.flatnonzero(np.diff(arms)) + 1
    return np.concatenate([rng.permutation(part) for part in np.split(scores, ends)])


def _models(units: Array, codes: Codes, arms: Codes) -> Iterator[_Model]:
    """All that tell trials of the same arm apart."""
    lines, squares = units - 0.5, ((units - 0.5) ** 2 - 1 / 12).sum(axis=1)
    apart = [(column[:, None] - column) ** 2 for column in units.T]
    same = [(column[:, None] == column).astype(np.float64) for column in codes.T]
    alone = [np.exp(-0.5 * far / _ONE**2) for far in apart]
    kinds = [[*alone, *same]]
    if alone or same:
        kinds.append([np.sum([*alone, *same], axis=0)])
    if alone:
        # A line in each range, and one square of the distance from any centre; each of variance 1 over the space.
        bowl = 12 * lines @ lines.T + 180 * np.outer(squares, squares)
        near = np.sum([*apart, *(_APART**2 * (1 - one) for one in same)], axis=0)
        kinds += [[np.sum([bowl, *same], axis=0)], [np.exp(-0.5 * near / (_NEAR**2 * units.shape[1]))]]
    of_arm = arms[:, None] == arms
    away = np.eye(arms.size) - of_arm / of_arm.sum(axis=1)
    basis = np.linalg.eigh(away)[1][:, arms.max() + 1 :]
    for kernels in kinds:
        # Surfaces of two arms are half as alike as those of one.
        inner = [basis.T @ (kernel * (1 + of_arm) / 2) @ basis for kernel in kernels]
        kept = [kernel for kernel in inner if np.trace(kernel) > _TINY * arms.size]
        for kernel in kept:
            variances, vectors = np.linalg.eigh(kernel / np.trace(kernel) * len(kernel))
            yield _Model(basis=basis @ vectors, variances=np.maximum(variances, 0.0), share=1 / len(kept))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Model:
    """One process, without the means of the arms."""

    basis: Array
    """In which its results are independent, shape (n, k)."""
    variances: Array
    """Of the surface there, of mean 1, shape (k,)."""
    share: float
    """Of its kind of surface, before any result."""

    def read(self, results: Array) -> Iterator[tuple[Array, Array]]:
        """For each share of the signal: logarithm of the evidence but for a constant, and the variance of the noise.

        `results` and both have a column, or an entry, for each shuffle.
        """
        squares = (self.basis.T @ results) ** 2
        for signal in _SIGNALS:
            expected = signal * self.variances + 1 - signal
            scale = np.maximum((1 / expected) @ squares / expected.size, _TINY**2)
            evidence = -0.5 * (np.log(expected).sum() + expected.size * np.log(scale))
            yield np.log(self.share) + evidence, (1 - signal) * scale
