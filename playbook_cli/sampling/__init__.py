"""Which points of the search space a study tries: `suggest(space, history, count)`.

A sampler keeps no state: what it suggests follows from its seed and the trials there are, so that resuming a study
needs nothing but its journal. One that is `adaptive` also looks at what they came to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from playbook_cli.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import Metric, TrialRecord, Value
    from playbook_cli.space import Space


class Sampler(Protocol):
    """Proposes trials."""

    def suggest(self, space: Space, history: Sequence[TrialRecord], count: int) -> list[TrialRecord]:
        """The next `count` trials after `history`, pending, with ids that go on from there."""


def make(
    name: str,
    seed: int,
    points: Sequence[Mapping[str, Value]] | None = None,
    *,
    metric: Metric | None = None,
    first: Sequence[TrialRecord] = (),
) -> Sampler:
    """The sampler of this name: halton, sobol, random, grid, listed, which takes these points, or bayesian.

    A bayesian one betters `metric`, and begins with what `first` came to.

    StudyError for a study whose trials are `listed` without points: those of a learning-rate sweep.
    """
    if points is not None:
        from playbook_cli.sampling.listed import PointsSampler

        return PointsSampler(points, seed)
    if name == "listed":
        raise StudyError(
            "the trials of this study were chosen one by one by the command that made it",
            hint="give that command again to go on with it: playbook lr-sweep STUDY.YAML",
        )
    if name == "bayesian" and metric is not None:
        from playbook_cli.sampling.bayesian import BayesianSampler

        return BayesianSampler(seed, metric, first)
    from playbook_cli.sampling.grid import GridSampler
    from playbook_cli.sampling.sequence import SEQUENCES, SequenceSampler

    if name == "grid":
        return GridSampler(seed)
    return SequenceSampler(SEQUENCES[name], seed)
