"""The answer of a probe, in words and as JSON: one value that every drawing of it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from playbook_cli.instability import clipping, ladder
from playbook_cli.instability.names import steps_of
from playbook_cli.instability.rise import FEWEST
from playbook_cli.instability.verdict import CONFIRMING, lowest_unstable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playbook_cli.acts import Command
    from playbook_cli.instability.reading import Reading
    from playbook_cli.instability.runs import Run
    from playbook_cli.instability.setting import Setting

Repair = Literal["warmup", "clipping"]

OTHERS = (
    "What is left, in the playbook's order: another optimizer, normalization (as the last operation of a residual "
    "branch), and at last a lower learning rate."
)
ADD_NORM = (
    "The script reports no gradient norm, so the losses alone decide, and no threshold for clipping is known. One line "
    "reports it, after backward() and before the update: grad_norm=trial.grad_norm(model.parameters())"
)
ADD_WARMUP = (
    "No ladder of warm-ups was climbed: the study names no warm-up. Add one to the script, schedule = "
    "playbook_cli.schedules.scheduler(optimizer, 'constant', max_train_steps=trial.max_train_steps, "
    "warmup_steps=trial.params['warmup_steps']), or name yours: --warmup NAME"
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a probe found out, and all that is shown of it."""

    setting: Setting
    seen: Reading
    headline: str
    """The answer in one sentence."""
    remarks: Sequence[str]
    """What it rests on, and what can be done."""
    next: Command | None
    """The command that acts on it."""

    @property
    def repair(self) -> Repair | None:
        """What mends the instability, the first of the playbook's order that does."""
        return repair(self.seen)

    @property
    def spent(self) -> int:
        """Steps that all runs trained, as far as they recorded them."""
        return sum(run.last_step for run in self.seen.runs)


def repair(seen: Reading) -> Repair | None:
    """What mends the instability; None where there is none, or nothing that was tried does."""
    if seen.ladder is not None and seen.ladder.steps is not None:
        return "warmup"
    found = seen.clipping
    if found is not None and found.run is not None and not found.too_often:
        return "clipping" if seen.rise(found.run).course == "stable" else None
    return None


def answer(setting: Setting, seen: Reading, command: Command) -> Answer:
    """Put what was measured into words; `command` is the one that the user gave."""
    words = _Words(setting, seen)
    say = {"stable": words.stable, "undecided": words.undecided}
    headline, remarks = say.get(seen.verdict, words.unstable)()
    if seen.multiples and all(run.norms is None for run in seen.multiples.values()):
        remarks.append(ADD_NORM)
    mends = repair(seen)
    advised = None if mends is None else command.adding(write=f"{setting.study.name}-{mends}.yaml")
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
    """What training did in one run, for a table."""
    if run.trial not in given.seen.rises:
        return run.state
    rise = given.seen.rise(run)
    if rise.course == "undecided":
        return f"undecided: {len(run.losses.values)} evaluations"
    if rise.course == "stable":
        return "stable"
    since = f"unstable from step {rise.first} on"
    return f"{since}: {run.reason}" if rise.diverged else f"{since}, for {rise.above} evaluations"


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
    """The run at the foot of the ladder: the shortest warm-up that is stable; None where none is."""
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
        headline = f"stable: {seen.loss} does not rise for long at {best}, nor at twice that"
        remark = (
            f"It rises by {rise.rise:.3g} at most, of {rise.tolerance:.3g} that are tolerated: instability is not what "
            "holds the learning rate back, and a warm-up or clipping has nothing to mend."
        )
        return headline, [remark]

    def undecided(self) -> tuple[str, list[str]]:
        setting, seen = self._setting, self._seen
        if lowest_unstable(self._known) is not None:
            tried = " nor at ".join(f"{multiple:g}x" for multiple in CONFIRMING)
            return (
                f"undecided: {seen.loss} rises just above the best learning rate, but not at {tried}",
                ["Repeat it on another trial: --trial ID, or for more steps: --steps N."],
            )
        few = [run for run in seen.multiples.values() if len(run.losses.values) < FEWEST]
        if few:
            return (
                f"undecided: {len(few[0].losses.values)} evaluations of {seen.loss} are too few",
                [f"It takes {FEWEST}: report it at every step for which trial.should_evaluate(step) is true."],
            )
        return (
            f"undecided: in {setting.steps} steps {seen.loss} does not fall at any learning rate",
            ["Look at the training pipeline, or probe for more steps: --steps N."],
        )

    def unstable(self) -> tuple[str, list[str]]:
        seen = self._seen
        lowest = lowest_unstable(self._known) or 1.0
        rise = self._known[lowest]
        which = "the best learning rate itself" if lowest == 1.0 else "twice the best learning rate"
        when = "early" if seen.verdict == "unstable-early" else "later"
        what = (
            f"{seen.loss} stops being finite at step {rise.first}"
            if rise.diverged and not rise.above
            else f"{seen.loss} rises by {rise.rise:.3g} from step {rise.first} on, of {rise.tolerance:.3g} tolerated"
        )
        headline = f"unstable {when}: at {seen.unstable:.4g}, {which}, {what}"
        if (at_best := self._known[1.0].course) != "unstable":
            headline += f"; at the best one itself, {self._setting.rate:.4g}, training is {at_best}"
        confirmed = [f"{multiple:g}x" for multiple in CONFIRMING if self._course(multiple) == "unstable"]
        said = f"Confirmed at {' and '.join(confirmed)}. Early is what begins by step {seen.early_until}"
        remarks = [f"{said}: a warm-up of a tenth of max_train_steps reaches no further."]
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
                f"No longer warm-up was tried: {name} is {present}, and a tenth of max_train_steps is {most // 10}."
            ]
        wanted = setting.at((lowest_unstable(self._known) or 1.0) * ladder.PEAKS[0])
        longest = seen.lengths[0]
        run = warmed(seen)
        if run is None or found.steps is None or found.peak is None:
            tenth = f"with {longest} steps, a tenth of max_train_steps"
            return [f"No warm-up mends it: {tenth}, even {seen.unstable:.4g} is unstable."]
        reference = self._known[1.0]
        at, rise = run.point.learning_rate, seen.rise(run)
        said = []
        if found.peak < ladder.PEAKS[0]:
            said.append(
                f"The playbook wants a warm-up that makes 10x that rate, {wanted:.4g}, stable: none does of up to "
                f"{longest} steps, a tenth of max_train_steps."
            )
        said.append(
            f"{name}: {found.steps} makes {at:.4g} stable, {found.peak:g}x the unstable rate; {seen.loss} comes down "
            f"to {rise.lowest:.4g}, and to {reference.lowest:.4g} at the best learning rate without it."
        )
        if found.steps > ladder.LONG * most:
            said.append(
                f"It takes more than 5% of max_train_steps, {most}: consider more steps than those it is given."
            )
        return said

    def _clipping(self) -> list[str]:
        found, name = self._seen.clipping, self._setting.names.clip
        if found is None:
            return []
        at = f"clipping at {found.threshold:g}, the 90th percentile of the gradient norm at the best learning rate"
        cut = ": more than half, so cut the learning rate instead" if found.too_often else ""
        share = f"{found.share:.0%} of the updates"
        if found.run is None:
            tried = "" if found.too_often else "; name the hyperparameter to try it: --clip NAME"
            return [f"Not tried: {at}, would clip {share} at {self._seen.unstable:.4g}{cut}{tried}."]
        course = self._seen.rise(found.run).course
        return [f"{name}: {at}, leaves {self._seen.unstable:.4g} {course}; {share} are clipped{cut}."]
