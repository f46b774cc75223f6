"""The last studies of a pursuit."""

from __future__ import annotations

from dataclasses import replace

from playbook_cli.pursuit.finalists import baseline, finalists, longer, of_same_length
from playbook_cli.pursuit.loop import Searched
from playbook_cli.spec import check
from playbook_cli.spec.load import plain
from playbook_cli.spec.model import StudySpec
from tests.generators.studies import METRIC, study, trial


def searched(name, values, *, arms=({},), **keys):
    """A study with a trial for each of these settings; their results get worse from one to the next."""
    keys = {"train": "job:train", "metric": {"name": METRIC.name}, "max_train_steps": 1000, "trials": 8} | keys
    spec = StudySpec.model_validate({"name": name} | keys)
    trials = [
        trial(n, {**spec.fixed, **params}, worse, arm={k: v for k, v in params.items() if k in spec.scientific})
        for n, (worse, params) in enumerate(values)
    ]
    record = replace(study(trials, spec.parameters(), arms=arms), name=name, fixed=spec.fixed)
    return Searched(data=plain(spec), record=record, findings=[], folder=f"runs/{name}")


def valid(data):
    """The study of this file, which has no problem."""
    spec = StudySpec.model_validate(data)
    assert not list(check.problems(spec))
    return spec


def test_the_best_points_of_all_studies_of_one_length_stand_beside_each_other():
    narrow = {"nuisance": {"x": {"min": 0.0, "max": 1.0}}, "fixed": {"dropout": 0.0}}
    wide = {"nuisance": {"x": {"min": 0.0, "max": 2.0}}, "fixed": {"dropout": 0.5}}
    searches = [
        searched("a", [(0.1, {"x": 1.0}), (0.4, {"x": 0.5})], **wide | {"max_train_steps": 500}),
        searched("b", [(0.2, {"x": 1.8}), (0.5, {"x": 0.1})], **wide),
        searched("c", [(0.3, {"x": 0.9}), (0.4, {"x": 0.8})], **narrow),
    ]
    searches[0] = replace(searches[0], record=replace(searches[0].record, max_train_steps=500))
    chosen = finalists(searches)
    assert [(one.name, trial.id) for one, trial in chosen] == [("b", 0), ("c", 0), ("c", 1)]
    data, changes = of_same_length(searches[-1], chosen, "s-final", 7)
    spec = valid(data)
    assert spec.points == [{"x": 1.8, "dropout": 0.5}, {"x": 0.9, "dropout": 0.0}, {"x": 0.8, "dropout": 0.0}]
    assert (spec.name, spec.seed, spec.sampler, spec.trials) == ("s-final", 7, "listed", None)
    assert "trial 0 of b" in changes[0].reason


def test_a_longer_round_takes_the_best_points_of_all_studies_of_one_length_too():
    narrow = {"nuisance": {"x": {"min": 0.0, "max": 1.0}}, "fixed": {"dropout": 0.0, "schedule": "linear"}}
    wide = {"nuisance": {"x": {"min": 0.0, "max": 2.0}}, "fixed": {"dropout": 0.5, "schedule": "linear"}}
    searches = [
        searched("a", [(0.2, {"x": 1.8}), (0.5, {"x": 0.1})], **wide),
        searched("b", [(0.3, {"x": 0.8}), (0.4, {"x": 0.9})], **narrow),
    ]
    revision = longer(finalists(searches), 4000, "s-final")
    spec = valid(revision.data)
    assert [point["x"] for point in spec.points] == [1.8, 0.8, 0.9]
    assert [point.get("dropout", spec.fixed.get("dropout")) for point in spec.points] == [0.5, 0.0, 0.0]
    assert [point.get("decay_steps", spec.fixed.get("decay_steps")) for point in spec.points] == [1000] * 3
    assert spec.max_train_steps == 4000
    assert (spec.round.number, spec.round.trials) == (2, [0])
    reasons = {change.key: change.reason for change in revision.changes}
    assert "trial 0 of a" in reasons["points", 0]
    assert "trial 0 of b" in reasons["points", 1]


def test_the_best_of_every_arm_is_a_finalist():
    arms = [{"depth": 1}, {"depth": 2}]
    space = {"scientific": {"depth": [1, 2]}, "nuisance": {"x": {"min": 0.0, "max": 1.0}}}
    values = [(0.1 * n, {"depth": 1, "x": n / 10}) for n in range(1, 6)] + [(0.9, {"depth": 2, "x": 0.5})]
    chosen = finalists([searched("a", values, arms=arms, **space)])
    assert [trial.id for _, trial in chosen] == [0, 1, 5]


def test_conditional_settings_stay_with_their_points():
    space = {
        "scientific": {"optimizer": ["sgd", "adam"]},
        "nuisance": {
            "x": {"min": 0.0, "max": 1.0},
            "beta": {"min": 0.5, "max": 0.9, "when": {"optimizer": "adam"}},
        },
    }
    arms = [{"optimizer": "sgd"}, {"optimizer": "adam"}]
    values = [(0.1, {"optimizer": "adam", "x": 0.2, "beta": 0.6}), (0.2, {"optimizer": "sgd", "x": 0.4})]
    one = searched("a", values, arms=arms, **space)
    data, _ = of_same_length(one, finalists([one]), "s-final", 1)
    spec = valid(data)
    assert spec.points == [{"optimizer": "adam", "x": 0.2, "beta": 0.6}, {"optimizer": "sgd", "x": 0.4}]
    alone = valid(baseline(data, {"optimizer": "sgd", "x": 0.5}, 1000, "s-baseline", 1))
    assert (alone.fixed, alone.points, alone.parameters()) == ({"optimizer": "sgd", "x": 0.5}, [{}], [])


def test_the_schedule_of_the_baseline_is_carried_to_the_length_of_the_finals():
    one = searched("a", [(0.1, {"x": 0.2})], nuisance={"x": {"min": 0.0, "max": 1.0}})
    data, _ = of_same_length(one, finalists([one]), "s-final", 1)
    given = baseline(data, {"x": 0.5, "warmup_fraction": 0.1}, 500, "s-baseline", 1)
    assert given["fixed"]["warmup_fraction"] == 0.05
