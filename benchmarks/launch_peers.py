"""How the peers of `launch.py` run the same trials: programs that are given the number of trials and how many at once.

Each is written as the peer's own documentation has it, with what makes it fast for short trials: no pruning, no
dashboard, no pauses. Optuna trains in threads of one process, so that a trial which crashes hard takes all with it.
Syne Tune may start one trial more than it is asked for.
"""

from __future__ import annotations

from importlib.util import find_spec

OPTUNA = """
import sys
import optuna
from fitted import fit

def objective(trial):
    errors = []
    def report(step, val_error):
        trial.report(val_error, step)
        errors.append(val_error)
    fit(trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True), range(1, 21), report, trial.number)
    return min(errors)

optuna.create_study().optimize(objective, n_trials=int(sys.argv[1]), n_jobs=int(sys.argv[2]))
"""
RAY_TUNE = """
import os, sys
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
import ray
from ray import tune

folder = os.getcwd()

def objective(config):
    sys.path.insert(0, folder)
    from fitted import fit
    report = lambda step, val_error: tune.report({"step": step, "val_error": val_error})
    fit(config["learning_rate"], range(1, 21), report)

ray.init(num_cpus=int(sys.argv[2]), include_dashboard=False, log_to_driver=False)
found = tune.Tuner(
    tune.with_resources(objective, {"cpu": 1}),
    param_space={"learning_rate": tune.loguniform(1e-4, 1e-2)},
    tune_config=tune.TuneConfig(
        metric="val_error", mode="min", num_samples=int(sys.argv[1]), reuse_actors=REUSE
    ),
    run_config=tune.RunConfig(storage_path=os.path.join(folder, "ray"), verbose=0),
).fit()
assert len(found) == int(sys.argv[1]) and not found.num_errors
"""
SYNE_TUNE = """
import os, sys
if "--learning_rate" in sys.argv:
    from fitted import fit
    from syne_tune import Reporter
    told = Reporter()
    rate = float(sys.argv[sys.argv.index("--learning_rate") + 1])
    fit(rate, range(1, 21), lambda step, val_error: told(step=step, val_error=val_error))
else:
    os.environ["SYNETUNE_FOLDER"] = os.path.join(os.getcwd(), "syne")
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import loguniform
    from syne_tune.optimizer.baselines import RandomSearch
    tuner = Tuner(
        trial_backend=LocalBackend(entry_point=os.path.abspath("peer.py"), rotate_gpus=False),
        scheduler=RandomSearch({"learning_rate": loguniform(1e-4, 1e-2)}, metrics=["val_error"]),
        stop_criterion=StoppingCriterion(max_num_trials_started=int(sys.argv[1])),
        wait_trial_completion_when_stopping=True,
        n_workers=int(sys.argv[2]),
        sleep_time=0.01,
        save_tuner=False,
    )
    tuner.run()
"""
_ALL = {
    "Optuna, threads of one process": ("optuna", OPTUNA),
    "Ray Tune": ("tensorboardX", RAY_TUNE.replace("REUSE", "False")),
    "Ray Tune, `reuse_actors`": ("tensorboardX", RAY_TUNE.replace("REUSE", "True")),
    "Syne Tune, local backend": ("syne_tune", SYNE_TUNE),
}
PEERS = {name: program for name, (package, program) in _ALL.items() if find_spec(package) is not None}
"""Those that this environment has; tensorboardX is what `ray[tune]` brings besides Ray."""
