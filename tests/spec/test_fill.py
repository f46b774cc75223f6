"""Places of a study file that are still to be filled in."""

from __future__ import annotations

import pytest

from playbook_cli.errors import SpecError
from playbook_cli.spec.fill import with_stand_ins
from playbook_cli.spec.load import validate
from playbook_cli.spec.source import parse

STUDY = """\
name: a
command: [python, train.py, --data=FILL-IN]
metric: {name: FILL-IN, goal: FILL-IN}
max_train_steps: 3
trials: 2
nuisance:
  FILL-IN: {min: FILL-IN, max: FILL-IN}
"""


def test_each_place_is_named_with_its_line_and_nothing_else_is_complained_of():
    with pytest.raises(SpecError) as refused:
        validate(parse(STUDY, "study.yaml"))
    lines = [line for line in str(refused.value).splitlines() if "FILL-IN;" not in line]
    assert lines == [
        "study.yaml:2: command: --data=FILL-IN is still to be filled in",
        "study.yaml:3: metric.name: it is still to be filled in",
        "study.yaml:3: metric.goal: it is still to be filled in",
        "study.yaml:7: nuisance.FILL-IN: the name of a hyperparameter is still to be filled in",
    ]


def test_stand_ins_make_a_study_of_the_rest():
    read = parse(STUDY, "study.yaml")
    assert validate(parse(str(with_stand_ins(read.data)), "x"))[0].metric.goal == "minimize"
