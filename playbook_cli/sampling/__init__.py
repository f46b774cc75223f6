"""Which points of the search space a study tries: `suggest(space, history, count)`.

A sampler keeps no state: its suggestions follow from its seed and the existing trials, so that resuming a study needs
only its journal. An `adaptive` sampler also looks at the results of those trials.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from playbook_cli.errors import StudyError
from playbook_cli.spec.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Metric, TrialRecord, Value
    from playbook_cli.spec.samplers import SamplerName
    from playbook_cli.spec.space import Space


class Sampler(Protocol):
    """Proposes trials."""

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        """The next `count` trials after `history`, pending, with consecutive ids."""


def make(
    name: SamplerName,
    seed: int,
    points: Sequence[Mapping[str, Value]] | None = None,
    *,
    metric: Metric | None = None,
    first: Sequence[TrialRecord] = (),
) -> Sampler:
    """The sampler of this name. A `listed` one takes these points.

    A `bayesian` one optimises `metric`, and begins with the results of `first`.

    StudyError for a study whose trials are `listed` without points, such as a learning-rate sweep.
    """
    module, _, attribute = SAMPLERS[name].place.partition(":")
    made: Any = getattr(import_module(f"playbook_cli.sampling.{module}"), attribute)
    if name == "bayesian":
        return made(seed, metric, first)  # type: ignore[no-any-return]
    if name != "listed":
        return made(seed)  # type: ignore[no-any-return]
    if points is None:
        raise StudyError(
            "only the command that made this study can add trials to it",
            hint="run that command again to resume: playbook lr-sweep STUDY.YAML",
        )
    return made(points, seed)  # type: ignore[no-any-return]
