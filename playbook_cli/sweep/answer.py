"""The answer of a sweep, in words and as JSON: the one value that every renderer shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playbook_cli.sweep.judge import closest
from playbook_cli.sweep.points import steps_of_full_grid
from playbook_cli.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from playbook_cli.acts import Command, Option
    from playbook_cli.records import Value
    from playbook_cli.sweep.judge import Judgement
    from playbook_cli.sweep.points import Point
    from playbook_cli.sweep.policy import SweepResult
    from playbook_cli.sweep.setting import Setting

COMPUTE_BOUND = (
    "If you cannot afford enough steps to fit the training set, training is compute-bound: your budget sets "
    "max_train_steps. Tune in rounds of increasing length, two to begin with: first many short trials, at about 10% of "
    "the length that you can afford, then a few long ones at the best points. Warmup and initialization very likely "
    "transfer from the short round, large gains from architecture probably do, optimizer settings and regularization "
    "may, and the learning-rate schedule probably does not."
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The result of a sweep, and everything that is shown of it."""

    study: str
    parameter: str
    target: str
    steps: int
    """N, the number of training steps of each trial."""
    points: Sequence[Point]
    """In ascending order of the learning rate."""
    judgement: Judgement
    headline: str
    """The answer in one sentence."""
    remarks: Sequence[str]
    """Caveats, and what to do next."""
    next: Command | None
    """The command to run next; None if there is none."""
    fixed: Mapping[str, Value]
    """The hyperparameters that were held fixed, with their values."""
    spent: int
    full: int
    """Steps that the whole grid takes if each learning rate trains for N steps or until it diverges."""
    found_after: int | None
    """Steps spent on the search for N; None if N was given."""

    @property
    def max_train_steps(self) -> int | None:
        """The answer; None if no number can be trusted."""
        best = self.judgement.fastest
        return best.steps_to_fit if best is not None and self.judgement.verdict == "ok" else None


def answer(
    setting: Setting, swept: SweepResult, judgement: Judgement, command: Command, *, found: SweepResult | None
) -> Answer:
    """Put the measurements into words; `command` is the one that the user ran."""
    steps = swept.longest
    shown = _Words(setting, swept.points, judgement, steps)
    say = {"ok": shown.ok, "edge": shown.edge, "never-fits": shown.never_fits}
    headline, remarks, advised = say[judgement.verdict]()
    if judgement.verdict == "ok":
        advised |= {"output": command.arguments[0], "overwrite": True}  # edits the study file
    remarks += [*shown.cut_short(), *_logged(setting, swept)]
    if found is not None and found.steps is not None and judgement.verdict == "never-fits":
        remarks.insert(
            0,
            f"A trial of the search for N reached the target by step {found.steps}, but no trial of the sweep did: "
            "training is not reproducible.",
        )
        advised["find"] = None
    if found is not None and judgement.verdict == "edge":  # N stays valid; the grid that found it cannot grow
        go_on = found.steps is not None and "find" in command.options
        advised |= {"find": None, "steps": steps} if go_on else {"anew": True}
    return Answer(
        study=setting.study.name,
        parameter=setting.sweep.parameter,
        target=str(setting.target),
        steps=steps,
        points=swept.points,
        judgement=judgement,
        headline=headline,
        remarks=remarks,
        next=command.adding(**advised) if advised else None,
        fixed=setting.fixed,
        spent=swept.spent,
        full=steps_of_full_grid(swept.points, steps),
        found_after=None if found is None else found.spent,
    )


def as_json(given: Answer) -> dict[str, Any]:
    """The object of `lr-sweep --json`."""
    fastest = given.judgement.fastest if given.max_train_steps is not None else None
    return {
        "verdict": given.judgement.verdict,
        "max_train_steps": given.max_train_steps,
        "learning_rate": None if fastest is None else fastest.learning_rate,
        "grid": [
            {"learning_rate": point.learning_rate, "steps_to_fit": point.steps_to_fit, "state": point.state}
            for point in given.points
        ],
        "steps_spent": given.spent,
        "steps_of_full_grid": given.full,
    }


def _logged(setting: Setting, swept: SweepResult) -> list[str]:
    """A warning if the script trains with learning rates other than the ones it is given."""
    if not swept.rates:
        return []
    asked, logged = min(swept.rates.items())
    name = setting.sweep.parameter
    return [
        f"The script logs a learning rate of {logged:.4g} when {name} is {asked:.4g}: it scales or overrides {name}."
    ]


def outcome(point: Point, given: Answer) -> str:
    """The outcome of training with one learning rate, for a table."""
    if point.fit is not None:
        best = given.judgement.fastest
        fits = f"fits between steps {point.fit.before} and {point.fit.step}" if point.fit.resolution > 1 else "fits"
        if best is not None and point.fit.step == best.steps_to_fit:
            how = "the fastest" if point is best else "as fast"
            return f"{how}, {fits}" if point.fit.resolution > 1 else how
        return fits
    if point.state == "infeasible":
        return f"diverged: {point.reason}"
    if point.state == "failed":
        return f"crashed: {(point.reason or '').splitlines()[0]}"
    near = "" if point.closest is None else f"; closest {point.closest:.4g}"
    if point.learning_rate in given.judgement.unknown:
        return f"unknown: the program ended on its own at step {point.last_step}{near}"
    if given.judgement.fastest is not None and point.last_step < given.steps:
        best_seen = "" if point.closest is None else f" (best {point.closest:.4g})"
        return f"stopped at step {point.last_step}: cannot win{best_seen}"
    return f"does not fit by step {point.last_step}{near}{_moving(point)}"


