"""Further points of the finals, where a model of all results expects better ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from playbook_cli.pursuit.loop import Searched
from playbook_cli.pursuit.refining import promising
from playbook_cli.spec.load import plain
from playbook_cli.spec.model import StudySpec
from tests.generators.studies import METRIC, study, trial

SHORT, LONG = 1000, 4000
SPACE = {"learning_rate": {"min": 1e-3, "max": 1.0, "scale": "log"}, "x": {"min": 0.0, "max": 1.0}}


def loss(params, steps):
    """A bowl in both ranges; the best learning rate is 0.2 in short trials, and half of that in long ones."""
    rate = math.log10(params["learning_rate"]) - math.log10(0.2 if steps == SHORT else 0.1)
    return 0.1 + 0.3 * rate**2 + (params["x"] - 0.6) ** 2


def searched(points, steps, *, listed=False, space=SPACE, of=loss, diverged=()):
    keys = {"points": points, "sampler": "listed"} if listed else {}
    spec = StudySpec.model_validate(
        {
            "name": "s",
            "train": "job:train",
            "metric": {"name": METRIC.name},
            "max_train_steps": steps,
            "trials": len(points),
            "nuisance": space,
        }
        | keys
    )
    trials = [
        trial(n, point, math.inf if n in diverged else of(point, steps), state="infeasible")
        if n in diverged
        else trial(n, point, of(point, steps))
        for n, point in enumerate(points)
    ]
    record = replace(study(trials, spec.parameters()), max_train_steps=steps)
    return Searched(data=plain(spec), record=record, findings=[])


def even(count):
    """Points all over the space."""
    return [{"learning_rate": 10 ** (-3 * ((n * 0.618) % 1.0)), "x": (n + 0.5) / count} for n in range(count)]


def best(points, steps, count=3):
    return sorted(points, key=lambda point: loss(point, steps))[:count]


def test_the_points_are_better_at_the_final_length_than_the_finals_that_short_trials_chose():
    search, chosen = searched(even(16), SHORT), best(even(16), SHORT)
    points = list(chosen)
    for _ in range(3):
        found = promising([search], searched(points, LONG, listed=True), None)
        assert found is not None
        assert found == promising([search], searched(points, LONG, listed=True), None)
        assert len(found.points) == 2
        points += found.points
    assert min(loss(point, LONG) for point in points) < min(loss(point, LONG) for point in chosen)


def test_no_point_has_a_higher_learning_rate_than_the_best_of_shorter_trials():
    def rising(params, steps):  # the model alone would go on beyond 0.2
        return 1.0 - 0.2 * math.log10(params["learning_rate"] / 1e-3) + (params["learning_rate"] > 0.25)

    chosen = best(even(16), SHORT)
    found = promising([searched(even(16), SHORT, of=rising)], searched(chosen, LONG, listed=True, of=rising), None)
    assert found is not None
    highest = max(point["learning_rate"] for point in even(16) if point["learning_rate"] <= 0.25)
    assert all(point["learning_rate"] <= highest * 1.001 for point in found.points)


def test_no_point_lies_beside_a_trial_that_diverged():
    chosen = best(even(16), SHORT)
    found = promising([searched(even(16), SHORT)], searched(chosen, LONG, listed=True, diverged={0}), None)
    assert found is not None

    def apart(a, b):
        return (math.log10(a["learning_rate"] / b["learning_rate"]) / 3) ** 2 + (a["x"] - b["x"]) ** 2

    for point in found.points:
        assert min(range(3), key=lambda n: apart(point, chosen[n])) != 0


@pytest.mark.parametrize("count", [4, 16])
def test_few_results_and_conditional_ranges_have_no_model(count):
    space = SPACE if count == 4 else SPACE | {"x": {"min": 0.0, "max": 1.0, "when": {"kind": "a"}}, "kind": ["a", "b"]}
    points = even(count) if count == 4 else [point | {"kind": "a"} for point in even(count)]
    chosen = best(points, SHORT)
    search, finals = searched(points, SHORT, space=space), searched(chosen, LONG, listed=True, space=space)
    assert promising([search], finals, None) is None


def test_where_every_result_is_the_same_nothing_is_expected():
    search, finals = (
        searched(points, steps, listed=steps == LONG, of=lambda *_: 0.5)
        for points, steps in ((even(16), SHORT), (even(3), LONG))
    )
    assert promising([search], finals, None) is None
