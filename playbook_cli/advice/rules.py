"""What each rule looks at, its thresholds and whose they are; `explain`, `rules:` and the README all read it here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playbook_cli.records import StudyRecord

Whose = Literal["playbook", "lecture", "ours"]
"""The Deep Learning Tuning Playbook, the lecture built on it, or this program's own choice where they name none."""


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """One number that a rule compares with; a study file may set it under `rules:`."""

    name: str
    default: float
    meaning: str
    whose: Whose = "ours"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the playbook as `playbook explain` shows it."""

    name: str
    title: str
    """The question that it answers."""
    looks_at: str
    verdicts: tuple[str, ...]
    thresholds: tuple[Threshold, ...]
    formula: str
    """In words."""
    action: str
    """What to do when it speaks."""
    source: str
    """Section of the playbook."""


def limit(study: StudyRecord, rule: str, name: str) -> float:
    """The threshold `name` of `rule`: as the study sets it, or the default."""
    for threshold in RULES[rule].thresholds:
        if threshold.name == name:
            return float(study.rules.get(rule, {}).get(name, threshold.default))
    raise KeyError(f"{rule} has no threshold {name}")


_BEST_TRIALS = Threshold(
    name="best_trials",
    default=5,
    meaning="curves read: of so many best trials, of the best third where that is more, and of every arm's best trial",
)
_MIN_EVALUATIONS = Threshold(
    name="min_evaluations", default=12, meaning="evaluations that a curve needs; with fewer the rule is undecided"
)
_DECAYED = Threshold(
    name="decayed", default=0.5, meaning="a learning rate below this part of its peak counts as decayed"
)

_RULES = (
    Rule(
        name="boundary",
        title="Is the search space large enough?",
        looks_at="every range, by its two edges: do results still get better where it ends?",
        verdicts=("lower-edge", "upper-edge", "interior", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.03, meaning="chance of one false alarm among all edges of the study"),
            Threshold(name="bent", default=0.15, meaning="the same at one edge, of a trend that may bend midway"),
            Threshold(name="zone", default=0.25, meaning="outer part of a range that counts as near its edge"),
            Threshold(name="top_share", default=0.5, meaning="share of the best n/8 trials that must lie in that zone"),
        ),
        formula=(
            "Through the feasible results, the worse 40% cut to one level, goes a quadratic in each range (log ranges "
            "in their logarithm) plus an offset for each choice. Where the fit still improves outward at an edge "
            "(one-sided t-test, corrected for all edges) and enough of the best trials lie near it, the optimum is "
            "outside. All trials are read together, and each arm by itself. A row of failed or bad trials at the end "
            "of a range closes that edge. Undecided where a fit that may bend in the middle of the range does not "
            "fall at its edge any more, since results may have levelled off; with fewer feasible trials than twice the "
            "coefficients of the fit, 2 (1 + 2 ranges); or where chance explains the trend only after the correction."
        ),
        action="Widen the range past that edge and run the study again.",
        source="Identifying bad search space boundaries",
    ),
    Rule(
        name="instability-edge",
        title="Is the best setting held back by training instability?",
        looks_at="every range: are all trials above some value infeasible, with the best trials right below it?",
        verdicts=("unstable-above", "none", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.05, meaning="chance of one false alarm among all ranges"),
            Threshold(
                name="zone",
                default=0.35,
                meaning="part of the stable range, next to the unstable one, where the best lie",
            ),
        ),
        formula=(
            "The r highest values of a range are all infeasible. The chance that chance alone does this is "
            "C(n-r, m-r) / C(n, m) for m infeasible trials among n, multiplied by the number of ranges. At least half "
            "of the best n/8 trials must lie next to them. Undecided without any feasible trial."
        ),
        action="Do not widen: stabilise training (warmup, clipping, another optimizer), then tune again.",
        source="Identifying bad search space boundaries; How can optimization failures be debugged and mitigated?",
    ),
    Rule(
        name="coverage",
        title="Are there enough trials in the good region?",
        looks_at="the number of trials whose result is close to the best one",
        verdicts=("sparse", "enough", "listed", "undecided"),
        thresholds=(
            Threshold(
                name="min_good", default=3, meaning="trials that the good region must hold, the best one included"
            ),
            Threshold(
                name="good",
                default=0.15,
                meaning="a result is good within this part of the way from the best to the upper quartile",
            ),
        ),
        formula=(
            "Count the feasible results better than best + good x (quartile - best), or within twice the noise. Listed "
            "points sample nothing: there the rules about the space, budget and isolation say nothing."
        ),
        action="Narrow the ranges around the good region, or run more trials.",
        source="Not sampling enough points in the search space",
    ),
    Rule(
        name="infeasible",
        title="How many trials are infeasible?",
        looks_at="the share of ended trials that diverged or could not be trained",
        verdicts=("too-many", "few", "undecided"),
        thresholds=(Threshold(name="share", default=0.5, meaning="a larger share of infeasible trials is too many"),),
        formula=(
            "infeasible / (completed + infeasible); below 4 trials undecided, unless 2 or 3 are all infeasible. A "
            "trial diverges without a NaN, too, where its last tenth is no better than an untrained model (metric: "
            "{chance: 0.9}; else the worst first evaluation of the better third) and its training loss not lower."
        ),
        action="Cut the infeasible part of the space away, reparameterize, or look for a bug in the training pipeline.",
        source="Extracting insight from experimental results",
    ),
    Rule(
        name="overfitting",
        title="Do the best trials overfit?",
        looks_at="the validation curves of the best trials, and above all of the best trial of every arm",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.05, meaning="chance of one false alarm among all curves read"),
            Threshold(
                name="rise", default=0.05, meaning="rise above the lowest level, as a share of the curve's whole drop"
            ),
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "The curve's level at the end (mean of the last tenth) minus its lowest level (lowest mean of ten blocks), "
            "against its noise and its whole drop. Noise may remember itself from one evaluation to the next (measured "
            "on all curves): then so many evaluations are worth fewer, and a rise that this explains is undecided. It "
            "is no overfitting where the training loss rises as well."
        ),
        action="Add or strengthen regularization before the arms are compared.",
        source="Examining the training curves",
    ),
    Rule(
        name="late-variance",
        title="Does the validation result jump from evaluation to evaluation late in training?",
        looks_at="the noise of the second half of the best trials' validation curves",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(
                name="noise",
                default=0.05,
                meaning="standard deviation of the noise, as a share of the curve's whole drop",
            ),
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "Noise from second differences, sqrt(mean((a - 2b + c)^2) / 6) without their largest quarter (a step in "
            "the curve is no noise), large in half of the curves."
        ),
        action="A larger batch, more validation data, learning-rate decay or weight averaging.",
        source="Examining the training curves",
    ),
    Rule(
        name="still-improving",
        title="Are the best trials still improving when they end?",
        looks_at="the slope of the last third of the best trials' validation curves",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.01, meaning="chance that noise alone looks like improvement"),
            Threshold(
                name="gain",
                default=0.08,
                meaning="improvement over the last third, as a share of the drop after the first tenth",
            ),
            _DECAYED,
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "Lines through the last thirds, averaged: they fall by the gain and beyond what noise explains. No: they "
            "surely fall by less. A fall counts only where the learning rate is known to be high at the end (a "
            "logged learning_rate, or a hyperparameter schedule: constant); where it decays, the last third of its "
            "time at the peak counts. Else undecided: any decay makes curves fall."
        ),
        action="Train longer, or use another learning-rate schedule.",
        source="Examining the training curves",
    ),
    Rule(
        name="saturated",
        title="Have the best trials stopped improving long before the end?",
        looks_at="the slope of the second half of the best trials' validation curves",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(
                name="p_value", default=0.05, meaning="chance that a curve that still falls is taken for a flat one"
            ),
            Threshold(
                name="gain",
                default=0.05,
                meaning="a change over the second half below this share of the whole drop is flat",
            ),
            Threshold(
                name="spread",
                default=0.25,
                meaning="a gain of this share of the distance from the best trial to the best quarter's last counts",
            ),
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "Lines through the second halves, averaged: they surely change by less than the gain, or than half of one "
            "evaluation's noise where that is more. Not where "
            "the last thirds still fall by the gain of best-step, nor where the second halves surely gain as much as "
            "matters between good trials."
        ),
        action="Train for fewer steps.",
        source="Examining the training curves",
    ),
    Rule(
        name="training-loss-rising",
        title="Does the training loss rise?",
        looks_at="the second half of the best trials' training-loss curves",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.05, meaning="chance of one false alarm among all curves read"),
            Threshold(name="rise", default=0.05, meaning="rise over the second half, as a share of the curve's range"),
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "Line through the second half: it rises by the threshold and more than noise explains, in one curve or in "
            "the mean of all."
        ),
        action="Look for a bug in the training pipeline; else lower the learning rate or stabilise training.",
        source="Examining the training curves",
    ),
    Rule(
        name="periodic",
        title="Do the curves rise and fall again and again?",
        looks_at="the best trials' validation curves after the first tenth of training",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(
                name="height", default=0.02, meaning="half of a wave's way up, as a share of the curve's whole drop"
            ),
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "A sine and its overtone beside a cubic trend: at one frequency, shared by the curves, with 4 periods or "
            "more, they explain a third of what the trend leaves, beyond noise, and the curves do rise."
        ),
        action="Shuffle the data and look for a bug in the pipeline; or expect it, where the learning rate restarts.",
        source="Examining the training curves",
    ),
    Rule(
        name="best-step",
        title="Is max_train_steps right?",
        looks_at="at which step the better half of the completed trials had their best evaluation",
        verdicts=("too-many-steps", "train-longer", "fits", "undecided"),
        thresholds=(
            Threshold(
                name="early",
                default=0.10,
                meaning="all best steps in this first part: far too many steps",
                whose="playbook",
            ),
            Threshold(
                name="late",
                default=0.25,
                meaning="best steps consistently in this last part: train longer",
                whose="playbook",
            ),
            Threshold(name="early_share", default=0.9, meaning="share of the trials that counts as all of them"),
            Threshold(name="late_share", default=0.75, meaning="share of the trials that makes it consistent"),
            _DECAYED,
            Threshold(
                name="p_value", default=0.01, meaning="chance that noise alone looks like improvement at the end"
            ),
            Threshold(
                name="gain",
                default=0.05,
                meaning="improvement over the last quarter, as a share of the drop after the first tenth",
            ),
        ),
        formula=(
            "Step of the best level (of a tenth of the evaluations) / max_train_steps for each trial. Late best steps "
            "speak for more steps only where the curves still fall over their last quarter, by the gain and beyond "
            "noise, at a learning rate that is known to be high (logged, or schedule: constant). Where it decays, its "
            "time at the peak is read in place of the end, if that is 30% of training; where it is not known, a fall "
            "proves nothing: log learning_rate, or declare fixed: {schedule: constant} (args: {omit: [schedule]} keeps "
            "it from a program that has no such option). A trial that was stopped while it improved has no say."
        ),
        action="Fewer steps, or more steps with the schedule re-tuned; when in doubt, more.",
        source="Deciding how long to train when training is not compute-bound",
    ),
    Rule(
        name="eval-frequency",
        title="Are evaluations frequent enough to find the best step?",
        looks_at="the steps between evaluations, and trials whose very first evaluation is their best",
        verdicts=("too-coarse", "enough", "undecided"),
        thresholds=(
            Threshold(name="interval", default=0.05, meaning="largest part of max_train_steps between two evaluations"),
            Threshold(
                name="first_share", default=0.5, meaning="share of the better half whose first evaluation is the best"
            ),
        ),
        formula=(
            "Median interval between evaluations of the metric / max_train_steps, so that two fit into the first 10%; "
            "share of best-at-first."
        ),
        action="Lower eval_every; the result of a trial is its best evaluation, so steps between evaluations are lost.",
        source="Setting up periodic evaluations; Saving checkpoints and retrospectively selecting the best checkpoint",
    ),
    Rule(
        name="compute-bound",
        title="Is the number of steps what limits training?",
        looks_at="whether training and validation curves of the best trials still improve at the end",
        verdicts=("yes", "no", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.05, meaning="chance that noise alone looks so"),
            Threshold(
                name="gain",
                default=0.05,
                meaning="improvement over the last quarter, as a share of the drop after the first tenth; less is flat",
            ),
            Threshold(
                name="sweep_fall",
                default=0.02,
                meaning="fall of the training loss of lr-sweep over its last quarter, as a share of it",
            ),
            _DECAYED,
            _BEST_TRIALS,
            _MIN_EVALUATIONS,
        ),
        formula=(
            "Lines through the last quarters, averaged. Yes: training loss and validation metric both still improve by "
            "the gain and beyond noise; the metric alone where no training loss is recorded. No: lr-sweep fits the "
            "training set perfectly, or the training error of most best trials ends at zero, or validation is flat or "
            "gets worse, or the training loss is flat. Where the schedule has decayed the learning rate by then, or "
            "nobody knows it, that alone may move the curves: undecided, unless its time at the peak tells, or "
            "lr-sweep, at least as long and at constant learning rates, never fits the training set while its "
            "training loss still falls: yes."
        ),
        action=(
            "Yes: tune in rounds of growing length, many short trials and then few long ones. No: lr-sweep and "
            "best-step say how many steps."
        ),
        source=(
            "Deciding how long to train when training is not compute-bound; Deciding how long to train when training "
            "is compute-bound"
        ),
    ),
    Rule(
        name="budget",
        title="Would more trials help?",
        looks_at="the expected best result of n trials, for n up to the study's own",
        verdicts=("more-trials-help", "enough", "undecided"),
        thresholds=(
            Threshold(
                name="gain",
                default=0.05,
                meaning="gain of one doubling, as a share of the way from the best to the upper quartile",
            ),
            Threshold(name="noises", default=1.0, meaning="gain in units of the evaluation noise of the best trials"),
        ),
        formula="(E[best of N/4] - E[best of N]) / 2: the mean gain of the last two doublings, averaged over the arms.",
        action="Run more trials in the same space; or accept what there is.",
        source="Not in the playbook: expected best of n trials, Tang et al. 2020, arXiv 2004.13705",
    ),
    Rule(
        name="ranking",
        title="Did the ranking of the shorter round hold?",
        looks_at="the points that this round took from the one before: their results there, and here",
        verdicts=("held", "changed", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.05, meaning="1 minus the confidence of the interval"),
            Threshold(
                name="agreement",
                default=0.7,
                meaning="a ranking that held has at least this rank correlation: changed where the interval is below",
            ),
        ),
        formula=(
            "Spearman's rank correlation, infeasible trials last, with Fisher's interval (variance of Bonett and "
            "Wright). Held: the interval lies above 0, and does not lie below the agreement. Points that were close "
            "together before may change places by noise alone: then, too, the short round did not settle which is best."
        ),
        action="Take more points along, and check at this length what the short round decided.",
        source="Deciding how long to train when training is compute-bound",
    ),
    Rule(
        name="timing",
        title="Can the times of trials be compared?",
        looks_at="the devices that trials ran on, and whether others could use them at the same time",
        verdicts=("unfair",),
        thresholds=(
            Threshold(name="share", default=0.0, meaning="a larger share of trials that shared their device is unfair"),
        ),
        formula=(
            "Unfair where trials ran on different kinds of device, or shared one (trials_per_gpu, or more trials at "
            "once than there are cores). Every other rule counts steps, so none is touched by it. Nothing is said "
            "where nothing speaks against a comparison."
        ),
        action="Compare steps, not seconds; or run the study on one kind of device, one trial on each.",
        source="Not in the playbook: time to a target means something on equal hardware only",
    ),
    Rule(
        name="isolation",
        title="The question itself: which scientific setting is best?",
        looks_at="the best trial of every arm over all nuisance hyperparameters",
        verdicts=("better", "no-difference", "blocked", "undecided"),
        thresholds=(
            Threshold(name="p_value", default=0.04, meaning="chance of a false `better`"),
            Threshold(
                name="hint", default=0.2, meaning="below this p-value a difference that is not proven is undecided"
            ),
            Threshold(name="min_trials", default=6, meaning="ended trials that every arm needs"),
            Threshold(
                name="balance",
                default=0.75,
                meaning="an arm with fewer trials than this part of the largest was tuned less",
            ),
        ),
        formula=(
            "Two tests, the smaller p-value doubled. Search: the r best trials all belong to one arm, and the other "
            "arm's spacing of its best trials says that its optimum (in d ranges, results rise from it with a power "
            "of 2 / d of the rank) does not reach the best one. Pairs: among the better half of the points that both "
            "arms tried, the difference, extrapolated along the mean result to the optimum, is not zero. Blocked while "
            "an arm is edge-bound, overfits, trains wrongly, or was searched less; undecided while nobody can say "
            "whether a range ends too early that only some arms have (Choi et al. 2019, arXiv 1910.05446). Where what "
            "every arm selects was repeated on fresh seeds, only these results count: by the gain and standard error "
            "of playbook compare."
        ),
        action="Repeat the best trials with fresh seeds before adopting: the best trial was selected for being lucky.",
        source="Detecting whether a change is useful with isolation plots",
    ),
)

RULES = {rule.name: rule for rule in _RULES}
"""Every rule by its name, in reading order."""
