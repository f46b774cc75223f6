"""What `repeat --until-decided` answers: which point to take, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from playbook_cli.analysis.contrast import LEVEL
from playbook_cli.deciding.judge import LEAST_CHANCE, MOST_SEEDS, contrast
from playbook_cli.wording import number, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.analysis.contrast import Contrast
    from playbook_cli.deciding.judge import Asked, Judged, Point

Standing = Literal["taken", "best", "open", "equal", "worse", "diverged"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A point and where it stands."""

    point: Point
    standing: Standing
    against: Point | None
    """The point that it is set against: the one that is taken, or leads, or showed it to be worse; None for itself."""
    loss: Contrast | None
    """How much better that one is; None while it isn't known."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The verdict, and what it rests on."""

    judged: Judged
    points: Sequence[Point]
    """All that took part, the simplest first."""
    asked: Asked
    metric: str
    why: str
    """By what the first point that is left is simpler than the others; empty where it is alone."""

    @property
    def point(self) -> Point | None:
        """The point to take; None where that isn't decided."""
        return self.judged.best if self.judged.verdict in ("adopt", "equal") else None

    def rows(self) -> list[Row]:
        """All points: first the one to take, then those still in question, then those that lost."""
        judged, best = self.judged, self.judged.best
        standing: Standing = "taken" if self.point is not None else "best"
        rows = [] if best is None else [Row(point=best, standing=standing, against=None, loss=None)]
        for point in judged.left:
            if point is not best:
                loss = None if best is None else contrast(best, point, self.points, self.asked.step)
                tied: Standing = "equal" if judged.verdict == "equal" else "open"
                rows.append(Row(point=point, standing=tied, against=best, loss=loss))
        for point, lost in judged.lost.items():
            out: Standing = "diverged" if lost.to is None else "worse"
            rows.append(Row(point=point, standing=out, against=lost.to, loss=lost.gain))
        return rows

    def message(self) -> str:
        """The verdict as a sentence or two."""
        judged, taken = self.judged, self.point
        if judged.verdict == "adopt" and taken is not None:
            return f"adopt {taken.name}: {self._better(taken)}"
        if judged.verdict == "equal" and taken is not None:
            return f"equal: take {taken.name}, the simplest ({self.why}); {self._alike()}"
        names = _listed([point.name for point in judged.left])
        said = f"budget spent: {plural(judged.seeds, 'repeat')} do not decide between {names}"
        if judged.early:
            rest = self.asked.budget - judged.seeds
            said = (
                f"undecided between {names}: the {plural(rest, 'repeat')} left in the budget would settle it with a "
                f"probability below {LEAST_CHANCE:.0%}, so they were not run"
            )
        if judged.needed is None:
            return f"{said}; even {MOST_SEEDS:,} repeats of each might not settle it"
        return f"{said}; about {judged.needed} more would settle it (--budget {judged.seeds + judged.needed})"

    def _alike(self) -> str:
        """How far apart equal points can be."""
        others, sd = self.judged.left[1:], self.judged.sd
        size = f" ({number(self.asked.bound * sd)} in {self.metric})" if sd else ""
        verb = "differs" if len(others) == 1 else "differ"
        named = _listed([point.name for point in others])
        return f"{named} {verb} by less than {number(self.asked.bound)} standard deviations of seed noise{size}"

    def _better(self, taken: Point) -> str:
        worse = [row for row in self.rows() if row.standing == "worse"]
        diverged = [row.point.name for row in self.rows() if row.standing == "diverged"]
        said = (
            f"{_listed([row.point.name for row in worse])} {'is' if len(worse) == 1 else 'are'} worse" if worse else ""
        )
        gone = f"{_listed(diverged)} diverged on more seeds than {taken.name}" if diverged else ""
        return "; ".join(part for part in (said, gone) if part) or "no other point took part"

    def method(self) -> str:
        """How the intervals are made, for readers who look again and again."""
        return (
            f"Intervals hold at {LEVEL:.0%} over all looks, whenever the repeats were stopped: repeated confidence "
            "intervals by Student's t (Jennison and Turnbull 1989, 1991), the noise pooled over all points."
        )


def _listed(names: Sequence[str]) -> str:
    """`trial 1`, `trials 1 and 2`, `trials 1, 2 and 3`; names that are longer stand whole."""
    short = [name.removeprefix("trial ") for name in names]
    if len(names) > 1 and all(name.isdigit() for name in short):
        return f"trials {', '.join(short[:-1])} and {short[-1]}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
