"""A trial's metrics file as columns, however it was left."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.records import Metric
from playbook_cli.storage import metrics
from playbook_cli.storage.metrics import TAIL_BYTES, best_of, latest, measure

LOSS = Metric(name="loss")


@pytest.fixture
def measured(tmp_path):
    def write(*lines, end="\n"):
        path = tmp_path / "metrics.jsonl"
        texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(texts) + end, encoding="utf-8")
        return measure(path)

    return write


def test_evaluations_become_columns(measured):
    found = measured({"step": 1, "loss": 2.0, "lr": 0.1}, {"step": 2, "loss": 1, "acc": 0.5})
    assert found.infeasible is None
    assert found.damaged is None
    assert found.curve is not None
    assert found.curve.steps.tolist() == [1, 2]
    assert found.curve.values["loss"].tolist() == [2.0, 1.0]
    np.testing.assert_equal(found.curve.values["lr"], [0.1, math.nan])
    np.testing.assert_equal(found.curve.values["acc"], [math.nan, 0.5])
    assert set(found.curve.values) == {"loss", "lr", "acc"}


def test_records_of_one_step_are_merged_and_steps_are_put_in_order(measured):
    curve = measured({"step": 4, "loss": 1.0}, {"step": 2, "loss": 2.0}, {"step": 4, "acc": 0.5}).curve
    assert curve.steps.tolist() == [2, 4]
    assert curve.values["loss"].tolist() == [2.0, 1.0]
    np.testing.assert_equal(curve.values["acc"], [math.nan, 0.5])


def test_no_file_and_no_evaluation_are_no_curve(tmp_path, measured):
    assert measure(tmp_path / "none").curve is None
    assert measured(end="").curve is None


def test_a_torn_last_line_never_happened(measured):
    found = measured({"step": 1, "loss": 1.0}, '{"step": 2, "lo', end="")
    assert found.curve.steps.tolist() == [1]
    assert found.damaged is None


@pytest.mark.parametrize(
    "line",
    [
        *("", "text", "[1]", "3", "{}", '{"loss": 1}', '{"step": "2"}', '{"step": 1.5}', '{"step": true}'),
        *('{"step": -1}', '{"step": null}', '{"step": 2, "loss": }', '{"step": 1e30}', "[" * 100_000),
    ],
    ids=lambda line: line[:20] or "empty",
)
def test_lines_that_are_no_evaluations_are_told_and_passed_over(measured, line):
    found = measured({"step": 1, "loss": 1.0}, line, {"step": 3, "loss": 0.5})
    assert found.curve.steps.tolist() == [1, 3]
    assert "metrics.jsonl: line 2 is not an evaluation" in found.damaged


def test_an_evaluation_broken_into_two_lines_is_damage(measured):
    found = measured({"step": 1, "loss": 1.0}, '{"step": 2', '"loss": 0.5}', {"step": 3, "loss": 0.7})
    assert found.curve.steps.tolist() == [1, 3]
    assert "line 2, 3 is not an evaluation" in found.damaged


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"step": 2, "loss": math.nan}, "loss is nan at step 2"),
        ({"step": 2, "loss": 0.5, "train_loss": math.inf}, "train_loss is inf at step 2"),
        ({"step": 2, "loss": -math.inf}, "loss is -inf at step 2"),
    ],
)
def test_what_is_not_finite_makes_a_trial_infeasible(measured, record, reason):
    found = measured({"step": 1, "loss": 1.0}, record)
    assert found.infeasible == reason
    assert found.curve.steps.tolist() == [1, 2]
    assert found.damaged is None


def test_a_trials_own_word_counts_and_is_no_evaluation(measured):
    found = measured(
        {"step": 1, "loss": 1.0}, {"step": 1, "infeasible": "out of memory"}, {"step": 1, "infeasible": "b"}
    )
    assert found.infeasible == "out of memory"
    assert found.curve.steps.tolist() == [1]
    assert "infeasible" not in found.curve.values
    assert measured({"step": 0, "infeasible": "no room"}).curve is None


def test_what_is_no_number_is_missing(measured):
    curve = measured({"step": 1, "loss": "low", "note": None, "ok": True, "list": [1]}).curve
    np.testing.assert_equal(curve.values["loss"], [math.nan])
    np.testing.assert_equal(curve.values["note"], [math.nan])
    assert curve.values["ok"].tolist() == [1.0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("curves")


LINES = st.one_of(
    st.builds(
        json.dumps,
        st.dictionaries(st.sampled_from(["step", "loss", "x"]), st.integers() | st.floats() | st.text(max_size=3)),
    ),
    st.builds(
        '{{"step": {}, "loss": {}}}'.format, st.integers(0, 10**25), st.sampled_from(["1", "NaN", "1" * 400, "1e999"])
    ),
    st.text(alphabet='{}[]",:0123456789.eEstplo ', max_size=30),
)


@pytest.mark.slow
@given(lines=st.lists(LINES, max_size=6), end=st.sampled_from(["", "\n"]))
def test_no_metrics_file_is_an_error(folder, lines, end):
    path = folder / "fuzzed.jsonl"
    path.write_text("\n".join(lines) + end, encoding="utf-8")
    found = measure(path)
    if found.curve is not None:
        assert (np.diff(found.curve.steps) > 0).all()
        best = best_of(found.curve, LOSS, 0, {})
        assert best is None or math.isfinite(best.value)
    latest(path)


def test_the_best_evaluation_is_the_first_of_equals(measured):
    curve = measured(*({"step": s, "loss": v} for s, v in [(1, 3.0), (2, 1.0), (3, 1.0), (4, 2.0)])).curve
    best = best_of(curve, LOSS, 7, {"x": 1})
    assert (best.trial, best.value, best.step, best.params) == (7, 1.0, 2, {"x": 1})
    assert best_of(curve, Metric(name="loss", goal="maximize"), 7, {}).step == 1


def test_only_finite_evaluations_of_the_metric_can_be_best(measured):
    curve = measured({"step": 1, "loss": math.inf}, {"step": 2, "loss": 5.0}, {"step": 3, "other": 0.0}).curve
    assert best_of(curve, LOSS, 0, {}).step == 2
    assert best_of(curve, Metric(name="acc"), 0, {}) is None
    assert best_of(None, LOSS, 0, {}) is None
    assert best_of(measured({"step": 1, "loss": math.nan}).curve, LOSS, 0, {}) is None


def test_the_newest_evaluation_is_read_from_the_end(tmp_path):
    path = tmp_path / "m"
    assert latest(path) is None
    path.write_text("")
    assert latest(path) is None
    records = "".join(json.dumps({"step": step, "pad": "x" * 100}) + "\n" for step in range(1000))
    path.write_text(records + '{"step": 1000, "torn')
    assert latest(path)["step"] == 999
    path.write_text(records + "damaged\n[1]\n")
    assert latest(path)["step"] == 999
    path.write_text('{"step": 1, "pad": "' + "x" * 2 * TAIL_BYTES + '"}\n')
    assert latest(path) is None
    path.write_text('{"step": 1}\n' + "[" * 4000 + "\n")
    assert latest(path) == {"step": 1}


@pytest.fixture(params=[1, 7, 64, 300])
def piecemeal(request, monkeypatch, measured):
    """`measured`, of a file that is read in pieces of so many bytes."""

    def write(*lines, end="\n"):
        whole = measured(*lines, end=end)
        with monkeypatch.context() as patch:
            patch.setattr(metrics, "CHUNK_BYTES", request.param)
            return measured(*lines, end=end), whole

    return write


@pytest.mark.parametrize(
    "lines",
    [
        [{"step": step, "loss": step / 7, "lr": 1} for step in range(40)],
        [{"step": step, "loss": step / 7} if step % 3 else {"step": step, "acc": 0.5} for step in range(20)],
        [{"step": step // 2, "loss" if step % 2 else "acc": step / 7} for step in range(20)],
        [{"step": 20 - step, "loss": step / 7} for step in range(20)],
        [*({"step": step, "loss": step / 7} for step in range(20)), {"step": 20, "loss": math.nan}],
        [*({"step": step, "loss": 1} for step in range(9)), "x", {"no": 1}, {"step": 9, "loss": 2}, "[" * 400, "y"],
        [{"step": 1, "loss": 1.0}, {"step": 1, "infeasible": "no room"}, {"step": 1, "failed": "why"}],
        [
            {"step": 1, "loss": "0.5", "a": 1},
            {"step": 2, "loss": None, "a": True},
            {"step": 3, "loss": 2, "a": 10**400},
        ],
        [],
    ],
    ids=["plain", "other-names", "parts", "backwards", "diverged", "damaged", "words", "no-numbers", "empty"],
)
@pytest.mark.parametrize("end", ["\n", '\n{"step": 99, "lo'])
def test_however_a_file_is_read_it_says_the_same(piecemeal, lines, end):
    found, whole = piecemeal(*lines, end=end)
    assert (found.infeasible, found.damaged) == (whole.infeasible, whole.damaged)
    assert (found.curve is None) == (whole.curve is None)
    if whole.curve is not None:
        assert found.curve.steps.tolist() == whole.curve.steps.tolist()
        np.testing.assert_equal(dict(found.curve.values), dict(whole.curve.values))


def test_a_line_longer_than_any_evaluation_is_damage_and_is_never_held_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(metrics, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(metrics, "LINE_BYTES", 5000)
    path = tmp_path / "metrics.jsonl"
    good = '{"step": 1, "loss": 1.0}\n', '{"step": 3, "loss": 0.5}\n'
    path.write_text(good[0] + '{"step": 2, "x": "' + "y" * 20_000 + '"}\n' + good[1] + "z" * 20_000)
    found = measure(path)
    assert found.curve.steps.tolist() == [1, 3]
    assert "line 2 is not an evaluation" in found.damaged


def test_a_trial_that_diverges_at_its_end_is_read_to_its_end(measured):
    found = measured(
        *({"step": step, "loss": 1 / (step + 1)} for step in range(1000)), {"step": 1000, "loss": math.inf}
    )
    assert found.infeasible == "loss is inf at step 1000"
    assert len(found.curve.steps) == 1001
