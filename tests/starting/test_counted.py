"""Evaluations that a program prints without their step."""

from __future__ import annotations

import pytest

from playbook_cli.spec.fill import FILL
from playbook_cli.starting.script import draft_script

HEAD = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", type=float, default=0.1)
p.add_argument("--epochs", type=int, default=9)
p.add_argument("--steps", type=int, default=400)
p.add_argument("--eval-freq", type=int, default=50)
args = p.parse_args()
def test():
    loss = model(held_out)
    print(f"test loss {loss}")
"""
STEPS = HEAD.replace('p.add_argument("--epochs", type=int, default=9)\n', "")


@pytest.fixture
def drafted(tmp_path):
    def make(source):
        script = tmp_path / "fit.py"
        script.write_text(source)
        return draft_script(script, tmp_path)

    return make


@pytest.mark.parametrize(
    ("loop", "first", "every"),
    [
        (HEAD + "for epoch in range(args.epochs):\n    train()\n    test()\n", "eval_every", 1),
        (HEAD + "test()\nfor epoch in range(args.epochs):\n    train()\n    test()\n", 0, 1),
        (HEAD + "for epoch in range(1, args.epochs + 1):\n    test()\n    train()\n", 0, 1),
        (STEPS + "for i in range(args.steps):\n    if i % 20 == 0:\n        test()\n    train()\n", 0, 20),
        (STEPS + "for i in range(args.steps):\n    if i > 0 and i % 20 == 0:\n        test()\n", "eval_every", 20),
        (
            STEPS
            + "for i in range(args.steps):\n    if (i + 1) % args.eval_freq == 0 and rank == 0:\n        test()\n",
            "eval_every",
            50,
        ),
        (HEAD + "for epoch in range(args.epochs):\n    train()\ntest()\n", "eval_every", 9),
    ],
)
def test_they_are_counted_where_the_loop_says_when_they_come(drafted, loop, first, every):
    draft = drafted(loop)
    assert draft.data["metrics"] == {"stdout": [r"test loss \s*\[?(?P<test_loss>[-+.\w]+)"], "first": first}
    assert (draft.data["metric"]["name"], draft.data["eval_every"]) == ("test_loss", every)


@pytest.mark.parametrize(
    "loop",
    [
        "for epoch in range(args.epochs):\n    train()\n    test()\ntest()\n",  # one more at the end
        "for epoch in range(args.epochs):\n    train()\n    for fold in folds:\n        test()\n",
        "for epoch in range(args.epochs):\n    train()\n    test()\n    test()\n",
        "for epoch in range(args.epochs):\n    train()\n    if loss < best:\n        test()\n",
        "for epoch in range(args.epochs):\n    if bad():\n        continue\n    train()\n    test()\n",
        "for epoch in range(args.epochs):\n    train()\n    if epoch % 2 == 0 or epoch == 8:\n        test()\n",
        "for batch in loader:\n    train()\n    test()\n",
        "for epoch in range(args.epochs):\n    train()\n    test()\n    print(f'test loss {best}')\n",
    ],
)
def test_nothing_is_counted_where_that_is_not_certain(drafted, loop):
    assert drafted(HEAD + loop).data["metrics"] == {"stdout": [FILL]}
