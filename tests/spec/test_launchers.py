"""A launcher is one row: what every other part asks of one stands there."""

from __future__ import annotations

from importlib import import_module
from typing import get_args

import pytest

from playbook_cli.spec.launchers import CLUSTERS, LauncherName


def test_each_name_that_a_study_file_may_give_is_this_machine_or_has_its_row():
    assert set(get_args(LauncherName)) == {"local", *CLUSTERS}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=list(CLUSTERS))
def test_a_row_names_what_makes_the_launcher(cluster):
    module, _, made = cluster.place.partition(":")
    assert callable(getattr(import_module(f"playbook_cli.launch.{module}"), made))
