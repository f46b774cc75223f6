"""Studies that compare optimizers: arms with spaces of their own, one of which may end too early."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playbook_cli.records import Parameter
from tests.generators.studies import halton, parameters, study, surface, trial

if TYPE_CHECKING:
    import numpy as np

    from playbook_cli.records import StudyRecord
    from tests.generators.cases import Make

OPTIMIZERS = ("sgd", "adam", "adamw")


def optimizers(*, beyond: float = 0.0, gap: float = 0.0, noise: float = 0.01) -> Make:
    """Three arms of n / 3 trials each, with d ranges of their own and quadratic surfaces, each around its own optimum.

    The optimum of `sgd` in its first range lies `beyond` of the range above its end, where that is not 0; `adam` is
    better by `gap`.
    """

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        space = [Parameter(name="optimizer", label="optimizer", role="scientific", kind="choice", choices=OPTIMIZERS)]
        trials = []
        for number, optimizer in enumerate(OPTIMIZERS):
            when = {"optimizer": (optimizer,)}
            own = [replace(p, label=f"{p.name} (optimizer={optimizer})", when=when) for p in parameters(d)]
            space += own
            centre, weights = rng.uniform(0.3, 0.7, d), rng.uniform(0.3, 1.0, d)
            if beyond and not number:
                centre[0] = 1 + beyond
            points = halton(n // len(OPTIMIZERS), d, rng)
            losses = surface(centre, weights)(points) + noise * rng.normal(size=len(points)) - gap * (number == 1)
            arm = {"optimizer": optimizer}
            for point, loss in zip(points, losses, strict=True):
                params = arm | {p.name: p.from_unit(float(u)) for p, u in zip(own, point, strict=True)}
                trials.append(trial(len(trials), params, float(loss), arm=arm))
        return study(trials, space, arms=[{"optimizer": name} for name in OPTIMIZERS])

    return make
