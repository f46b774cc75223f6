from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder of this name, the same for all processes of a parallel test run."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base).joinpath
