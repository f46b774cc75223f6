"""Long curves as few points, without losing what a reader looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def thin(
    steps: NDArray[np.int64], values: NDArray[np.float64], limit: int = 200, keep: Sequence[int] = ()
) -> NDArray[np.intp]:
    """Indices, ascending and at most `limit` + len(keep), of the points that draw the same curve.

    The first and the last point, the lowest and the highest of each stretch of steps, and those at the steps `keep`
    stay; points that are not finite go.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) <= limit:
        return finite
    stretches = np.array_split(finite, limit // 2 - 1)
    chosen = {int(finite[0]), int(finite[-1])}
    for stretch in stretches:
        chosen.add(int(stretch[np.argmin(values[stretch])]))
        chosen.add(int(stretch[np.argmax(values[stretch])]))
    chosen.update(int(i) for i in finite[np.isin(steps[finite], list(keep))])
    return np.array(sorted(chosen), dtype=np.intp)
