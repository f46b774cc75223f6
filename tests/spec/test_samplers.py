"""A sampler is one row: what every other part asks of one stands there."""

from __future__ import annotations

from typing import get_args

import pytest

from playbook_cli.records import Parameter
from playbook_cli.sampling import make
from playbook_cli.spec.samplers import SAMPLERS, SamplerName
from playbook_cli.spec.space import Space

SPACE = Space([Parameter(name="x", label="x", role="nuisance", kind="float", high=1.0, points=4)], {})
ALONE = [name for name, kind in SAMPLERS.items() if kind.drawn]


def test_each_name_that_a_study_file_may_give_has_its_row():
    assert set(get_args(SamplerName)) == set(SAMPLERS)


@pytest.mark.parametrize("name", ALONE)
def test_its_points_depend_on_the_seed_exactly_where_its_row_says_so(name):
    def points(seed):
        return [trial.params for trial in make(name, seed).suggest(SPACE, (), 4)]

    assert (points(0) != points(1)) is SAMPLERS[name].seeded