class _Words:
    def __init__(self, setting: Setting, points: Sequence[Point], judgement: Judgement, steps: int) -> None:
        self._setting = setting
        self._points = points
        self._judgement = judgement
        self._steps = steps
        self._rates = [point.learning_rate for point in points]

    def ok(self) -> tuple[str, list[str], dict[str, Option]]:
        best = self._judgement.fastest
        assert best is not None
        assert best.fit is not None
        rate, step = best.learning_rate, best.fit.step
        headline = (
            f"max_train_steps = {step}: at learning rate {rate:.4g} training first reaches {self._setting.target}"
        )
        remarks = []
        if best.fit.resolution > 1:
            remarks.append(
                f"The script does not evaluate between steps {best.fit.before} and {step}, so it may reach the target "
                f"up to {plural(best.fit.resolution - 1, 'step')} earlier."
            )
        if self._judgement.tied > 1:
            which = "lower" if self._judgement.tied == 2 else "middle"
            remarks.append(f"{self._judgement.tied} learning rates are equally fast; this is the {which} one.")
        if self._above_diverges():
            remarks.append("The next higher learning rate diverges, so the optimum is not at the edge of the grid.")
        remarks.append(
            "More gradient noise than in this sweep (a smaller batch, augmentation, dropout) needs more steps."
        )
        return headline, remarks, {}

    def edge(self) -> tuple[str, list[str], dict[str, Option]]:
        best, sides = self._judgement.fastest, self._judgement.open
        edge = f"{' and '.join(sides)} edge{'s' * (len(sides) > 1)} of the grid"
        if best is not None:
            headline = (
                f"unknown: the fastest fit, {best.steps_to_fit} steps at learning rate {best.learning_rate:.4g}, is "
                f"at the {edge}; a learning rate beyond it may be faster"
            )
        elif all(point.state != "completed" for point in self._points):
            headline = f"unknown: training diverges at every learning rate down to {self._points[0].learning_rate:.4g}"
        else:
            headline = f"unknown: {self._none_fits()}; that is the {edge}, and a learning rate beyond it may fit"
        remarks = []
        if self._judgement.tied == len(self._points) > 1:
            name = self._setting.sweep.parameter
            remarks.append(f"All learning rates are equally fast: check that the script trains with {name}.")
        return headline, remarks, self._wider()

    def cut_short(self) -> list[str]:
        """A warning if some learning rates did not train for long enough."""
        unknown = self._judgement.unknown
        if not unknown:
            return []
        rates = ", ".join(f"{rate:.4g}" for rate in unknown)
        least = min(point.last_step for point in self._points if point.learning_rate in unknown)
        said = (
            f"At {self._setting.sweep.parameter} = {rates} the program ended on its own, as early as step {least}, so "
            "these may be faster: turn off its early stopping and let it train for max_train_steps."
        )
        return [said]

    def never_fits(self) -> tuple[str, list[str], dict[str, Option]]:
        more: dict[str, Option] = {"steps": 4 * self._steps, "anew": True} if self._steps else {}
        return f"unknown: {self._none_fits()}", [COMPUTE_BOUND], more

    def _none_fits(self) -> str:
        text = f"no learning rate reaches {self._setting.target} within {self._steps} steps"
        near = [point for point in closest(self._points) if point.closest is not None]
        if not near:
            return text
        point = near[0]
        return f"{text}; {point.learning_rate:.4g} comes closest: {point.closest:.4g}{_moving(point)}"

    def _above_diverges(self) -> bool:
        best = self._judgement.fastest
        above = [p for p in self._points if best is not None and p.learning_rate > best.learning_rate]
        return bool(above) and above[0].state == "infeasible"

    def _wider(self) -> dict[str, Option]:
        """Options that move each open edge a decade past the learning rates tried so far."""
        low, high = min(self._rates), max(self._rates)
        options: dict[str, Option] = {}
        if "lower" in self._judgement.open:
            options["min"] = f"{low / 10:.4g}"
        if "upper" in self._judgement.open:
            options["max"] = f"{high * 10:.4g}"
        return options


def _moving(point: Point) -> str:
    """How the training loss was moving at the end."""
    if point.loss is None or point.loss_change is None:
        return ""
    if point.loss_change > 1:
        return f"; {point.loss} more than doubled in the last quarter"
    way = "falling" if point.loss_change < 0 else "rising" if point.loss_change > 0 else "flat"
    amount = f" by {abs(point.loss_change):.2%} in the last quarter" if point.loss_change else ""
    return f"; {point.loss} {way}{amount}"


def described(setting: Setting) -> list[str]:
    """What a sweep turns off, holds fixed and assumes, one line each, for the user to check."""
    lines = []
    if setting.off:
        lines.append(f"turned off: {_pairs(setting.off)}")
    if setting.chosen:
        lines.append("held fixed: " + "; ".join(f"{name} = {why}" for name, why in setting.chosen.items()))
    if setting.harmless:
        lines.append(f"harmless according to the study file: {', '.join(setting.harmless)}")
    return lines


def _pairs(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())
