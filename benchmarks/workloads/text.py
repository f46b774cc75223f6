"""The transformer of `playbook_cli.workloads.textlm` with shorter evaluations: 1,024 characters of each text."""

from __future__ import annotations

from functools import cache

from playbook_cli.workloads import textlm

DEFAULTS = textlm.DEFAULTS
textlm.EVALUATED = 1024
textlm.load = cache(textlm.load)
train = textlm.train
