from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from dataclasses import replace

import pytest

from playbook_cli.exporting.frozen import made
from playbook_cli.records import Parameter, Span
from tests.generators.studies import study as studied
from tests.generators.studies import trial as ended
from tests.report.studies import repeated

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
optuna.logging.set_verbosity(optuna.logging.ERROR)

KEPT = (
    "number",
    "state",
    "values",
    "params",
    "distributions",
    "intermediate_values",
    "user_attrs",
    "system_attrs",
    "datetime_start",
    "datetime_complete",
)


def objective(trial):
    lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
    kind = trial.suggest_categorical("optimizer", ["sgd", "adam", None])
    layers = trial.suggest_int("layers", 1, 4)
    if kind == "sgd":
        trial.suggest_float("momentum", 0.0, 0.9, step=0.1)
    trial.set_user_attr("host", {"gpu": [0, 1]})
    if trial.number % 17 == 3:
        raise RuntimeError("boom")
    if trial.number % 19 == 5:
        trial.report(1.0, 0)
        trial.report(math.nan, 1)
        return math.nan
    for step in range(10):
        value = (math.log10(lr) + 2) ** 2 + layers / 10 + 1 / (step + 1)
        trial.report(value, step)
        if trial.number % 13 == 4 and step == 4:
            raise optuna.TrialPruned
    return value


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """An SQLite storage with a study of 100 trials: completed, pruned, failed, NaN, one enqueued, one running."""
    path = tmp_path_factory.mktemp("optuna") / "theirs.db"
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1), study_name="theirs")
    study.set_user_attr("who", "me")
    study.optimize(objective, n_trials=98, catch=(RuntimeError,))
    study.enqueue_trial({"lr": 0.01})
    study.ask()
    study.enqueue_trial({"lr": 0.02, "optimizer": "adam"})
    optuna.copy_study(from_study_name="theirs", from_storage=study._storage, to_storage=f"sqlite:///{path}")
    return path


def opened(path, name=None):
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


@pytest.mark.slow
def test_a_study_goes_through_playbook_and_back_with_nothing_lost(original, bench):
    before = original.read_bytes()
    assert bench("import", f"sqlite:///{original}", "--into", "runs/theirs").code == 0
    assert original.read_bytes() == before
    assert bench("export", "runs/theirs", "--to", "sqlite:///back.db").out == "sqlite:///back.db\n"
    old, new = opened(original), opened("back.db")
    assert len(new.trials) == 100
    for was, now in zip(old.trials, new.trials, strict=True):
        for name in KEPT:
            assert repr(getattr(was, name)) == repr(getattr(now, name)), (was.number, name)
    assert (new.study_name, new.user_attrs, new.directions) == (old.study_name, old.user_attrs, old.directions)
    assert new.best_trial.number == old.best_trial.number
    new.optimize(objective, n_trials=1)  # Optuna goes on with it


@pytest.mark.slow
def test_trials_that_optuna_ran_are_read_as_they_went(original, bench):
    answer = bench("import", original, "--into", "runs/theirs", "--metric", "loss", "--json")
    assert answer.json["best"]["value"] == opened(original).best_value
    events = {event["trial"]: event for event in bench.events("ended", "theirs")}
    planned = {event["trial"]: event for event in bench.events("planned", "theirs")}
    for trial in opened(original).trials:
        metrics = bench.metrics(trial.number, "theirs")
        assert repr({e["step"]: e["loss"] for e in metrics}) == repr(dict(sorted(trial.intermediate_values.items())))
        if trial.state.is_finished():
            assert planned[trial.number]["params"] == trial.params
        match trial.state.name:
            case "COMPLETE":
                assert (events[trial.number]["state"], events[trial.number]["reason"]) == ("completed", None)
            case "PRUNED":
                assert (events[trial.number]["state"], events[trial.number]["reason"]) == (
                    "completed",
                    "pruned after step 4",
                )
            case "FAIL":
                state = "infeasible" if trial.intermediate_values else "failed"
                assert events[trial.number]["state"] == state
            case _:
                assert trial.number not in events
    assert planned[99]["params"] == {"lr": 0.02, "optimizer": "adam"}
    assert answer.json["trials"]["pending"] == 2


