"""Points one by one, and those that go on from a checkpoint of another study's trial."""

from __future__ import annotations

import pytest

from playbook_cli.errors import StudyError
from playbook_cli.files import journal
from playbook_cli.files.paths import StudyPaths
from playbook_cli.records import Parameter, TrialRecord
from playbook_cli.sampling import make
from playbook_cli.sampling.continued import checkpoint_of, go_on_from
from playbook_cli.sampling.planned import trial_seed
from playbook_cli.spec.space import Space

SPACE = Space(
    [
        Parameter(name="opt", label="opt", role="scientific", kind="choice", choices=("sgd", "adam")),
        Parameter(name="lr", label="lr", role="nuisance", kind="float", low=0.1, high=2.0),
        Parameter(name="beta", label="beta", role="nuisance", kind="float", high=1.0, when={"opt": ("adam",)}),
    ],
    {"batch": 64},
)
POINTS = [{"lr": 1, "opt": "sgd"}, {"opt": "adam", "lr": 0.5, "beta": 0.9}, {"opt": "sgd", "lr": 0.5}]


def test_trials_are_the_points_in_their_order_with_their_arms():
    trials = make("listed", 7, POINTS).suggest(SPACE, [], 3)
    assert [dict(t.params) for t in trials] == [
        {"opt": "sgd", "lr": 1.0, "batch": 64},
        {"opt": "adam", "lr": 0.5, "beta": 0.9, "batch": 64},
        {"opt": "sgd", "lr": 0.5, "batch": 64},
    ]
    assert [t.arm for t in trials] == [{"opt": "sgd"}, {"opt": "adam"}, {"opt": "sgd"}]
    assert isinstance(trials[0].params["lr"], float), "as a sampler would give it"


def test_their_seeds_are_those_that_another_sampler_would_give():
    trials = make("listed", 7, POINTS).suggest(SPACE, [], 3)
    assert [t.seed for t in trials] == [trial_seed(7, n) for n in range(3)]


def test_a_study_goes_on_with_the_points_that_are_missing():
    sampler = make("listed", 7, POINTS)
    whole = sampler.suggest(SPACE, [], 3)
    assert sampler.suggest(SPACE, whole[:2], 1) == whole[2:]
    assert sampler.suggest(SPACE, whole, 0) == []


@pytest.fixture
def source(tmp_path):
    """The folder of a trial with a checkpoint, in a study of its own."""
    study = StudyPaths(tmp_path / "runs" / "a")
    trial = study.trial(3)
    trial.checkpoints.mkdir(parents=True)
    trial.stable_checkpoint.write_bytes(b"state")
    trial.metrics.write_text('{"step": 1, "loss": 2.0}\n')
    events = journal.Journal(study.journal)
    events.append({"event": "planned", "trial": 3, "params": {}, "arm": {}, "seed": 99})
    events.close()
    return trial


def test_a_point_that_goes_on_from_a_trial_has_its_seed(source):
    points = [{**POINTS[0], "from": str(source.stable_checkpoint)}, POINTS[1]]
    first, second = make("listed", 7, points).suggest(SPACE, [], 2)
    assert first.seed == 99
    assert second.seed == trial_seed(7, 1)
    assert "from" not in first.params


def test_it_begins_with_a_copy_of_the_checkpoint_and_of_what_was_measured(source, tmp_path):
    mine = StudyPaths(tmp_path / "runs" / "b").trial(0)
    go_on_from(str(source.stable_checkpoint), mine)
    assert mine.last_checkpoint.read_bytes() == b"state"
    assert mine.metrics.read_bytes() == source.metrics.read_bytes()
    assert sorted(path.name for path in mine.dir.rglob("*")) == ["checkpoints", "last.pt", "metrics.jsonl"]


def test_a_checkpoint_that_is_not_there_is_refused(source):
    with pytest.raises(StudyError, match="checkpoint does not exist") as error:
        make("listed", 0, [{**POINTS[0], "from": str(source.best_checkpoint)}]).suggest(SPACE, [], 1)
    assert error.value.where == str(source.best_checkpoint)


def test_a_checkpoint_in_a_folder_of_another_trial_is_refused(source):
    source.params.write_text('{"x": 123}')
    with pytest.raises(StudyError, match="it was trained with different hyperparameters"):
        go_on_from(str(source.stable_checkpoint), source)


@pytest.mark.parametrize("place", ["it.pt", "runs/a/trials/0004/checkpoints/it.pt", "runs/a/trials/0003/it.pt"])
def test_a_checkpoint_of_no_trial_is_refused(source, tmp_path, place):
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"state")
    with pytest.raises(StudyError, match="does not belong to a trial"):
        go_on_from(str(path), source)


def test_repeats_begin_at_their_start_and_do_not_shift_the_points():
    trials = [
        TrialRecord(id=0, params={}, arm={}, seed=0),
        TrialRecord(id=1, params={}, arm={}, seed=1, repeat_of=0),
        TrialRecord(id=2, params={}, arm={}, seed=2),
    ]
    points = [{"from": "a.pt"}, {"from": "b.pt"}]
    assert [checkpoint_of(n, trials, points) for n in range(3)] == ["a.pt", None, "b.pt"]
    assert checkpoint_of(0, trials, []) is None
