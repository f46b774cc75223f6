"""What can be had on real tables: a classifier that has learned from the other tables of the set.

    python -m benchmarks.learned FOLDER [--studies 120]

FOLDER is that of `benchmarks.tables`. For the boundary it sees what each level of the cut range reaches, by the means
over seeds of the whole cut grid. For arms it sees the same trials as the rule, and knows the noise of the seeds. Each
table is judged by a classifier of the three others. The table says how often it finds a gain, or the better arm, where
its level is such that it speaks in 0.03, 0.05 or 0.1 of the silent studies.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import arms, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Drawn = Callable[[Array, tuple[float, float], np.random.Generator], tuple[list[list[float]], list[bool]]]
    """Rows of what is seen of one study, and for each whether it is one to speak of."""

GAINS = {"silent": (-np.inf, 0.25), "1 to 2": (1.0, 2.0), "2 or more": (2.0, np.inf)}
GAPS = {"silent": (0.0, 0.25), "2 to 5": (2.0, 5.0), "5 to 10": (5.0, 10.0), "10 or more": (10.0, np.inf)}
LEVELS = (0.03, 0.05, 0.1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--studies", type=int, default=120, help="of each table, in each band")
    options = parser.parse_args()
    start = time.perf_counter()
    space = json.loads((options.folder / "hpolib_space.json").read_text())
    arrays = np.load(options.folder / "hpolib.npz")
    losses = [np.asarray(arrays[name], dtype=np.float64) for name in arrays]
    for free in (2, 3):
        _show(f"boundary, {free} ranges", losses, GAINS, _cuts(space, free), options.studies)
    for n, free in arms.SIZES:
        _show(f"arms, {n}/{free}", losses, GAPS, _arms(space, n, free), options.studies)
    print(f"\n{time.perf_counter() - start:.0f} s")


def _show(
    title: str, losses: Sequence[Array], bands: dict[str, tuple[float, float]], drawn: Drawn, studies: int
) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    seen: dict[tuple[int, str], list[tuple[list[list[float]], list[bool]]]] = {
        (number, band): [drawn(table, limits, np.random.default_rng([7, number, k])) for k in range(studies)]
        for number, table in enumerate(losses)
        for band, limits in bands.items()
    }
    found: dict[str, list[tuple[float, bool]]] = {band: [] for band in bands}
    for number in range(len(losses)):
        others = [one for (own, _), made in seen.items() if own != number for one in made]
        model = HistGradientBoostingClassifier(max_iter=80, max_depth=3, early_stopping=False)
        model.fit(np.vstack([rows for rows, _ in others]), np.concatenate([truth for _, truth in others]))
        for band in bands:
            for rows, truth in seen[number, band]:
                sure = model.predict_proba(np.array(rows))[:, 1]
                found[band].append((float(sure.max()), truth[int(sure.argmax())]))
    for level in LEVELS:
        limit = np.quantile([sure for sure, _ in found["silent"]], 1 - level)
        shares = {b: np.mean([sure > limit and truth for sure, truth in found[b]]) for b in bands if b != "silent"}
        print(f"{title}, silent {level}: {', '.join(f'{b} {share:.2f}' for b, share in shares.items())}", flush=True)


def _cuts(space: dict[str, list[float]], free: int) -> Drawn:
    def drawn(
        table: Array, band: tuple[float, float], rng: np.random.Generator
    ) -> tuple[list[list[float]], list[bool]]:
        set_ = tables.Tables(losses=[table], values=space, free=tables.FREE["hpolib"])
        cut = tables.cut(set_, rng, free, band)
        means = cut.losses.mean(axis=-1)
        levels = np.moveaxis(means, cut.axis, 0).reshape(means.shape[cut.axis], -1).min(axis=1)
        levels = (levels if cut.side == "lower" else levels[::-1]) - levels.min()
        edge, second, third = (levels / _noise([cut.losses]))[:3]
        row = [
            float(levels.argmin()),
            *map(_eased, (edge, second - edge, third - second, third - 2 * second + edge)),
            _eased((second - edge) / (abs(third - second) + 1)),
            float(cut.side == "upper"),
            *(float(cut.names[cut.axis] == name) for name in tables.FREE["hpolib"]),
            float(levels.size),
        ]
        return [row], [band[0] >= GAINS["1 to 2"][0]]

    return drawn


def _arms(space: dict[str, list[float]], n: int, free: int) -> Drawn:
    def drawn(
        table: Array, band: tuple[float, float], rng: np.random.Generator
    ) -> tuple[list[list[float]], list[bool]]:
        pair = next(p for p in arms.pairs([table], space, free, rng) if band[0] <= abs(p.gap) < band[1])
        shape = np.array(pair.losses[0].shape[:-1])
        levels = np.minimum((tables.halton(n // 2, shape.size, rng) * shape).astype(int), shape - 1)
        a, b = (np.array([own[(*row, rng.integers(own.shape[-1]))] for row in levels]) for own in pair.losses)
        noise = _noise(pair.losses)
        differ = band[0] > 0.0
        return [_compared(a, b, noise), _compared(b, a, noise)], [differ and pair.gap > 0, differ and pair.gap < 0]

    return drawn


def _compared(a: Array, b: Array, noise: float) -> list[float]:
    """How far the first arm is ahead: by the best results, and point by point; as it is, and by the logarithm."""
    row: list[float] = []
    for first, second in ((a / noise, b / noise), (np.log(a), np.log(b))):
        ranked, other, ahead = np.sort(first), np.sort(second), second - first
        top = ahead[np.argsort(np.minimum(first, second))[: max(4, first.size // 3)]]
        row += [_eased(other[k] - ranked[k]) for k in (0, 1, 2, 4)]
        row += [_eased(float(np.median(top))), float((top > 0).mean())]
        row += [_eased(float(np.median(ahead))), float((ahead > 0).mean())]
        row += [_eased(ahead[first.argmin()]), _eased(ahead[second.argmin()])]
        row += [_eased(ranked[k] - ranked[0]) - _eased(other[k] - other[0]) for k in (1, 2)]
    return row


def _noise(losses: Sequence[Array]) -> float:
    """Standard deviation between the seeds of the best tenth of the points."""
    squares = []
    for own in losses:
        near = np.argsort(own.mean(axis=-1).ravel())[: max(3, own[..., 0].size // 10)]
        squares.append((own.std(axis=-1, ddof=1).ravel()[near] ** 2).mean())
    return float(np.sqrt(np.mean(squares)))


def _eased(value: float) -> float:
    return float(np.sign(value) * np.log1p(abs(value)))


if __name__ == "__main__":
    main()