@pytest.mark.slow
def test_the_searched_ranges_are_the_space_and_conditions_are_found(original, bench):
    bench("import", original, "--into", "runs/theirs")
    from playbook_cli.storage.store import Store

    parameters = {p.name: p for p in Store(bench.paths("theirs").dir).record().parameters}
    lr, layers, momentum = (parameters[name] for name in ("lr", "layers", "momentum"))
    assert (lr.kind, lr.low, lr.high, lr.scale) == ("float", 1e-4, 1.0, "log")
    assert (layers.kind, layers.low, layers.high) == ("int", 1, 4)
    assert parameters["optimizer"].choices == ("sgd", "adam", None)
    assert (momentum.low, momentum.high) == (0.0, 0.9)


@pytest.mark.slow
def test_a_final_value_that_was_never_reported_is_kept_beside_the_curve(tmp_path, bench):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 's.db'}", direction="maximize")

    def mean_of_two(trial):
        trial.suggest_float("x", 0, 1)
        trial.report(0.5, 10)
        trial.report(0.7, 20)
        return 0.6 if trial.number else 0.7

    study.optimize(mean_of_two, n_trials=2)
    answer = bench("import", "s.db", "--into", "runs/s", "--json")
    assert answer.json["best"]["value"] == 0.7
    assert bench.metrics(0, "s")[-1] == {"step": 20, "value": 0.7}
    assert bench.metrics(1, "s")[-1] == {"step": 20, "value": 0.7, "returned": 0.6}
    assert any("1 trial returned a value that was never reported" in note for note in answer.json["notes"])


def test_values_without_curves_are_one_evaluation(tmp_path, bench):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 's.db'}")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    bench("import", "s.db", "--into", "runs/s")
    assert bench.metrics(0, "s") == [{"step": 1, "value": study.trials[0].value}]


@pytest.mark.slow
def test_of_several_objectives_or_studies_one_is_named(tmp_path, bench):
    url = f"sqlite:///{tmp_path / 's.db'}"
    study = optuna.create_study(storage=url, directions=["minimize", "maximize"], study_name="two")
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.number), n_trials=2)
    refused = bench("import", url, "--into", "runs/s")
    assert refused.code == 2
    assert "value_0, value_1" in refused.err
    assert bench("import", url, "--into", "runs/s", "--metric", "value_1", "--json").json["best"]["value"] == 1.0
    assert bench("export", "runs/s", "--to", "back.db").code == 0
    assert [t.values for t in opened("back.db").trials] == [t.values for t in study.trials]
    optuna.create_study(storage=url, study_name="other")
    refused = bench("import", url, "--into", "runs/t")
    assert (refused.code, "two, other" in refused.err) == (2, True)
    assert bench("import", url, "--into", "runs/t", "--name", "two", "--metric", "value_0").code == 0


@pytest.mark.slow
def test_a_study_of_our_own_is_one_that_optuna_goes_on_with(bench):
    train = """
    def train(trial):
        for step in trial.steps():
            if trial.should_evaluate(step):
                x, kind = trial.params["x"], trial.params["kind"]
                trial.report(step, val_error=float("nan") if x > 0.9 else x + 1 / step, extra=step)
                if kind == "c":
                    raise ValueError("no")
    """
    nuisance = {
        "x": {"min": 0.01, "max": 1.0, "scale": "log"},
        "n": {"min": 1, "max": 5},
        "lr": [{"min": 0.1, "max": 1.0, "when": {"kind": "a"}}, {"values": [1, "big"], "when": {"kind": ["b", "c"]}}],
    }
    study = bench.study(
        train,
        trials=12,
        scientific={"kind": ["a", "b", "c"]},
        nuisance=nuisance,
        fixed={"w": None, "b": True, "betas": [0.9, 0.99]},
        resources={"retries": 0},
    )
    bench("run", study)
    assert bench("export", "runs/toy", "--to", "ours.sqlite3").code == 0
    ours = opened("ours.sqlite3", "toy")
    assert ours.metric_names == ["val_error"]
    states = {"completed": "COMPLETE", "infeasible": "FAIL", "failed": "FAIL"}
    ended = bench.ended()
    for trial in ours.trials:
        assert trial.state.name == states[ended[trial.number][0]]
        assert trial.user_attrs["playbook"]["reason"] == ended[trial.number][1]
        curve = {e["step"]: e["val_error"] for e in bench.metrics(trial.number)}
        assert repr(trial.intermediate_values) == repr(curve)
        if trial.value is not None:
            assert trial.value == min(curve.values())
            assert trial.user_attrs["playbook"]["metrics"]["extra"] == trial.user_attrs["playbook"]["step"]
    first = next(trial for trial in ours.trials if trial.params["kind"] == "a")
    assert first.distributions["x"] == optuna.distributions.FloatDistribution(0.01, 1.0, log=True)
    assert first.distributions["n"] == optuna.distributions.IntDistribution(1, 5)
    assert (first.params["w"], first.params["b"], first.params["betas"]) == (None, True, "[0.9, 0.99]")
    assert "lr (kind=a)" in first.params
    ours.optimize(lambda trial: trial.suggest_float("x", 0.01, 1.0, log=True), n_trials=1)


