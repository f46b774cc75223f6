"""Runs that other tools write, and what `playbook import` makes of them: every best value and step, as the tool has it.

    make tools && .venv-tools/bin/python -m benchmarks.tool_runs [TOOL ...]

Each tool writes into a temporary folder; then its own interface says what the best of each run is, and at which step.
`mlflow-live` and `wandb-live` are studies that `playbook run --log-to` wrote there, interrupted and resumed on the way.
Values are compared to single precision. Exits with 1 where any differs. `tests/importing/written` holds runs that were
made so once, for machines without these tools.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from playbook_cli.importing import sources
from playbook_cli.importing.runs import Ask

if TYPE_CHECKING:
    from collections.abc import Callable

METRIC = "val_loss"
RUNS = 4
STEPS = (10, 20, 30, 40)

Best = dict[str, tuple[float, int]]
"""By the name that a run has in the import: its least value, and at which step."""


def value(run: int, step: int) -> float:
    """Falls, and rises at the end: the best evaluation is not the last."""
    return run + 1 / step + (0.5 if step == STEPS[-1] else 0.0)


def mlflow(folder: Path) -> Best:
    import mlflow as tool

    tool.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    tool.set_experiment("e")
    for run in range(RUNS):
        with tool.start_run(run_name=f"r{run}"):
            tool.log_params({"lr": 0.1**run, "opt": "ab"[run % 2]})
            for step in STEPS:
                tool.log_metric(METRIC, value(run, step), step=step)
    client, found = tool.MlflowClient(), {}
    for run in client.search_runs([client.get_experiment_by_name("e").experiment_id]):
        best = min(client.get_metric_history(run.info.run_id, METRIC), key=lambda metric: metric.value)
        found[run.info.run_name] = best.value, best.step
    return found


def wandb(folder: Path) -> Best:
    """Its client reads no log: what was logged is what it must be."""
    import wandb as tool

    for run in range(RUNS):
        with tool.init(project="p", mode="offline", dir=folder, config={"lr": 0.1**run}, name=f"r{run}") as logged:
            for step in STEPS:
                logged.log({METRIC: value(run, step)}, step=step)
    return {f"r{run}": min((value(run, step), step) for step in STEPS) for run in range(RUNS)}


def tensorboard(folder: Path) -> Best:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    found = {}
    for run in range(RUNS):
        with SummaryWriter(str(folder / f"r{run}")) as writer:
            for step in STEPS:
                writer.add_scalar(METRIC, value(run, step), step)
            writer.add_hparams({"lr": 0.1**run}, {"hparam/x": 1.0})
        read = EventAccumulator(str(folder / f"r{run}"))
        read.Reload()
        best = min(read.Scalars(METRIC), key=lambda scalar: scalar.value)
        found[f"r{run}"] = best.value, best.step
    return found


def keras_tuner(folder: Path) -> Best:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras
    import keras_tuner as tool
    import numpy as np

    def build(hp: Any) -> Any:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Int("units", 2, 8)), keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.SGD(hp.Float("lr", 1e-3, 1e-1, sampling="log")), loss="mse")
        return model

    x = np.random.default_rng(1).random((32, 3))
    tuner = tool.RandomSearch(build, objective=METRIC, max_trials=RUNS, directory=folder, project_name="p", seed=1)
    tuner.search(x, x.sum(1), validation_data=(x, x.sum(1)), epochs=3, verbose=0)
    return {f"trial_{trial.trial_id}": (trial.score, trial.best_step) for trial in tuner.oracle.trials.values()}


SYNE = """
import argparse
from syne_tune import Reporter

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
asked, report = parser.parse_known_args()[0], Reporter()
for epoch in range(1, asked.epochs + 1):
    report(epoch=epoch, val_loss=asked.lr + 1 / epoch + (0.5 if epoch == asked.epochs else 0.0))
