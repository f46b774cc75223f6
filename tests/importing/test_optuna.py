"""What Optuna itself wrote: constraints of both kinds, and journals."""

from __future__ import annotations

import pytest

from playbook_cli.importing import optuna as reader
from playbook_cli.importing.importing import Wish, study
from playbook_cli.importing.runs import Ask
from playbook_cli.importing.sources import read

optuna = pytest.importorskip("optuna", reason="Optuna is not installed")
optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial, *, new):
    x = trial.suggest_float("x", -10, 10)
    if new:
        trial.set_constraint("mem", -x)
    return x


@pytest.mark.slow
@pytest.mark.parametrize("new", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_trials_that_violate_a_constraint_are_infeasible_and_the_best_is_optunas(tmp_path, new):
    if new and not hasattr(optuna.trial.Trial, "set_constraint"):
        pytest.skip("this Optuna has constraints_func alone")
    url = f"sqlite:///{tmp_path / 'study.db'}"
    sampler = (
        optuna.samplers.RandomSampler(seed=1)
        if new
        else optuna.samplers.TPESampler(seed=1, constraints_func=lambda trial: [0.0, -trial.params["x"]])
    )
    made = optuna.create_study(storage=url, sampler=sampler)
    made.optimize(lambda trial: objective(trial, new=new), n_trials=12)
    found = read(Ask(source=str(tmp_path / "study.db")))
    feasible = [trial for trial in made.trials if trial.params["x"] >= 0]
    assert 0 < len(feasible) < 12
    assert [run.state for run in found.runs] == [
        "completed" if trial.params["x"] >= 0 else "infeasible" for trial in made.trials
    ]
    reason = next(run.reason for run in found.runs if run.state == "infeasible")
    assert reason.startswith(f"violates the constraint {'mem' if new else '1'}: ")
    assert any("violate a constraint" in note for note in found.notes)
    trials = study(found, Wish(name="x")).trials
    best = min(t.run.evaluations[0]["value"] for t in trials if t.state == "completed")
    assert best == made.best_value


def test_a_journal_is_read_as_the_storage_that_it_is(tmp_path):
    from optuna.storages.journal import JournalFileBackend

    path = tmp_path / "journal.log"
    storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    made = optuna.create_study(storage=storage, direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    made.optimize(lambda trial: trial.suggest_float("lr", 1e-5, 1, log=True), n_trials=5)
    before = path.read_bytes()
    found = read(Ask(source=str(path)))
    assert (found.format, found.goal) == ("optuna", "maximize")
    assert [run.evaluations[0]["value"] for run in found.runs] == [trial.value for trial in made.trials]
    assert found.space == {"lr": {"min": 1e-5, "max": 1.0, "scale": "log"}}
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"[1]\n", b'{"op_code": 0}\n', b"\xff\xfe\n"])
def test_other_files_are_no_journals(tmp_path, content):
    path = tmp_path / "file.log"
    path.write_bytes(content)
    assert not reader.is_storage(str(path))
