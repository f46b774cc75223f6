"""The answer of a probe, in words and as JSON: the one value that every renderer shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.instability import clipping, ladder
from playbook_cli.instability.names import steps_of
from playbook_cli.instability.rise import FEWEST
from playbook_cli.instability.verdict import CONFIRMING, lowest_unstable
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.acts import Command
    from playbook_cli.instability.reading import Reading
    from playbook_cli.instability.runs import Run
    from playbook_cli.instability.setting import Setting

Repair = Literal["warmup", "clipping"]

OTHERS = (
    "Other fixes to try, in the playbook's order: another optimizer, normalization (as the last operation of a "
    "residual branch), and finally a lower learning rate."
)
ADD_NORM = (
    "The script reports no gradient norm, so this result is based on the losses alone and there is no clipping "
    "threshold. To report it, compute it after backward() and before the update: "
    "grad_norm=trial.grad_norm(model.parameters())"
)
ADD_WARMUP = (
    "No warmup was tried: the study has no warmup hyperparameter. Add one to the script, schedule = "
    "playbook_cli.schedules.scheduler(optimizer, 'constant', max_train_steps=trial.max_train_steps, "
    "warmup_steps=trial.params['warmup_steps']), or name yours: --warmup NAME"
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a probe, and everything that is shown of it."""

    setting: Setting
    seen: Reading
    headline: str
    """The answer in one sentence."""
    remarks: Sequence[str]
    """The evidence, and what to do next."""
    next: Command | None
    """The command to run next; None if there is none."""

    @property
    def repair(self) -> Repair | None:
        """What fixes the instability, the first one in the playbook's order."""
        return repair(self.seen)

    @property
    def spent(self) -> int:
        """Total steps trained, as far as the runs recorded them."""
        return sum(run.last_step for run in self.seen.runs)


def repair(seen: Reading) -> Repair | None:
    """What fixes the instability; None if training is stable, or nothing that was tried fixes it."""
    if seen.ladder is not None and seen.ladder.steps is not None:
        return "warmup"
    found = seen.clipping
    if found is not None and found.run is not None and not found.too_often:
        return "clipping" if seen.rise(found.run).course == "stable" else None
    return None


def answer(setting: Setting, seen: Reading, command: Command) -> Answer:
    """Put the measurements into words; `command` is the one that the user ran."""
    words = _Words(setting, seen)
    say = {"stable": words.stable, "undecided": words.undecided}
    headline, remarks = say.get(seen.verdict, words.unstable)()
    if seen.multiples and all(run.norms is None for run in seen.multiples.values()):
        remarks.append(ADD_NORM)
    mends = repair(seen)
    advised = None if mends is None else command.adding(output=f"{setting.study.name}-{mends}.yaml")
    return Answer(setting=setting, seen=seen, headline=headline, remarks=remarks, next=advised)


def as_json(given: Answer) -> dict[str, Any]:
    """The object of `instability --json`."""
    setting, seen = given.setting, given.seen
    found, climbed = seen.clipping, seen.ladder
    return {
        "verdict": seen.verdict,
        "study": setting.study.name,
        "trial": setting.trial.id,
        "parameter": setting.names.learning_rate,
        "learning_rate": setting.rate,
        "verdict_at_best": seen.rise(seen.multiples[1.0]).course if 1.0 in seen.multiples else None,
        "unstable_learning_rate": seen.unstable,
        "steps": setting.steps,
        "loss": seen.loss,
        "early_until": seen.early_until,
        "probes": [_probe_json(run, given) | {"multiple": multiple} for multiple, run in seen.multiples.items()],
        "warmup": None
        if climbed is None
        else {
            "parameter": setting.names.warmup,
            "steps": climbed.steps,
            "peak_multiple": climbed.peak,
            "peak_learning_rate": _peak(given),
            "longest": seen.lengths[0] if seen.lengths else None,
            "ladder": [_probe_json(run, given) for run in seen.rungs],
        },
        "clipping": None
        if found is None
        else {
            "parameter": setting.names.clip,
            "threshold": found.threshold,
            "share_clipped": found.share,
            "too_often": found.too_often,
            "probe": None if found.run is None else _probe_json(found.run, given),
        },
        "repair": given.repair,
        "steps_spent": given.spent,
        "message": given.headline,
        "remarks": list(given.remarks),
        "next": None if given.next is None else str(given.next),
    }


