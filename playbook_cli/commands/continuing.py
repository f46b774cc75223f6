"""The trials that a Bayesian study starts from, for `run` and `plan`, and warnings from the earlier study."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.sampling.followed import Followed
    from playbook_cli.spec.model import StudySpec
    from playbook_cli.spec.problem import Problem


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What the first suggestion rests on."""

    followed: Followed
    begun: bool
    """Whether the search's journal already records them; later changes of the other study then don't matter."""
    warnings: Sequence[Problem]


def beginning(spec: StudySpec, paths: StudyPaths | None = None) -> Beginning:
    """What a Bayesian search starts from; what its journal records, if it has begun in `paths`.

    StudyError if the study that it continues is missing, unfinished, of another kind, or too small.
    """
    from playbook_cli.advice.exploiting import edges
    from playbook_cli.sampling.bayesian import package
    from playbook_cli.sampling.followed import followed, recorded, store_of

    package()
    known = recorded(paths) if paths else None
    if known is not None:
        return Beginning(followed=known, begun=True, warnings=())
    store = store_of(spec)
    record = store.record()
    found = followed(spec, record, str(store.paths.dir))
    arms = [arm for arm in record.arms if arm.items() <= spec.fixed.items()] or record.arms
    mine = replace(record, arms=arms, trials=[t for t in record.search.trials if dict(t.arm) in map(dict, arms)])
    return Beginning(followed=found, begun=False, warnings=edges(spec, mine, str(store.paths.dir)))


def sentence(spec: StudySpec, found: Followed) -> str:
    """What the search starts from, in words."""
    from playbook_cli.sampling.bayesian import by_process

    infeasible = sum(trial.state == "infeasible" for trial in found.trials)
    feasible = f", {infeasible} of them infeasible" if infeasible else ""
    outside = f"; {found.outside} others are outside this space and not used" if found.outside else ""
    model = (
        "a Gaussian process"
        if by_process(spec.space())
        else "a Parzen estimator (some hyperparameters are conditional)"
    )
    return f"{model} starts from {len(found.trials)} trials of {found.study}{feasible}{outside}"