@pytest.mark.slow
def test_trials_that_have_not_run_wait_in_optuna(bench):
    study = bench.study(trials=2)
    bench("run", study)
    with bench.paths().journal.open("a") as journal:
        journal.write('{"event": "planned", "trial": 2, "params": {"x": 0.25}, "arm": {}, "seed": 0}\n')
    bench("export", "runs/toy", "--to", "s.db")
    toy = opened("s.db")
    assert toy.trials[2].state.name == "WAITING"
    assert toy.ask().suggest_float("x", 0.0, 1.0) == 0.25


@pytest.mark.slow
def test_an_existing_storage_takes_further_studies_but_not_the_same_twice(bench):
    bench("run", bench.study(trials=1))
    assert bench("export", "runs/toy", "--to", "s.db").code == 0
    before = (bench.folder / "s.db").read_bytes()
    again = bench("export", "runs/toy", "--to", "s.db")
    assert (again.code, "already has a study named 'toy'" in again.err) == (2, True)
    assert (bench.folder / "s.db").read_bytes() == before
    bench("run", bench.study(trials=1, name="toy-2"))
    assert bench("export", "runs/toy-2", "--to", "s.db").code == 0
    assert optuna.get_all_study_names("sqlite:///s.db") == ["toy", "toy-2"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("sqlite:///theirs.db", "contains no Optuna studies"),
        ("text.db", "not an SQLite database"),
        ("nosuch://x/y", "Optuna cannot open this storage"),
    ],
)
def test_a_target_that_is_no_storage_is_refused_and_left_alone(bench, target, said):
    sqlite3.connect(bench.folder / "theirs.db").execute("CREATE TABLE mine (x)").connection.close()
    bench.write("text.db", "words " * 100)
    before = {path: path.read_bytes() for path in bench.folder.glob("*.db")}
    bench("run", bench.study(trials=1))
    answer = bench("export", "runs/toy", "--to", target)
    assert (answer.code, said in answer.err) == (2, True)
    assert {path: path.read_bytes() for path in bench.folder.glob("*.db")} == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sqlite:///none.db", "no such file"),
        ("sqlite:///theirs.db", "contains no Optuna studies"),
        ("theirs.db", "contains no Optuna studies"),
        ("sqlite:///text.db", "not an SQLite database"),
        ("nosuch://x/y", "Optuna cannot open this storage"),
    ],
)
def test_a_source_that_is_no_storage_is_refused_and_nothing_is_written(bench, source, said):
    sqlite3.connect(bench.folder / "theirs.db").execute("CREATE TABLE mine (x)").connection.close()
    bench.write("text.db", "words " * 100)
    before = sorted(bench.folder.iterdir())
    answer = bench("import", source, "--into", "runs/x")
    assert (answer.code, said in answer.err) == (2, True)
    assert sorted(bench.folder.iterdir()) == before


@pytest.mark.parametrize(
    ("kind", "values", "distribution"),
    [
        ("float", [2.0, 4.0, 16.0], {"name": "FloatDistribution", "low": 1.0, "high": 16.0, "log": True}),
        ("float", [2.0, 0.0, -1.0], {"name": "FloatDistribution", "low": -1.0, "high": 8.0, "log": False}),
        ("int", [2, 0, 3], {"name": "IntDistribution", "low": 0, "high": 8, "log": False}),
        ("int", [2, 2.5, 3], {"name": "FloatDistribution", "low": 1.0, "high": 8.0, "log": True}),
        ("float", [2.0, "auto", None], {"name": "CategoricalDistribution", "choices": [2.0, "auto", None]}),
    ],
)
def test_values_that_lie_outside_of_an_imported_range_are_exported_all_the_same(kind, values, distribution):
    space = [Parameter(name="x", label="x", role="nuisance", kind=kind, low=1.0, high=8.0, scale="log")]
    trials = [ended(number, {"x": value}, 0.5) for number, value in enumerate(values)]
    theirs = optuna.create_study()
    theirs.add_trials(made(studied([replace(t, best=None) for t in trials], space)))
    assert [trial.params["x"] for trial in theirs.trials] == values
    for trial in theirs.trials:
        written = json.loads(optuna.distributions.distribution_to_json(trial.distributions["x"]))
        assert {"name": written["name"], **written["attributes"]}.items() >= distribution.items()