def outcome(run: Run, given: Answer) -> str:
    """The outcome of one run, for a table."""
    if run.trial not in given.seen.rises:
        return run.state
    rise = given.seen.rise(run)
    if rise.course == "undecided":
        return f"inconclusive: {plural(len(run.losses.values), 'evaluation')}"
    if rise.course == "stable":
        return "stable"
    since = f"unstable from step {rise.first} on"
    return f"{since}: {run.reason}" if rise.diverged else f"{since}, at {plural(rise.above, 'evaluation')}"


def _probe_json(run: Run, given: Answer) -> dict[str, Any]:
    rise = given.seen.rise(run)
    norms = None if run.norms is None else clipping.norms(run.norms)
    return {
        "trial": run.trial,
        "learning_rate": run.point.learning_rate,
        "warmup": given.setting.warmup if run.point.warmup is None else run.point.warmup,
        "clip": run.point.clip,
        "state": run.state,
        "verdict": rise.course,
        "first_unstable_step": rise.first,
        "rise": rise.rise,
        "tolerance": rise.tolerance,
        "evaluations_above": rise.above,
        "lowest": rise.lowest,
        "last_step": run.last_step,
        "grad_norm": None
        if norms is None
        else {"median": norms.median, "quantile_90": norms.quantile, "largest": norms.largest},
    }


def _peak(given: Answer) -> float | None:
    run = warmed(given.seen)
    return None if run is None else run.point.learning_rate


def warmed(seen: Reading) -> Run | None:
    """The run with the shortest stable warmup; None if none is stable."""
    if seen.ladder is None or seen.ladder.steps is None or seen.ladder.peak is None:
        return None
    stable = [run for run in seen.rungs if seen.rise(run).course == "stable"]
    return min(stable, key=lambda run: run.point.warmup or 0, default=None)


