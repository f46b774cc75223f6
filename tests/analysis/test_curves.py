"""Learning curves against their own noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from playbook_cli.analysis import curves
from playbook_cli.analysis.curves import Line, Series
from playbook_cli.records import Curve, Metric

ERROR = Metric(name="val_error")


def curve(**columns: list[float]) -> Curve:
    count = len(next(iter(columns.values())))
    return Curve(steps=np.arange(1, count + 1) * 10, values={k: np.array(v, dtype=float) for k, v in columns.items()})


def series(losses: np.ndarray) -> Series:
    return Series(name="val_error", steps=np.arange(1.0, losses.size + 1), losses=losses)


@pytest.mark.parametrize("name", ["train_loss", "training/loss", "loss.train", "Train-NLL", "loss"])
def test_training_losses_are_recognised_by_name(name: str) -> None:
    found = curves.training_loss(curve(**{name: [1.0, 0.5], "val_error": [1.0, 0.9]}), ERROR)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("name", ["val_loss", "grad_norm", "train_accuracy", "trainable", "constraint_loss"])
def test_other_columns_are_no_training_loss(name: str) -> None:
    assert curves.training_loss(curve(**{name: [1.0, 0.5]}), ERROR) is None


def test_the_training_loss_is_preferred_to_the_training_error() -> None:
    found = curves.training_loss(curve(train_error=[1.0, 0.5], train_loss=[2.0, 1.0]), ERROR)
    assert found is not None
    assert found.name == "train_loss"


@pytest.mark.parametrize("name", ["val_loss", "validation/loss", "eval_loss", "valid.nll"])
def test_validation_losses_are_recognised_by_name(name: str) -> None:
    found = curves.validation_loss(curve(**{name: [1.0, 0.5], "val_error": [1.0, 0.9]}), ERROR)
    assert found is not None
    assert found.name == name


def test_a_maximized_metric_is_turned_around() -> None:
    found = curves.objective(curve(acc=[0.1, 0.9]), Metric(name="acc", goal="maximize"))
    assert found is not None
    assert found.losses.tolist() == [-0.1, -0.9]
    assert found.drop == pytest.approx(0.8)


def test_evaluations_without_the_metric_are_left_out() -> None:
    found = curves.objective(curve(val_error=[math.nan, 0.5, math.inf, 0.4]), ERROR)
    assert found is not None
    assert found.steps.tolist() == [20.0, 40.0]
    assert curves.objective(curve(val_error=[math.nan]), ERROR) is None
    assert curves.objective(None, ERROR) is None


def test_noise_is_measured_on_a_falling_curve() -> None:
    t = np.linspace(0, 1, 400)
    noisy = np.exp(-3 * t) + 0.02 * np.random.default_rng(0).normal(size=400)
    assert curves.noise(noisy) == pytest.approx(0.02, rel=0.15)
    assert curves.noise(np.exp(-3 * t)) < 1e-4
    assert math.isnan(curves.noise(np.array([1.0, 2.0, 1.0])))


def test_a_line_knows_a_fall_from_noise() -> None:
    rng = np.random.default_rng(1)
    falling = curves.line(series(1 - 0.5 * np.linspace(0, 1, 40) + 0.01 * rng.normal(size=40)), 0.5)
    assert falling.fall == pytest.approx(0.25, abs=0.03)
    assert falling.p_fall() < 1e-4
    assert falling.p_fall(0.25) > 0.05
    assert falling.p_rise() > 0.99
    flat = curves.line(series(0.01 * rng.normal(size=40)), 0.5)
    assert flat.p_fall() > 0.01
    assert flat.p_flat(0.1) < 0.01


def test_false_alarms_of_a_line_are_as_rare_as_they_claim() -> None:
    rng = np.random.default_rng(2)
    alarms = sum(curves.line(series(rng.normal(size=40)), 0.25).p_fall() < 0.05 for _ in range(1000))
    assert alarms < 75


def test_a_rise_counts_from_the_lowest_level_not_from_the_luckiest_evaluation() -> None:
    rng = np.random.default_rng(3)
    flat = [curves.rise(series(rng.normal(size=50))).p_value() < 0.05 for _ in range(300)]
    assert sum(flat) < 20
    t = np.linspace(0, 1, 50)
    turned = curves.rise(series(np.abs(t - 0.4) + 0.01 * rng.normal(size=50)))
    assert turned.p_value() < 1e-4
    assert turned.rise == pytest.approx(0.55, abs=0.1)
    assert 15 <= turned.lowest_step <= 28


def test_the_drop_of_a_curve_that_only_rises_is_its_range() -> None:
    rising = series(np.array([1.0, 2.0, 3.0]))
    assert rising.drop == rising.later_drop == 2.0


def test_pooled_lines_are_weighed_by_their_scales() -> None:
    lines = [Line(fall=1.0, error=0.1, free=5), Line(fall=20.0, error=1.0, free=5)]
    mean = curves.pooled(lines, [10.0, 100.0])
    assert mean.fall == pytest.approx(0.15)
    assert mean.error == pytest.approx(math.hypot(0.01, 0.01) / 2)
    assert curves.pooled(lines, [0.0, 0.0]).p_fall() == 1.0


def test_curves_without_noise_are_certain() -> None:
    assert Line(fall=1.0, error=0.0, free=3).p_fall() == 0.0
    assert Line(fall=0.0, error=0.0, free=3).p_fall() == 1.0


def wandering(rng: np.random.Generator, count: int, memory: float) -> np.ndarray:
    noise = rng.normal(size=count)
    for i in range(1, count):
        noise[i] = memory * noise[i - 1] + math.sqrt(1 - memory**2) * noise[i]
    return noise


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.8])
def test_the_memory_of_noise_is_measured_on_many_falling_curves(memory: float) -> None:
    rng = np.random.default_rng(4)
    t = np.linspace(0, 1, 60)
    made = [series(np.exp(-3 * t) + 0.02 * wandering(rng, 60, memory)) for _ in range(40)]
    assert curves.memory(made) == pytest.approx(memory, abs=0.1)


@pytest.mark.parametrize("step", [0.45, 0.62, 0.9])
def test_a_step_in_curves_is_no_memory_of_their_noise_and_no_noise(step: float) -> None:
    rng = np.random.default_rng(5)
    t = np.linspace(0, 1, 60)
    made = [series(np.where(t < step, 1.0, 0.5) + 0.02 * rng.normal(size=60)) for _ in range(40)]
    assert curves.memory(made) < 0.2
    assert np.median([s.jitter for s in made]) == pytest.approx(0.02, rel=0.3)


def test_false_alarms_of_lines_through_wandering_noise_are_rare_once_its_memory_is_known() -> None:
    rng = np.random.default_rng(6)
    alarms = {0.0: 0, 0.8: 0}
    for _ in range(300):
        lines = [series(wandering(rng, 60, 0.8)) for _ in range(5)]
        for memory in alarms:
            pooled = curves.pooled([curves.line(s, 1 / 3, memory) for s in lines], [1.0] * 5)
            alarms[memory] += pooled.p_fall() < 0.05
    assert alarms[0.8] < 25 < alarms[0.0]


def test_of_thousands_of_evaluations_the_levels_count_not_the_luckiest_one() -> None:
    rng = np.random.default_rng(7)
    many = series(np.linspace(1.0, 0.5, 5000) + 0.1 * rng.normal(size=5000))
    assert many.blocks.losses.size == curves.MOST
    assert many.drop == pytest.approx(0.47, abs=0.05)
    assert many.later_drop == pytest.approx(0.42, abs=0.05)
    assert many.jitter == pytest.approx(0.1, rel=0.1)


def test_a_line_covers_a_share_of_the_training_however_uneven_its_evaluations_are() -> None:
    steps = np.concatenate([np.arange(1.0, 101.0), np.arange(110.0, 1001.0, 10.0)])
    uneven = Series(name="val_error", steps=steps, losses=1 - steps / 1000)
    assert curves.line(uneven, 0.25).fall == pytest.approx(0.25, abs=0.01)
    assert uneven.jitter < 1e-9


def test_a_change_below_the_noise_of_one_evaluation_is_flat() -> None:
    line = Line(fall=0.1, error=0.02, free=50, noise=1.0)
    assert line.p_less(0.05) < 1e-4
    assert line.p_flat(0.05) < 1e-4
    assert replace(line, noise=0.0).p_less(0.05) > 0.9


@pytest.mark.parametrize(("end", "rises"), [(0.2, False), (1.2, True)])
def test_a_rise_since_a_step_counts_beyond_noise(end: float, rises) -> None:
    t = np.linspace(0, 1, 50)
    losses = np.where(t < 0.4, 2 - 4 * t, 0.4 + (end - 0.4) * (t - 0.4) / 0.6)
    assert curves.rises_since(series(losses + 0.01 * np.cos(40 * t)), 20.0, 0.05) is rises
