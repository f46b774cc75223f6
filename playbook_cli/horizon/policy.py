"""The trials of one length of a ladder: the best points at several learning rates; seeds may be added later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playbook_cli.errors import StudyError
from playbook_cli.running.probing import Probing
from playbook_cli.sampling import make
from playbook_cli.sampling.policy import Suggestion
from playbook_cli.spec.check_points import FROM
from playbook_cli.storage.store import stored_study

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.files.paths import StudyPaths
    from playbook_cli.records import TrialRecord
    from playbook_cli.spec.model import StudySpec


class Length(Probing):
    """Trains every point of one length to its end. StudyError if the folder holds a ladder of other points."""

    what = "the ladder"
    grows = ("points", "points.", "trials", "scientific", "scientific.", "nuisance", "nuisance.")
    """Keys that depend on the seeds so far and on which of them are branches."""

    def __init__(self, spec: StudySpec, paths: StudyPaths) -> None:
        """`spec` is the study of this length as requested now."""
        self.paths = paths
        self.spec = self._settled(spec)

    def asked(self, trials: Sequence[TrialRecord]) -> StudySpec:
        del trials
        return self.spec

    def suggest(self, trials: Sequence[TrialRecord], room: int) -> Suggestion:
        del room
        spec = self.spec
        missing = (spec.trials or 0) - len(trials)
        sampler = make(spec.sampler, spec.seed, spec.points)
        return Suggestion(spec=spec, trials=sampler.suggest(spec.space(), trials, missing) if missing > 0 else ())

    def _settled(self, spec: StudySpec) -> StudySpec:
        """The study as it continues in its folder: points that have begun keep their checkpoint."""
        there = stored_study(self.paths)
        if there is None or there.points is None or spec.points is None:
            return spec
        before, now = list(there.points), list(spec.points)
        for old, new in zip(before, now, strict=False):
            if _plain(old) != _plain(new):
                raise StudyError(
                    f"the ladder in this folder has other points: {_plain(old)} instead of {_plain(new)}",
                    where=str(self.paths.dir),
                    hint="add --anew to start over; the earlier runs are kept under another name",
                )
        points = [*before, *now[len(before) :]]
        if len(points) == len(now):
            return spec.model_copy(update={"points": points})
        return there  # the folder has more seeds than requested


def _plain(point: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in point.items() if name != FROM}
