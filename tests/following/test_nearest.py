"""Where a pattern and the line that comes nearest to it part."""

from __future__ import annotations

import time

import pytest

from playbook_cli.following.nearest import nearest

LINES = ["loading", *(f"Epoch {number}: val loss {1 / number:.4f}" for number in range(1, 5))]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"Epoch (?P<step>\d+): val_loss (?P<v>\S+)", "expects '_loss (?P<v>\\S+)', but the line has ' loss'"),
        (r"epoch (?P<step>\d+): val loss (?P<v>\S+)", "differs in upper and lower case"),
        (r"Epoch:\s*(?P<step>\d+)", "after 'Epoch' the pattern expects ':\\s*(?P<step>\\d+)'"),
        (r"Epoch (?P<step>\d+): val loss (?P<v>[\d.]+)%", "the pattern expects '%', but the line ends"),
    ],
)
def test_the_difference_is_named(pattern, said):
    assert said in str(nearest(pattern, LINES))


@pytest.mark.parametrize("pattern", [r"iter (?P<step>\d+)", r"(?P<step>\d+)/\d+", "", "("])
def test_what_is_not_near_is_not_named(pattern):
    assert nearest(pattern, LINES if pattern else []) is None


@pytest.mark.slow
def test_a_pattern_that_takes_for_ever_is_given_up():
    begun = time.process_time()
    assert nearest(r"(a+)+b", ["a" * 40]) is None
    assert time.process_time() - begun < 20
