"""How a sweep says what its learning rates did."""

from __future__ import annotations

import pytest

from playbook_cli.sweep.answer import _moving
from tests.sweep.points import point


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (-0.1, "; train_loss falling by 10.00% in the last quarter"),
        (0.25, "; train_loss rising by 25.00% in the last quarter"),
        (5e52, "; train_loss more than doubled in the last quarter"),
        (0.0, "; train_loss flat"),
        (None, ""),
    ],
)
def test_how_the_loss_moved_is_told_in_numbers_that_can_be_read(change, said):
    assert _moving(point(0.1, loss_change=change)) == said
