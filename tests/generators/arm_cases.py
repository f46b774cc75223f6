"""Studies that compare arms: the isolation rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playbook_cli.records import Parameter
from tests.generators.cases import Case
from tests.generators.studies import halton, parameters, study, surface, trial

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord
    from tests.generators.cases import Make


def arms(kind: str, gap: float, *, count: int = 2, noise: float = 0.01) -> Make:
    """Arms of n / count trials each, all at the same points; the best possible results of the first is better by `gap`.

    kind: `same` surface; `shifted` optimum; `wider` bowl; `flat`; `own` points and surface (conditional parameters).
    """

    def make(rng: np.random.Generator, n: int, d: int) -> StudyRecord:
        per = n // count
        points, weights, centre = halton(per, d, rng), rng.uniform(0.3, 1.0, d), rng.uniform(0.3, 0.7, d)
        labels = [{"arm": f"a{number}"} for number in range(count)]
        trials = []
        for number, arm in enumerate(labels):
            own_points, own_weights, own_centre = points, weights, centre
            if kind == "shifted" and number:
                own_centre = np.clip(centre + 0.2 * rng.choice([-1, 1], d), 0.1, 0.9)
            if kind == "wider" and number:
                own_weights = 0.3 * weights
            if kind == "own" and number:
                own_points, own_centre = rng.random((per, d)), rng.uniform(0.3, 0.7, d)
            losses = surface(own_centre, own_weights * (kind != "flat"))(own_points)
            losses = losses + gap * (number > 0) + noise * rng.normal(size=per)
            for point, loss in zip(own_points, losses, strict=True):
                params = {p.name: p.from_unit(float(u)) for p, u in zip(parameters(d), point, strict=True)} | arm
                trials.append(trial(len(trials), params, float(loss), arm=arm))
        choice = Parameter(
            name="arm", label="arm", role="scientific", kind="choice", choices=tuple(a["arm"] for a in labels)
        )
        return study(trials, [choice, *parameters(d)], arms=labels)

    return make


def _isolation() -> list[Case]:
    rule, speaks = "isolation", ("better",)
    sizes = ((24, 1), (24, 2), (48, 2), (48, 4), (96, 4))
    yes = {
        "same surface, lower by 10%": arms("same", 0.1),
        "flat, lower by 10%": arms("flat", 0.1),
        "wider bowl, lower by 10%": arms("wider", 0.1),
        "optimum elsewhere, lower by 30%": arms("shifted", 0.3),
        "other parameters, lower by 30%": arms("own", 0.3),
        "three arms, lower by 10%": arms("same", 0.1, count=3),
    }
    no = {
        "same surface": arms("same", 0.0),
        "flat": arms("flat", 0.0),
        "wider bowl": arms("wider", 0.0),
        "optimum elsewhere": arms("shifted", 0.0),
        "other parameters": arms("own", 0.0),
        "three arms": arms("same", 0.0, count=3),
        "same surface, noise x 3": arms("same", 0.0, noise=0.03),
    }
    return [Case(rule=rule, name=k, should=True, speaks=speaks, make=v, sizes=sizes) for k, v in yes.items()] + [
        Case(rule=rule, name=k, should=False, speaks=speaks, make=v, sizes=sizes) for k, v in no.items()
    ]


ARM_CASES = _isolation()