def test_a_repeat_says_in_an_attribute_what_it_repeats():
    study = repeated(8, top=1)
    noted = [trial.user_attrs["playbook"]["repeat_of"] for trial in made(study)]
    assert noted == [trial.repeat_of for trial in study.trials]
    assert any(number is not None for number in noted)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trial_intermediate_values SET intermediate_value = 'a'",
        "UPDATE trial_params SET distribution_json = '[]'",
        "UPDATE trial_params SET distribution_json = NULL",
        "UPDATE trial_params SET param_value = 'a'",
        "UPDATE trials SET state = 'x'",
        "UPDATE trials SET number = NULL",
        "UPDATE trial_values SET value = 'a'",
        "DELETE FROM study_directions",
    ],
)
def test_a_storage_with_odd_cells_is_refused_with_one_message(tmp_path, bench, change):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 's.db'}")
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    trial.report(0.5, 1)
    study.tell(trial, 0.5)
    with contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as storage:
        storage.execute(change)
        storage.commit()
    answer = bench("import", "s.db", "--into", "runs/s")
    assert answer.code == 2
    assert answer.err.startswith("playbook: s.db: ")
    assert not (bench.folder / "runs").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"state": 3}', "[" * 100_000])
def test_what_an_import_noted_is_refused_where_it_is_damaged(tmp_path, bench, content):
    optuna.create_study(storage=f"sqlite:///{tmp_path / 's.db'}").optimize(lambda trial: 1.0, n_trials=1)
    bench("import", "s.db", "--into", "runs/s")
    source = bench.paths("s").trial(0).source
    source.write_text(content)
    answer = bench("export", "runs/s", "--to", "back.db")
    assert answer.code == 2
    assert "source.json: this file was changed after the import: " in answer.err
    assert not (tmp_path / "back.db").exists()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
VALUES = "i AS trial_value_id, 1 AS trial_id, i AS objective, 0.5 AS value, 'FINITE' AS value_type"
ATTRIBUTES = "i AS study_user_attribute_id, 1 AS study_id, 'k' || i AS key, '1' AS value_json"
INSERT = "INSERT INTO study_user_attributes SELECT NULL, 1, 'k' || i, '1'"
COMPUTED = {
    "values": [
        "ALTER TABLE trial_values RENAME TO kept",
        f"CREATE VIEW trial_values AS {ENDLESS} SELECT {VALUES} FROM n",
    ],
    "attributes": [
        "ALTER TABLE study_user_attributes RENAME TO kept",
        f"CREATE VIEW study_user_attributes AS {ENDLESS} SELECT {ATTRIBUTES} FROM n",
    ],
    "a trigger": [f"CREATE TRIGGER t AFTER INSERT ON studies BEGIN {INSERT} FROM ({ENDLESS} SELECT i FROM n); END"],
    "a virtual table": ["CREATE VIRTUAL TABLE words USING fts5(x)"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMPUTED)
def test_a_storage_that_computes_what_it_holds_is_refused(bench, kind):
    optuna.create_study(storage="sqlite:///s.db").optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with contextlib.closing(sqlite3.connect("s.db")) as storage:
        storage.execute("PRAGMA legacy_alter_table=on")
        for change in COMPUTED[kind]:
            storage.execute(change)
        storage.commit()
    bench("run", bench.study(trials=1))
    for arguments in (("import", "s.db", "--into", "runs/s"), ("export", "runs/toy", "--to", "s.db")):
        answer = bench(*arguments)
        assert answer.code == 2
        assert answer.err.startswith("playbook: s.db: this database contains views, triggers or virtual tables")


def test_a_trial_starts_and_ends_when_it_did_here() -> None:
    study = repeated(8, top=1)
    spans = [Span(start=1000.0, end=1060.0, slot="cpu0"), Span(start=2000.0, end=2090.5, slot="cpu1")]
    first, *_ = made(replace(study, trials=[replace(t, spans=spans) for t in study.trials]))
    assert first.datetime_start is not None
    assert first.datetime_complete is not None
    assert (first.datetime_start.timestamp(), first.datetime_complete.timestamp()) == (1000.0, 2090.5)
