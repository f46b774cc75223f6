"""How scripts print their numbers."""

from __future__ import annotations

import ast
import re

import pytest

from playbook_cli.starting.naming import likely
from playbook_cli.starting.shown import patterns, reported


@pytest.mark.parametrize(
    ("line", "names", "expected"),
    [
        (
            "f\"step {it}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}\"",
            {"it": 20, "losses": {"train": 0.5, "val": 0.25}},
            {"step": "20", "train_loss": "0.5000", "val_loss": "0.2500"},
        ),
        (
            'f"Epoch: {epoch:03d}/{total} | acc={accuracy:6.2f}% (lr {lr:.1e}, took {time.time() - t:.1f}s)\\n"',
            {"epoch": 3, "total": 10, "accuracy": 9.5, "lr": 1e-5, "time": __import__("time"), "t": 0},
            {"step": "003", "acc": "9.50"},
        ),
        (
            'f"{global_step} {val_loss.item()}"',
            {"global_step": 7, "val_loss": type("T", (), {"item": lambda self: 1e-7})()},
            {"step": "7", "val_loss": "1e-07"},
        ),
        (
            "'| epoch {:3d} | {:5d}/{} batches | lr {lr:.2f} | loss {:5.2f}\\n'.format(epoch, 1, 2, loss, lr=0.1)",
            {"epoch": 3, "loss": 0.5},
            {"step": "3", "loss": "0.50"},
        ),
        (
            "'Epoch [%d/%2d] %5.1f%% Loss: %.3e' % (epoch, 10, 5.0, total_loss / n)",
            {"epoch": 3, "total_loss": 1.0, "n": 2},
            {"step": "3", "loss": "5.000e-01"},
        ),
        ('f"[{step}] loss: {loss}"', {"step": 1, "loss": float("nan")}, {"step": "1", "loss": "nan"}),
    ],
)
def test_the_pattern_of_a_line_finds_its_numbers(line, names, expected):
    (pattern,) = patterns(ast.parse(f"print({line})"))
    shown = eval(line, names)
    assert re.search(pattern.text, shown).groupdict() == expected
    assert pattern.metrics == tuple(name for name in expected if name != "step")


@pytest.mark.parametrize("line", ['f"loss {loss}"', 'f"step {step}"', '"step 1 loss 2"', 'f"{a} {b}"', "x"])
def test_lines_without_a_step_and_a_metric_are_none(line):
    assert patterns(ast.parse(f"print({line})")) == []


def test_a_line_about_held_out_data_belongs_to_the_step_before_it():
    test = "print('\\nTest set: Average loss: {:.4f}, Accuracy: {}/{}\\n'.format(loss, correct, n))"
    train = "print('Train Epoch: {} [{}/{}]\\tLoss: {:.6f}'.format(epoch, i, n, loss.item()))"
    assert patterns(ast.parse(test)) == []
    found = patterns(ast.parse(f"{train}\n{test}"))
    assert [pattern.metrics for pattern in found] == [("train_loss",), ("test_average_loss", "test_accuracy")]
    read = re.search(found[1].text, "Test set: Average loss: 0.0482, Accuracy: 9840/10000").groupdict()
    assert read == {"test_average_loss": "0.0482", "test_accuracy": "9840"}
    assert re.search(found[0].text, "Train Epoch: 2 [640/6000]\tLoss: 0.300000")["step"] == "2"
    assert likely(name for pattern in found for name in pattern.metrics) == "test_average_loss"


def test_a_study_looks_at_held_out_data_first():
    source = 'print(f"it {it} loss {loss}")\nprint(f"it {it} train acc {a} test acc {b}")\n'
    found = patterns(ast.parse(source))
    assert [pattern.line for pattern in found] == [1, 2]
    assert likely(name for pattern in found for name in pattern.metrics) == "test_acc"
    assert likely(found[0].metrics) == "loss"
    assert likely([]) is None


def test_what_is_reported_are_the_names_in_calls_of_report():
    tree = ast.parse("trial.report(step, train_loss=a, val_error=b)\nother(loss=1)\ntrial.report(step, **more)")
    assert reported(tree) == ["train_loss", "val_error"]
    assert likely(reported(tree)) == "val_error"
