"""The process of a trial whose study names a function: `python -m playbook_cli.launch.entry module:function`.

With `--check` before it, the function is only imported.
"""

from __future__ import annotations

import importlib
import sys

from playbook_cli.client import current_trial
from playbook_cli.errors import ProtocolError


def main(arguments: list[str]) -> None:
    """Call the function with the current trial."""
    module, _, name = arguments[-1].partition(":")
    function = getattr(importlib.import_module(module), name, None)
    if not callable(function):
        raise ProtocolError(f"{module} has no function {name}", hint="write train: module:function in the study file")
    if "--check" not in arguments:
        function(current_trial())


if __name__ == "__main__":
    main(sys.argv[1:])