"""


def syne_tune(folder: Path) -> Best:
    os.environ["SYNETUNE_FOLDER"] = str(folder)
    from syne_tune import StoppingCriterion, Tuner
    from syne_tune.backend import LocalBackend
    from syne_tune.config_space import loguniform
    from syne_tune.experiments import load_experiment
    from syne_tune.optimizer.baselines import RandomSearch

    (folder / "train.py").write_text(SYNE)
    tuner = Tuner(
        trial_backend=LocalBackend(entry_point=str(folder / "train.py")),
        scheduler=RandomSearch({"lr": loguniform(1e-3, 1e-1), "epochs": 4}, metrics=[METRIC], random_seed=1),
        stop_criterion=StoppingCriterion(max_num_trials_finished=RUNS),
        n_workers=1,
        tuner_name="e",
        suffix_tuner_name=False,
        save_tuner=False,
    )
    tuner.run()
    rows = load_experiment("e").results
    best = rows.loc[rows.groupby("trial_id")[METRIC].idxmin()]
    return {f"trial {row.trial_id}": (getattr(row, METRIC), int(row.epoch)) for row in best.itertuples()}


def ax(folder: Path) -> Best:
    from ax.api.client import Client
    from ax.api.configs import RangeParameterConfig

    client = Client(random_seed=1)
    lr = RangeParameterConfig(name="lr", parameter_type="float", bounds=(1e-4, 1e-1), scaling="log")
    client.configure_experiment(name="e", parameters=[lr])
    client.configure_optimization(objective=f"-{METRIC}")
    for _ in range(RUNS):
        for index in client.get_next_trials(max_trials=1):
            for step in STEPS:
                client.attach_data(trial_index=index, raw_data={METRIC: value(index, step)}, progression=step)
            client.mark_trial_early_stopped(trial_index=index)
    client.save_to_json_file(str(folder / "ax.json"))
    found = {}
    for index, rows in client._experiment.lookup_data().full_df.groupby("trial_index"):  # noqa: SLF001 (no public way)
        best = rows.loc[rows["mean"].idxmin()]
        found[f"trial {index}_0"] = float(best["mean"]), int(best["step"])
    return found


STUDY = {
    "name": "live",
    "train": "toy:train",
    "metric": {"name": METRIC, "goal": "minimize"},
    "max_train_steps": 4,
    "eval_every": 1,
    "trials": RUNS,
    "nuisance": {"lr": {"min": 0.001, "max": 0.1, "scale": "log"}},
}
TRAIN = """
import time
from pathlib import Path

def train(trial):
    for step in trial.steps():
        if trial.should_evaluate(step):
            trial.report(step, val_loss=trial.params["lr"] + 1 / step + (0.5 if step == 4 else 0))
        while step == 2 and not Path("go").exists():
            time.sleep(0.01)
"""


def _live(folder: Path, tool: str, env: dict[str, str]) -> Best:
    """What Playbook says of a study that it wrote to a tool live: killed at first, then resumed, then complete."""
    (folder / "study.yaml").write_text(json.dumps(STUDY))
    (folder / "toy.py").write_text(TRAIN)
    command = [sys.executable, "-m", "playbook_cli", "run", "study.yaml", "--jobs", "2", "--log-to", tool]
    with subprocess.Popen(command, cwd=folder, env={**os.environ, **env}) as first:
        state = folder / "runs" / "live" / "log-to" / f"{tool}.json"
        while not (state.exists() and '"rows": 2' in state.read_text()):
            if first.poll() is not None:
                raise RuntimeError("it ended before it was to be killed")
            time.sleep(0.1)
        first.send_signal(signal.SIGKILL)
    (folder / "go").touch()
    for _ in range(2):
        subprocess.run(command, cwd=folder, env={**os.environ, **env}, check=True)
    report = [sys.executable, "-m", "playbook_cli", "report", "runs/live", "--json"]
    said = json.loads(subprocess.run(report, cwd=folder, check=True, capture_output=True, text=True).stdout)
    return {f"live-{trial['id']}": (trial["value"], trial["step"]) for trial in said["trials"]}


def mlflow_live(folder: Path) -> Best:
    """Its own client must say the same, and have every step once."""
    import mlflow as tool

    found = _live(folder, "mlflow", {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"})
    client = tool.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    for run in client.search_runs([client.get_experiment_by_name("live").experiment_id]):
        history = client.get_metric_history(run.info.run_id, METRIC)
        if sorted(metric.step for metric in history) != [1, 2, 3, 4] or run.info.status != "FINISHED":
            raise RuntimeError(f"{run.info.run_name} has {history}, and is {run.info.status}")
    return found


def wandb_live(folder: Path) -> Best:
    return _live(folder, "wandb", {"WANDB_MODE": "offline"})


SOURCES = {"ax": "ax.json", "keras_tuner": "p", "mlflow-live": "mlflow.db", "syne_tune": "e"}
TOOLS: dict[str, Callable[[Path], Best]] = {
    "mlflow": mlflow,
    "wandb": wandb,
    "tensorboard": tensorboard,
    "keras_tuner": keras_tuner,
    "syne_tune": syne_tune,
    "ax": ax,
    "mlflow-live": mlflow_live,
    "wandb-live": wandb_live,
}


def read(source: Path) -> Best:
    """The same of the runs that are imported."""
    found = {}
    for run in sources.read(Ask(source=str(source), metric=METRIC)).runs:
        curve = [(e[METRIC], int(e["step"])) for e in run.evaluations if math.isfinite(e.get(METRIC, math.nan))]
        found[run.name] = min(curve)
    return found


def main() -> int:
    wrong = 0
    for name in sys.argv[1:] or TOOLS:
        with tempfile.TemporaryDirectory() as temporary:
            said = TOOLS[name](Path(temporary))
            got = read(Path(temporary) / SOURCES.get(name, ""))
        same = said.keys() == got.keys() and all(
            math.isclose(said[run][0], got[run][0], rel_tol=1e-6) and said[run][1] == got[run][1] for run in said
        )
        print(f"{name:<12} {len(got)} runs: {'the same best value and step' if same else f'{said} but {got}'}")
        wrong += not same
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
