from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from playbook_cli.errors import PlaybookError
from playbook_cli.ingest import tensorboard
from playbook_cli.ingest.runs import Ask

_spec = importlib.util.spec_from_file_location("event_file", Path(__file__).with_name("event_file.py"))
writing = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writing)
event_file, hparams, scalars = writing.event_file, writing.hparams, writing.scalars
