"""The search that a study file describes, as a policy: the trials of a sampler, all together or one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.records import searched
from playbook_cli.sampling.bayesian import learned
from playbook_cli.sampling.policy import Policy, Suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.records import TrialRecord
    from playbook_cli.sampling import Sampler
    from playbook_cli.spec.model import StudySpec


class Search(Policy):
    """Plans the missing trials of the study. `follows` is what the journal of an adaptive search does not have yet.

    An adaptive search suggests a trial when one can start, so that the model knows all results until then. Trials that
    are running, waiting for a retry or failed have no result yet, and count as running.
    """

    def __init__(self, spec: StudySpec, sampler: Sampler, follows: Mapping[str, Any] | None = None) -> None:
        self._spec = spec
        self._sampler = sampler
        self.follows = follows

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        search = searched(trials)
        missing = max((self._spec.trials or 0) - len(search), 0)
        if not missing:
            return Suggestion()
        if not self._spec.adaptive:
            return Suggestion(trials=self._sampler.suggest(self._spec.space(), search, missing))
        if not room:
            return Suggestion(unnamed=missing)
        return Suggestion(
            trials=self._sampler.suggest(self._spec.space(), search, 1),
            unnamed=missing - 1,
            known=[trial.id for trial in search if learned(trial)],
        )
