"""The ranges of the next study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.acts import Next
from playbook_cli.advice import advise
from playbook_cli.advice.revision import Revision, narrow_to, revise, widen
from playbook_cli.records import Finding
from playbook_cli.spec.load import plain
from playbook_cli.spec.model import StudySpec
from tests.generators.studies import METRIC, halton, study, surface_study, trial


def asking(name, given):
    return StudySpec.model_validate(
        {
            "name": "truth",
            "train": "job:train",
            "metric": {"name": METRIC.name},
            "max_train_steps": 60,
            "trials": 20,
            "nuisance": {name: given},
        }
    )


def of(name, given, values):
    """A study of one range whose results get worse from value to value, and its file."""
    spec = asking(name, given)
    trials = [trial(number, {name: value}, float(number)) for number, value in enumerate(values)]
    return study(trials, spec.parameters()), plain(spec)


def narrowed(name, given, values):
    record, data = of(name, given, values)
    revision = Revision(data=data)
    narrow_to(revision, record, record.trials, ())
    (parameter,) = StudySpec.model_validate(revision.data).parameters()
    return parameter.low, parameter.high


def widened(name, given):
    record, data = of(name, given, [given["min"], given["max"]])
    revision = Revision(data=data)
    widen(revision, record, name, [])
    (parameter,) = StudySpec.model_validate(revision.data).parameters()
    return parameter.low, parameter.high


NARROW = [
    ("beta2", {"min": 0.9, "max": 0.999}, [0.97, 0.975, 0.98, 0.99], (0.96, 0.999)),
    ("beta2", {"min": 0.99, "max": 0.9999}, [0.992, 0.993, 0.9945, 0.994], (0.991, 0.9955)),
    ("w", {"min": 5.0, "max": 5.4}, [5.195, 5.2, 5.21, 5.22], (5.15, 5.26)),
    ("w", {"min": 1e-4, "max": 1.0, "scale": "log"}, [2e-3, 3e-3, 9e-3, 1.1e-2], (7.9e-4, 0.028)),
    ("w", {"min": 1.0, "max": 1.1, "scale": "log"}, [1.036, 1.04, 1.051], (1.026, 1.062)),
    ("w", {"min": 1000, "max": 1040}, [1010, 1015, 1018, 1020], (1006, 1024)),
    ("w", {"min": 0.123456, "max": 1.0}, [0.13, 0.2, 0.3], (0.123456, 0.39)),
]


@pytest.mark.parametrize(("name", "given", "values", "ends"), NARROW)
def test_a_narrowed_range_holds_its_trials_and_stays_inside_the_old_one(name, given, values, ends):
    low, high = narrowed(name, given, values)
    assert (low, high) == ends
    assert given["min"] <= low <= min(values)
    assert max(values) <= high <= given["max"]


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({"min": 10.1, "max": 10.3}, (10.0, 10.4)),
        ({"min": 5.0, "max": 5.04, "type": "float"}, (4.98, 5.06)),
        ({"min": 0.0, "max": 0.2}, (0.0, 0.3)),
        ({"min": 1e-4, "max": 1e-2, "scale": "log"}, (1e-5, 0.1)),
        ({"min": 1, "max": 2}, (0, 3)),
    ],
)
def test_a_widened_range_ends_outside_the_old_one(given, ends):
    assert widened("w", given) == ends


def test_a_widened_range_of_whole_numbers_still_is_one():
    record, data = of("w", {"min": 2, "max": 8}, [2, 8])
    widen(Revision(data=data), record, "w", [])
    (parameter,) = StudySpec.model_validate(data).parameters()
    assert (parameter.kind, parameter.low, parameter.high) == ("int", 0, 11)


def test_what_is_cut_off_as_unstable_never_holds_a_completed_trial():
    record, data = of("rate", {"min": 5.0, "max": 5.4}, [5.18, 5.17, 5.1, 5.05])
    unstable = [trial(9, {"rate": 5.3}, float("inf"), state="infeasible")]
    finding = Finding(
        rule="instability-edge", subject="rate", severity="warning", verdict="unstable-above", evidence={}, message=""
    )
    record = replace(record, trials=[*record.trials, *unstable])
    cut = revise(data, record, [finding], Next(), "truth-2")
    assert cut.data["nuisance"]["rate"]["max"] == 5.18


def test_what_is_cut_off_as_unstable_leaves_a_narrower_range_as_it_is():
    best = [1.1, 1.2, 1.3, 1.4]
    record, data = of("rate", {"min": 0.0, "max": 10.0}, [*best, *[8.0] * 12])
    finding = Finding(
        rule="instability-edge", subject="rate", severity="warning", verdict="unstable-above", evidence={}, message=""
    )
    cut = revise(data, record, [finding], Next(narrow=True), "truth-2")
    assert cut.data["nuisance"]["rate"]["max"] == 2.4


def cornered(sign):
    """Trials diverge where p0 over p2 (or times it) is large, and are best right below."""
    points = halton(32, 3, np.random.default_rng(1))
    power = points[:, 0] + sign * points[:, 2] - (0.3 if sign < 0 else 1.3)
    record = surface_study(points, np.where(power > 0, np.inf, 0.1 + power**2))
    space = {p.name: {"min": p.low, "max": p.high, "scale": p.scale} for p in record.parameters}
    return record, {"name": "truth", "trials": 32, "nuisance": space}


def test_of_an_unstable_corner_the_range_is_cut_that_costs_the_fewest_good_trials():
    record, data = cornered(-1)
    cut = revise(data, record, advise(record), Next(), "truth-2")
    (reason,) = (change.reason for change in cut.changes if change.key == ("nuisance", "p2", "min"))
    low = cut.data["nuisance"]["p2"]["min"]
    gone = [t for t in record.trials if t.params["p2"] < low]
    lost = sum(t.state == "completed" for t in gone)
    assert len(gone) > 2 * lost
    assert f"{len(gone) - lost} infeasible and {lost} feasible trials" in reason
    ranked = sorted((t for t in record.trials if t.best), key=lambda t: t.best.value if t.best else 0.0)
    assert min(t.params["p2"] for t in ranked[:3]) > low
    assert cut.data["nuisance"]["p0"] == {"min": 1e-4, "max": 1.0, "scale": "log"}


def test_an_unstable_corner_with_good_trials_all_along_it_is_left_to_the_script():
    record, data = cornered(1)
    cut = revise(data, record, advise(record), Next(), "truth-2")
    assert not cut.changes
    assert any("let the script take p0 * p2" in left for left in cut.left)
