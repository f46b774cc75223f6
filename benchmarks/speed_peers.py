"""How the peers of `speed.py` record and read: TensorBoard's event files, Optuna's SQLite storage."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Numbers = dict[str, float]


def add_scalar(folder: Path, records: list[Numbers]) -> None:
    """TensorBoard: a call for each metric, flushed at the end."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step, record in enumerate(records, start=1):
            for name, value in record.items():
                writer.add_scalar(name, value, step)


def trial_report(folder: Path, records: list[Numbers]) -> None:
    """Optuna: `trial.report` takes one number a step, the first metric."""
    trial = _study(folder).ask()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step, record in enumerate(records, start=1):
            trial.report(next(iter(record.values())), step)


def fill_optuna(folder: Path, trials: Iterator[list[Numbers]]) -> None:
    """A study whose trials have the first metric of these records as intermediate values."""
    import optuna

    study = _study(folder)
    for records in trials:
        values = {step: next(iter(record.values())) for step, record in enumerate(records, start=1)}
        study.add_trial(optuna.trial.create_trial(value=0.0, intermediate_values=values))


def read_events(folder: Path) -> int:
    """Every scalar of every run below `folder`; their number."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    count = 0
    for run in sorted(folder.iterdir()):
        accumulator = EventAccumulator(str(run), size_guidance={"scalars": 0})
        accumulator.Reload()
        count += sum(len(accumulator.Scalars(tag)) for tag in accumulator.Tags()["scalars"])
    return count


def read_optuna(folder: Path) -> int:
    """Every intermediate value of a study that is opened afresh; their number."""
    return sum(len(trial.intermediate_values) for trial in _study(folder).trials)


def _study(folder: Path):
    import optuna

    folder.mkdir(exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = f"sqlite:///{folder / 'study.db'}"
    return optuna.create_study(storage=storage, study_name="speed", load_if_exists=True)