class _Words:
    def __init__(self, setting: Setting, seen: Reading) -> None:
        self._setting = setting
        self._seen = seen
        self._known = {multiple: seen.rise(run) for multiple, run in seen.multiples.items()}

    def stable(self) -> tuple[str, list[str]]:
        setting, seen = self._setting, self._seen
        rise = self._known[2.0]
        best = f"the best learning rate, {setting.rate:.4g}"
        headline = f"stable: {seen.loss} has no sustained rise at {best}, or at twice that"
        remark = (
            f"At twice the best rate it rises by at most {rise.rise:.3g} (limit {rise.tolerance:.3g}). Instability "
            "does not limit the learning rate, so there is nothing for warmup or clipping to fix."
        )
        return headline, [remark]

    def undecided(self) -> tuple[str, list[str]]:
        setting, seen = self._setting, self._seen
        if lowest_unstable(self._known) is not None:
            tried = " or ".join(f"{multiple:g}x" for multiple in CONFIRMING)
            return (
                f"inconclusive: {seen.loss} rises just above the best learning rate, but not at {tried}",
                ["Repeat the probe on another trial (--trial ID) or for more steps (--steps N)."],
            )
        few = [run for run in seen.multiples.values() if len(run.losses.values) < FEWEST]
        if few:
            return (
                f"inconclusive: needs at least {FEWEST} evaluations of {seen.loss}, has {len(few[0].losses.values)}",
                [f"Report {seen.loss} at every step for which trial.should_evaluate(step) is true."],
            )
        return (
            f"inconclusive: {seen.loss} does not decrease within {setting.steps} steps at any learning rate",
            ["Check the training pipeline, or probe for more steps: --steps N."],
        )

    def unstable(self) -> tuple[str, list[str]]:
        seen = self._seen
        lowest = lowest_unstable(self._known) or 1.0
        rise = self._known[lowest]
        which = "the best learning rate" if lowest == 1.0 else "2x the best learning rate"
        when = "early" if seen.verdict == "unstable-early" else "later"
        what = (
            f"{seen.loss} becomes NaN or infinite at step {rise.first}"
            if rise.diverged and not rise.above
            else f"{seen.loss} rises by {rise.rise:.3g} from step {rise.first} on (limit {rise.tolerance:.3g})"
        )
        headline = f"unstable {when}: at {which} ({seen.unstable:.4g}), {what}"
        if (at_best := self._known[1.0].course) != "unstable":
            said = "training is stable" if at_best == "stable" else "the result is inconclusive"
            headline += f"; at the best learning rate itself ({self._setting.rate:.4g}), {said}"
        confirmed = [f"{multiple:g}x" for multiple in CONFIRMING if self._course(multiple) == "unstable"]
        until = f"by step {seen.early_until}, the end of the longest warmup considered (10% of max_train_steps)"
        remarks = [f"Confirmed at {' and '.join(confirmed)}. Early means that the rise begins {until}."]
        remarks += [*self._ladder(), *self._clipping()]
        if repair(seen) is None:
            remarks.append(OTHERS)
        return headline, remarks

    def _course(self, multiple: float) -> str | None:
        return self._known[multiple].course if multiple in self._known else None

    def _ladder(self) -> list[str]:
        setting, seen, found = self._setting, self._seen, self._seen.ladder
        if setting.names.warmup is None:
            return [ADD_WARMUP]
        if found is None:
            return []
        name, most = setting.names.warmup, setting.study.max_train_steps
        if not seen.lengths:
            present = steps_of(setting.base, name)
            return [
                f"No longer warmup was tried: {name} is already {present}, and 10% of max_train_steps is {most // 10}."
            ]
        wanted = setting.at((lowest_unstable(self._known) or 1.0) * ladder.PEAKS[0])
        longest = seen.lengths[0]
        run = warmed(seen)
        if run is None or found.steps is None or found.peak is None:
            tenth = f"with {longest} warmup steps (10% of max_train_steps)"
            return [f"No warmup fixes it: even {tenth}, {seen.unstable:.4g} is unstable."]
        reference = self._known[1.0]
        at, rise = run.point.learning_rate, seen.rise(run)
        said = []
        if found.peak < ladder.PEAKS[0]:
            said.append(
                f"The playbook asks for a warmup that makes 10x that rate ({wanted:.4g}) stable; no warmup of up to "
                f"{longest} steps (10% of max_train_steps) does."
            )
        said.append(
            f"{name}: {found.steps} makes {at:.4g} stable ({found.peak:g}x the unstable rate): {seen.loss} reaches "
            f"{rise.lowest:.4g}, compared with {reference.lowest:.4g} at the best learning rate without it."
        )
        if found.steps > ladder.LONG * most:
            said.append(
                f"This warmup takes more than 5% of max_train_steps ({most}): consider training for even more steps."
            )
        return said

    def _clipping(self) -> list[str]:
        found, name = self._seen.clipping, self._setting.names.clip
        if found is None:
            return []
        at = f"clipping at {found.threshold:g}, the 90th percentile of the gradient norm at the best learning rate"
        cut = "; that is more than half, so lower the learning rate instead" if found.too_often else ""
        share = f"{found.share:.0%} of the updates"
        if found.run is None:
            tried = "" if found.too_often else "; to try it, name the hyperparameter: --clip NAME"
            return [f"Not tried: {at}; it would clip {share} at {self._seen.unstable:.4g}{cut}{tried}."]
        course = self._seen.rise(found.run).course
        said = "inconclusive" if course == "undecided" else "still unstable" if course == "unstable" else course
        return [f"{name}: {at}; with it, training at {self._seen.unstable:.4g} is {said}; {share} are clipped{cut}."]
