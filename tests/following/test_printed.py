"""Evaluations in what a program prints."""

from __future__ import annotations

import itertools
import math
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook_cli.following import limited
from playbook_cli.following.printed import LONGEST_LINE, Counting, Printed

TRAIN = r"iter (?P<step>\d+): loss (?P<train_loss>\S+)"
VAL = r"step (?P<step>\d+): val loss (?P<val_loss>\S+) acc (?P<acc>\S+)"


def read(text, *patterns, step="step"):
    printed = Printed(patterns or [TRAIN, VAL], step)
    return [*printed.feed(text.encode() if isinstance(text, str) else text), *printed.finish()], printed


def test_named_groups_are_metrics_at_their_step():
    text = "hello\niter 5: loss 0.5\n[rank0] step 5: val loss 0.25, acc 98%\niter 6: loss 1e-3"
    readings, printed = read(text)
    assert readings == [
        (5, {"train_loss": 0.5}),
        (5, {"val_loss": 0.25, "acc": 98.0}),
        (6, {"train_loss": 0.001}),
    ]
    assert (printed.unmatched, printed.problems) == ([], [])


@given(st.data())
def test_how_output_is_cut_changes_nothing(data):
    content = "é step 1: val loss 1 acc 2\r\n\x1b[32miter 2: loss 3\x1b[0m\rit 4\nstep 5: val loss nan acc 6".encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    printed = Printed([TRAIN, VAL])
    ends = [0, *cuts, len(content)]
    readings = [r for start, end in itertools.pairwise(ends) for r in printed.feed(content[start:end])]
    assert repr([*readings, *printed.finish()]) == repr(
        [(1, {"val_loss": 1.0, "acc": 2.0}), (2, {"train_loss": 3.0}), (5, {"val_loss": math.nan, "acc": 6.0})]
    )


def test_a_pattern_without_a_step_belongs_to_the_step_before_it():
    readings, _ = read("acc 0.1\nepoch 3\nacc 0.5\n", r"epoch (?P<step>\d+)", r"acc (?P<acc>\S+)")
    assert readings == [(0, {"acc": 0.1}), (3, {"acc": 0.5})]


def test_what_a_line_with_a_step_shows_belongs_to_that_step():
    readings, _ = read("T 1 acc 0.1\nT 2 acc 0.5\n", r"acc (?P<acc>\S+)", r"T (?P<step>\d+) acc (?P<acc>\S+)")
    assert dict(readings) == {1: {"acc": 0.1}, 2: {"acc": 0.5}}


def test_evaluations_without_a_step_are_counted_by_the_metric():
    counting = Counting(group="acc", first=0, every=5)
    printed = Printed([r"acc (?P<acc>\S+)", r"f1 (?P<f1>\S+)"], "step", counting)
    readings = [*printed.feed(b"acc 0.1\nf1 3\nloss 4\nacc 0.5\nf1 6\nacc ?\nacc 0.7"), *printed.finish()]
    assert readings == [(0, {"acc": 0.1}), (0, {"f1": 3}), (5, {"acc": 0.5}), (5, {"f1": 6}), (15, {"acc": 0.7})]


def test_the_step_may_have_another_name():
    assert read("it 7 loss 1\n", r"it (?P<it>\d+) loss (?P<loss>\S+)", step="it")[0] == [(7, {"loss": 1.0})]


def test_patterns_that_never_matched_are_known():
    _, printed = read("\n".join(f"line {i}" for i in range(9)), TRAIN)
    assert printed.unmatched == [f"no line matched '{TRAIN}'"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("iter 5: loss n/a\niter 6: loss -\n", "train_loss is 'n/a', not a number, in the line\n    iter 5: loss n/a"),
        ("iter 99999999999999999999: loss 1\n", "the step '99999999999999999999' is not a whole number"),
    ],
)
def test_a_match_that_is_no_number_is_told_once_with_its_line(text, problem):
    readings, printed = read(text)
    assert readings == []
    assert len(printed.problems) == 1
    assert printed.problems[0].startswith(problem)


def test_an_endless_line_takes_no_memory():
    printed = Printed([TRAIN])
    assert printed.feed(b"iter 1: loss 2 " + b"x" * 50_000) == [(1, {"train_loss": 2.0})]
    for _ in range(100):
        assert printed.feed(b"iter 2: loss 3 " * 1000) == []
        assert len(printed._rest) <= 5 * LONGEST_LINE
    assert printed.feed(b"\niter 4: loss 5\n") == [(4, {"train_loss": 5.0})]


@pytest.mark.parametrize(
    ("pattern", "line"),
    [("^(a+)+$", "a" * 40 + "!"), (r"epoch (\d+\.?\d*\s*)+ done", "epoch " + " ".join(["0.1234567"] * 60) + " x")],
)
def test_a_pattern_that_does_not_end_is_given_up_with_its_line(monkeypatch, pattern, line):
    monkeypatch.setattr(limited, "SECONDS", 0.05)
    readings, printed = read(f"iter 5: loss 1\n{line}\niter 6: loss 1\n", TRAIN, pattern)
    assert readings == [(5, {"train_loss": 1.0})]
    assert f"the pattern '{pattern}' in metrics.stdout takes too long to match" in printed.too_slow
    assert line[:100] in printed.too_slow
    assert signal.getsignal(signal.SIGVTALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


@pytest.mark.slow
def test_many_lines_that_take_long_together_are_no_pattern_that_does_not_end(monkeypatch):
    monkeypatch.setattr(limited, "SECONDS", 0.01)
    lines = "".join(f"iter {step}: loss 1\n" for step in range(50_000))
    readings, printed = read(lines, TRAIN)
    assert (len(readings), printed.too_slow) == (50_000, None)


def test_outside_of_the_main_thread_patterns_match_as_well():
    with ThreadPoolExecutor() as pool:
        assert pool.submit(read, "iter 5: loss 1\n", TRAIN).result()[0] == [(5, {"train_loss": 1.0})]
